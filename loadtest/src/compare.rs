//! The same queries to two Prometheus APIs, and where their answers differ: values as the strings that they send, so
//! bit for bit.
mod client;
mod difference;
mod queries;

use std::path::PathBuf;

use anyhow::Context as _;
use http::Uri;
use model::Millis;

pub use self::{
    client::Client,
    difference::differences,
    queries::{BUILT_IN, Query},
};
use crate::{duration, say};

/// What to ask whom.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The first API, up to before /api/v1.
    #[arg(long)]
    pub left: Uri,
    /// The second API.
    #[arg(long)]
    pub right: Uri,
    /// Queries, one a line; lines that begin with # are skipped. Without a file, some over a fleet's series are asked.
    #[arg(long)]
    pub queries: Option<PathBuf>,
    /// The time to ask for, in seconds since the Unix epoch; late enough in the past that both have all samples up to it.
    #[arg(long)]
    pub time: f64,
    /// How far back range queries reach.
    #[arg(long, default_value = "10m", value_parser = duration)]
    pub range: Millis,
    /// The step of range queries.
    #[arg(long, default_value = "15s", value_parser = duration)]
    pub step: Millis,
    /// Labels to leave out of the comparison, for systems that add some.
    #[arg(long = "without-label")]
    pub without_labels: Vec<String>,
    /// How many differences to show of each query.
    #[arg(long, default_value_t = 5)]
    pub show: usize,
}

/// Asks both and prints the differences; true if there are none.
///
/// # Errors
/// If the queries cannot be read, or one of the two does not answer as a Prometheus API does.
pub async fn run(args: Args) -> anyhow::Result<bool> {
    let texts = match &args.queries {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("read the queries in {}", file.display()))?,
        None => BUILT_IN.to_owned(),
    };
    let (left, right) = (Client::new(args.left), Client::new(args.right));
    let (mut n_asked, mut n_different) = (0, 0);
    for query in queries::of_lines(&texts, args.time, args.range, args.step) {
        let (ours, theirs) = tokio::try_join!(left.ask(&query), right.ask(&query))?;
        let differences = differences(&query, &ours, &theirs, &args.without_labels);
        n_asked += 1;
        if differences.is_empty() {
            continue;
        }
        n_different += 1;
        say(&format!("{query}: {} differences", differences.len()));
        for difference in differences.iter().take(args.show) {
            say(&format!("  {difference}"));
        }
    }
    say(&format!(
        "{n_asked} queries, {n_different} with differences"
    ));
    anyhow::ensure!(n_asked > 0, "there was nothing to ask");
    Ok(n_different == 0)
}
