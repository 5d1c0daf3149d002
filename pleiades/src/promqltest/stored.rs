//! Scripts over the storage engine: what they load is written to a store on disk and read back for each query.
use std::{cell::RefCell, sync::Arc};

use model::{Matcher, Millis, NodeId, Outcome, Series, Stamp, Steps, TimeRange, Timestamp};
use promql::script::{Answer, Builtin, Engine, Store, answer};
use tempfile::TempDir;
use tsdb::{Options, Pushed, Tsdb};

/// An engine over a store in a temporary directory.
#[derive(Debug, Default)]
pub(super) struct Stored {
    builtin: Builtin,
    /// None until something is loaded.
    database: RefCell<Option<Database>>,
}

#[derive(Debug)]
struct Database {
    tsdb: Tsdb,
    /// Goes away with the last of it.
    _dir: TempDir,
}

/// Scripts are about the hours after the epoch.
const NOW: Timestamp = Timestamp::from_millis(30 * 86_400_000);

impl Engine for Stored {
    fn loaded(&self, store: &Store) -> Result<(), String> {
        let mut database = self.database.borrow_mut();
        if store.iter().next().is_none() {
            *database = None;
            return Ok(());
        }
        let database = match &mut *database {
            Some(database) => database,
            none => none.insert(Database::open().map_err(told)?),
        };
        database.write(store).map_err(told)
    }

    fn answer(&self, _store: &Store, query: &str, steps: Steps) -> Result<Answer, String> {
        let database = self.database.borrow();
        answer(
            &self.builtin.options,
            query,
            steps,
            &|selection| match &*database {
                Some(database) => database
                    .series(&selection.matchers, selection.range)
                    .map_err(told),
                None => Ok(Vec::new()),
            },
        )
    }
}

fn told(error: anyhow::Error) -> String {
    format!("{error:#}")
}

impl Database {
    fn open() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = kv::Db::open(dir.path(), kv::Tuning::default())?;
        let options = Options {
            retention: None,
            ..Options::default()
        };
        let tsdb = Tsdb::open(Arc::new(store), options, NOW)?;
        Ok(Self { tsdb, _dir: dir })
    }

    /// Writes what is not there yet, and moves it to where it stays.
    fn write(&self, store: &Store) -> anyhow::Result<()> {
        let series: Vec<Pushed<'_>> = store
            .iter()
            .map(|(labels, series)| Pushed {
                labels,
                samples: &series.samples,
                histograms: &series.histograms,
                starts: &series.starts,
            })
            .collect();
        let stamp = Stamp {
            outcome: Outcome::Success,
            epoch: 1,
            rank: 0,
            node: NodeId(1),
        };
        let written = self.tsdb.backfill(&series, &|_| stamp)?;
        if let Some(refused) = written.refused.first() {
            let labels = series[refused.series].labels;
            anyhow::bail!("{labels} at {}: {}", refused.sample.at, refused.reason);
        }
        self.tsdb.maintain(NOW + Millis::from_seconds(86_400))?;
        Ok(())
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> anyhow::Result<Vec<Arc<Series>>> {
        let slices = self.tsdb.select(matchers, range)?;
        let slices = slices.collect::<Result<Vec<_>, _>>()?;
        let series = querier::merge(slices, range);
        Ok(series.into_iter().map(Arc::new).collect())
    }
}
