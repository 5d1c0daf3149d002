//! Two servers side by side: Pleiades and the Prometheus that Debian has, each on a folder of its own.
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use loadtest::compare::{Client, Query};
use model::Timestamp;
use serde_json::Value;

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn start(mut program: Command) -> Self {
        program
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(program.spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server with Prometheus' flags and API.
pub(crate) struct Scraper {
    _process: Process,
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Scraper {
    /// Starts `program`, which takes Prometheus' flags, on a `folder` of its own with the one scrape configuration
    /// `job`, written as the item of a list.
    pub(crate) fn start(mut program: Command, folder: &Path, job: &str) -> Self {
        std::fs::create_dir(folder).unwrap();
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, format!("scrape_configs:\n{job}")).unwrap();
        let address = free_address();
        program
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let url = format!("http://{address}");
        Self {
            _process: Process::start(program),
            client: Client::new(url.parse().unwrap()),
            url,
        }
    }

    /// The series that `expr` gives at `end`; none while the server is not up.
    pub(crate) async fn series(&self, expr: &str, end: f64) -> Vec<Value> {
        let query = Query {
            text: expr.to_owned(),
            end,
            range: None,
        };
        let answer = self.client.ask(&query).await.unwrap_or_default();
        let series = answer["data"]["result"].as_array();
        series.cloned().unwrap_or_default()
    }

    /// Waits until `expr` gives `n` series.
    pub(crate) async fn gives(&self, expr: &str, n: usize) {
        until(&format!("{} gives {n} of {expr}", self.url), async || {
            let found = self.series(expr, now().as_seconds()).await.len();
            match found == n {
                true => Ok(()),
                false => Err(format!("{found} series")),
            }
        })
        .await;
    }
}

/// Asks until an answer comes; the last reason why not is told if none comes in half a minute.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFn() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(why) if begun.elapsed() > Duration::from_secs(30) => {
                panic!("waited in vain until {what}: {why}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(since.as_millis() as i64)
}

/// A loopback address that nobody listens on.
pub(crate) fn free_address() -> String {
    let listener = runtime::free_listener().unwrap();
    listener.local_addr().unwrap().to_string()
}

/// `pleiades all` as cargo built it beside this test.
pub(crate) fn pleiades() -> Command {
    let test = std::env::current_exe().unwrap();
    let folder: Option<PathBuf> = test.ancestors().nth(2).map(Path::to_owned);
    let program = folder.unwrap().join("pleiades");
    assert!(
        program.exists(),
        "{} is not built: `cargo build -p pleiades` first, or `cargo test --workspace`",
        program.display()
    );
    let mut all = Command::new(program);
    all.arg("all");
    all
}

/// True if all of `programs` are installed; tells of the first that is not.
pub(crate) fn are_installed(programs: &[&str]) -> bool {
    let is_missing = |program: &&&str| {
        let mut version = Command::new(program);
        version
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        !version.status().is_ok_and(|status| status.success())
    };
    let missing = programs.iter().find(is_missing);
    if let Some(missing) = missing {
        let _ = writeln!(std::io::stderr(), "skipped: there is no {missing}");
    }
    missing.is_none()
}

/// Starts the node exporter at `address`; it ends with what is returned.
pub(crate) fn node_exporter(address: &str) -> impl Drop + use<> {
    let mut program = Command::new(NODE_EXPORTER);
    program.arg(format!("--web.listen-address={address}"));
    Process::start(program)
}

/// The programs of Debian.
pub(crate) const PROMETHEUS: &str = "prometheus";
pub(crate) const NODE_EXPORTER: &str = "prometheus-node-exporter";
