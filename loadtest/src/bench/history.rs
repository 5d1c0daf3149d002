//! Hours of samples that every system is given by remote write before it is measured.
mod corpus;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use model::{Millis, Timestamp};

use super::{remote_write, running::Running};
use crate::{duration, say};

/// How many samples of each series one request of remote write has.
const POINTS_A_REQUEST: i64 = 20;
/// Samples lie so far beside the grid of the queries' steps, so that none stands on a window's border, where the
/// versions of Prometheus differ.
const BESIDE: Millis = Millis::new(7_007);
/// The newest sample is so old that no system holds it back.
const AGE: Millis = Millis::from_seconds(300);

/// How much there is of it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct History {
    /// How many instances there are, of 1,000 series each.
    #[arg(long, default_value_t = 10)]
    instances: usize,
    /// How far the samples reach back.
    #[arg(long, default_value = "6h", value_parser = duration)]
    span: Millis,
    /// The distance of samples.
    #[arg(long, default_value = "15s", value_parser = duration)]
    interval: Millis,
}

/// What the systems hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    /// No sample is newer.
    pub(super) end: Timestamp,
    pub(super) n_samples: usize,
}

impl History {
    /// Gives all of it to every one of `systems`, up to a few minutes and `age` ago, and waits until they have digested it.
    pub(super) async fn fill(&self, age: Millis, systems: &[Running]) -> anyhow::Result<Filled> {
        let interval = self.interval.as_millis();
        ensure!(interval > 0, "--interval is zero");
        let begun = Instant::now();
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let end = since - AGE.as_millis() - age.as_millis();
        let end = Timestamp::from_millis(end / 60_000 * 60_000);
        let members: Vec<_> = (0..self.instances).map(corpus::members).collect();
        let n_points = self.span.as_millis() / interval;
        let start = (end - self.span - BESIDE).as_millis();
        for first in (1..=n_points).step_by(POINTS_A_REQUEST as usize) {
            let points: Vec<(i64, f64)> = (first..=n_points.min(first + POINTS_A_REQUEST - 1))
                .map(|i| (start + interval * i, (interval * i) as f64 / 1e3))
                .collect();
            for members in &members {
                let request = remote_write::request(members.iter().map(|member| {
                    let sample = |(at, seconds): &(i64, f64)| (*at, member.value(*seconds));
                    (&member.labels[..], points.iter().map(sample))
                }));
                let sends = systems.iter().map(|system| system.send(request.clone()));
                futures::future::try_join_all(sends).await?;
            }
        }
        let n_series = self.instances * corpus::SERIES;
        let seconds = begun.elapsed().as_secs_f64();
        say(&format!(
            "{n_series} series with {n_points} samples each were sent in {seconds:.0} s"
        ));
        for system in systems {
            let all = self.instances as f64;
            system.answers("count(service_info)", end, all).await?;
            system.is_idle().await?;
        }
        Ok(Filled {
            end,
            n_samples: n_series * n_points as usize,
        })
    }
}
