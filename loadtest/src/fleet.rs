//! A fleet of targets that one process plays, for scrapers to be measured and compared with.
mod gaps;
mod layout;
mod number;
mod page;
mod replay;
mod server;
mod value;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use model::Millis;

pub(crate) use self::number::{fraction, hash};
pub use self::{
    page::{Churn, Fleet, Shape},
    server::{Addresses, Server},
};
use crate::{duration, say, told_to_end};

/// The settings of a fleet.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How many targets.
    #[arg(long, default_value_t = 10)]
    pub targets: usize,
    /// How many series each target has.
    #[arg(long, default_value_t = 1000)]
    pub series: usize,
    /// Recorded pages in the text format, with which targets take turns in place of made-up series; their values move.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["series", "churn", "explicit_timestamps"])]
    pub pages: Vec<PathBuf>,
    /// Where to listen; with port 0 any free one is taken. Targets are /t/0/metrics, /t/1/metrics, …
    #[arg(long, default_value = "127.0.0.1:9400")]
    pub listen: SocketAddr,
    /// Gives each target a port of its own, counted up from that of --listen, with the path /metrics.
    #[arg(long)]
    pub ports: bool,
    /// The host that the lists of targets name, in place of the one listened on.
    #[arg(long)]
    pub advertise: Option<String>,
    /// What the targets' label `instance` begins with, for fleets beside each other: target-0, target-1, …
    #[arg(long, default_value = "target")]
    pub name: String,
    /// Every value follows from it, the target and the time.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The part of the series that are replaced by others now and then, from 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub churn: f64,
    /// How long such a series lives.
    #[arg(long, default_value = "10m", value_parser = duration)]
    pub interval_churn: Millis,
    /// Writes the time on every line, so that all scrapers of the fleet get the same samples.
    #[arg(long)]
    pub explicit_timestamps: bool,
    /// The grid on which explicit times lie.
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub grid: Millis,
    /// Compresses pages for those who accept it.
    #[arg(long)]
    pub gzip: bool,
    /// A file to write the list of targets to, for `file_sd_configs`; it is also served as /targets, for `http_sd_configs`.
    #[arg(long)]
    pub write_file_sd: Option<PathBuf>,
}

impl Args {
    fn shape(&self) -> anyhow::Result<Shape> {
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.churn),
            "--churn {} is not between 0 and 1",
            self.churn
        );
        for (flag, span) in [
            ("--interval-churn", self.interval_churn),
            ("--grid", self.grid),
        ] {
            anyhow::ensure!(span > Millis::ZERO, "{flag} is zero");
        }
        Ok(Shape {
            seed: self.seed,
            targets: self.targets,
            series: self.series,
            churn: Churn {
                fraction: self.churn,
                every: self.interval_churn,
            },
            explicit_grid: self.explicit_timestamps.then_some(self.grid),
        })
    }
}

impl Args {
    fn fleet(&self) -> anyhow::Result<Fleet> {
        let shape = self.shape()?;
        if self.pages.is_empty() {
            return Ok(Fleet::new(shape));
        }
        let read = |path: &PathBuf| {
            std::fs::read(path).with_context(|| format!("read the page {}", path.display()))
        };
        let pages: Vec<_> = self.pages.iter().map(read).collect::<Result<_, _>>()?;
        Fleet::recorded(shape, &pages).map_err(|(i, error)| {
            let page = self.pages[i].display();
            anyhow::anyhow!("read the page {page}: {error}")
        })
    }
}

/// Plays the fleet until the process is told to end.
///
/// # Errors
/// If the settings contradict each other, or an address or the file cannot be had.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let fleet = Arc::new(args.fleet()?);
    let addresses = if args.ports {
        Addresses::PortPerTarget
    } else {
        Addresses::PathPerTarget
    };
    let server = Server::bind(fleet, args.listen, addresses, args.gzip)
        .await
        .with_context(|| format!("listen on {}", args.listen))?
        .advertised_as(args.advertise)
        .named(args.name);
    if let Some(file) = &args.write_file_sd {
        write_whole(file, &server.targets_json())
            .with_context(|| format!("write the targets to {}", file.display()))?;
    }
    say(&format!("listening on {}", server.address()));
    tokio::select! {
        served = server.run() => served.context("serve the fleet"),
        told = told_to_end() => told.context("watch for signals"),
    }
}

/// Writes the file in one step, so that who watches it never reads a half.
fn write_whole(file: &std::path::Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, file)
}
