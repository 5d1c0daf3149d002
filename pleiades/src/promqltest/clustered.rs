//! Scripts over a cluster: what they load goes to the ingesters of a `pleiades local` cluster over gRPC, and each query
//! fans out to them and merges their copies as a querier does.
use std::{
    cell::Cell,
    env, fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail};
use model::Steps;
use promql::{
    Options,
    script::{Answer, Builtin, Engine, Store},
};
use querier::{Embedded, QuerySettings};
use runtime::{Components, Push, PushedSeries};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// So many ingesters, of which each series has two: no ingester has everything.
const INGESTERS: usize = 3;

/// An engine over a cluster of its own, which ends with it.
pub(super) struct Clustered {
    querier: Embedded,
    handle: Handle,
    cluster: Child,
    /// Something was written since all was deleted.
    is_filled: Cell<bool>,
    /// Goes away last.
    _dir: TempDir,
}

impl Clustered {
    /// Starts a cluster and waits until it takes samples; on a thread that may block.
    pub(super) fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("make a temporary directory")?;
        let config = dir.path().join("prometheus.yml");
        fs::write(&config, "").with_context(|| format!("write {}", config.display()))?;
        let mut cluster = Command::new(env::current_exe().context("find this program")?)
            .args([
                "local",
                "up",
                "--discoverers=1",
                "--queriers=0",
                "--rulers=0",
            ])
            .arg(format!("--ingesters={INGESTERS}"))
            .args(["--replication-factor=2", "--log.level=error"])
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--data-dir={}", dir.path().display()))
            // Scripts are about the hours after the epoch.
            .arg("--ingester-arg=--storage.tsdb.retention.time=0s")
            .arg("--ingester-arg=--enable-feature=st-storage")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start a local cluster")?;
        let said = cluster.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        if !lines.any(|line| line == "ready") {
            let ended = cluster.wait().context("wait for the local cluster")?;
            bail!("the local cluster did not start: {ended}");
        }
        let discoverers = crate::local::discoverers(dir.path())?;
        let handle = Handle::current();
        let inside = handle.enter();
        let querier = Embedded::start(discoverers, settings(), Components::system());
        drop(inside);
        handle.block_on(querier.placed(INGESTERS));
        Ok(Self {
            querier,
            handle,
            cluster,
            is_filled: Cell::new(false),
            _dir: dir,
        })
    }
}

/// Those that scripts are written for.
fn settings() -> QuerySettings {
    let options = Builtin::default().options;
    QuerySettings {
        max_samples: options.max_samples,
        language: Options::ALL,
        delayed_name_removal: options.delayed_name_removal,
        start_timestamps: options.start_timestamps,
        ..QuerySettings::default()
    }
}

impl Engine for Clustered {
    fn loaded(&self, store: &Store) -> Result<(), String> {
        let series = store.iter().map(|(labels, series)| PushedSeries {
            labels: labels.clone(),
            samples: series.samples.clone(),
            histograms: series.histograms.clone(),
            starts: series.starts.clone(),
            exemplars: Vec::new(),
        });
        let push = Push {
            series: series.collect(),
            // A script may load what lies before that which it has loaded.
            backfill: true,
            ..Push::default()
        };
        let was_filled = self.is_filled.replace(!push.series.is_empty());
        if push.series.is_empty() {
            return match was_filled {
                true => self.handle.block_on(self.querier.clear()),
                false => Ok(()),
            };
        }
        let written = self.handle.block_on(self.querier.write(&push));
        let written = written.map_err(|error| error.to_string())?;
        match written.n_refused {
            0 => Ok(()),
            _ => Err(written.reason),
        }
    }

    fn answer(&self, _store: &Store, query: &str, steps: Steps) -> Result<Answer, String> {
        let answered = self.handle.block_on(self.querier.query(query, steps))?;
        Ok(Answer {
            value: answered.value.into(),
            warnings: answered.warnings,
            infos: answered.infos,
        })
    }
}

impl Drop for Clustered {
    /// Ends the cluster in order, so that none of its processes stays.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.cluster), Signal::TERM);
        let _ = self.cluster.wait();
    }
}
