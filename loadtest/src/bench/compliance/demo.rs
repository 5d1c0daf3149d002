//! The series that the compliance suite asks for: three instances of PromLabs' demo service, a pure function of time.
//!
//! Counters are reset now and then, some series come and go, one says so by markers of staleness.
use std::f64::consts::TAU;

use model::STALE_NAN;
use xxhash_rust::xxh3::xxh3_64;

use crate::fleet::{fraction, hash};

/// The upper bounds of the histograms' buckets.
const BOUNDS: [&str; 6] = ["0.01", "0.1", "0.5", "1", "2.5", "+Inf"];
/// A counter begins anew after so many seconds.
const LIFE: f64 = 1700.0;

/// How a series' values go.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A gauge of whole bytes.
    Bytes,
    /// Seconds that add up, and begin anew.
    Seconds,
    /// Events up to a bucket's bound, by its number, and beginning anew.
    Bucket(usize),
    /// The same number for ever.
    Fixed(f64),
    /// When something went well last, in seconds since the epoch.
    LastSuccess,
    /// One, for some minutes; then a marker and nothing.
    Intermittent,
    /// Whether this second is of one kind, by its number.
    Holiday,
}

/// A series.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Sorted by name.
    pub(super) labels: Vec<(&'static str, String)>,
    kind: Kind,
    chance: u64,
}

impl Member {
    /// Its sample at a time in seconds since the epoch.
    pub(super) fn value(&self, seconds: f64) -> Option<f64> {
        let noise = fraction(hash([self.chance, seconds as u64]), 0);
        let phase = fraction(self.chance, 0) * TAU;
        let swing = (seconds / 900.0 * TAU + phase).sin();
        let alive = (seconds + fraction(self.chance, 16) * LIFE) % LIFE;
        let grown = |rate: f64| rate * (alive + 40.0 * (1.0 + swing));
        Some(match self.kind {
            Kind::Bytes => (2.1e8 * (1.5 + swing) + 1e6 * noise).floor(),
            Kind::Seconds => grown(0.1 + fraction(self.chance, 32)) + 0.01 * noise,
            Kind::Bucket(n) => (grown(3.0) * (n + 1) as f64).floor(),
            Kind::Fixed(value) => value,
            Kind::LastSuccess => (seconds / 180.0).floor() * 180.0 + noise,
            Kind::Intermittent => match (seconds % 600.0) as u64 {
                0..300 => 1.0,
                300..315 => STALE_NAN,
                _ => return None,
            },
            Kind::Holiday => f64::from(u8::from(noise < 0.3)),
        })
    }
}

/// All of them.
pub(super) fn members() -> Vec<Member> {
    let mut list = Vec::new();
    for instance in 0..3 {
        let mut add = |name: &str, more: &[(&'static str, &str)], kind| {
            // The series of one histogram go together.
            let family = more.iter().filter(|(name, _)| *name != "le");
            let family: Vec<_> = family.map(|(_, value)| *value).collect();
            let family = match more.is_empty() {
                true => name.to_owned(),
                false => family.join(" "),
            };
            let mut labels = vec![
                ("__name__", name.to_owned()),
                (
                    "instance",
                    format!("demo.promlabs.com:{}", 10_000 + instance),
                ),
                ("job", "demo".to_owned()),
            ];
            labels.extend(
                more.iter()
                    .map(|(name, value)| (*name, (*value).to_owned())),
            );
            labels.sort();
            let chance = hash([instance, xxh3_64(family.as_bytes())]);
            list.push(Member {
                labels,
                kind,
                chance,
            });
        };
        for kind in ["used", "free", "buffers", "cached"] {
            add("demo_memory_usage_bytes", &[("type", kind)], Kind::Bytes);
        }
        for mode in ["idle", "system", "user"] {
            add(
                "demo_cpu_usage_seconds_total",
                &[("mode", mode)],
                Kind::Seconds,
            );
        }
        add("demo_num_cpus", &[], Kind::Fixed(4.0));
        add("demo_disk_usage_bytes", &[], Kind::Bytes);
        add("demo_disk_total_bytes", &[], Kind::Fixed(1e12));
        add(
            "demo_batch_last_success_timestamp_seconds",
            &[],
            Kind::LastSuccess,
        );
        add(
            "demo_batch_last_run_timestamp_seconds",
            &[],
            Kind::LastSuccess,
        );
        add("demo_intermittent_metric", &[], Kind::Intermittent);
        add("demo_is_holiday", &[], Kind::Holiday);
        add("demo_items_shipped_total", &[], Kind::Bucket(0));
        for (method, path, status) in [
            ("GET", "/api/bar", "200"),
            ("GET", "/api/foo", "200"),
            ("GET", "/api/foo", "500"),
            ("POST", "/api/foo", "200"),
        ] {
            let labels = [("method", method), ("path", path), ("status", status)];
            let name = "demo_api_request_duration_seconds";
            for (n, le) in BOUNDS.into_iter().enumerate() {
                let labels = [&labels[..], &[("le", le)]].concat();
                add(&format!("{name}_bucket"), &labels, Kind::Bucket(n));
            }
            add(
                &format!("{name}_count"),
                &labels,
                Kind::Bucket(BOUNDS.len() - 1),
            );
            add(&format!("{name}_sum"), &labels, Kind::Seconds);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_no_two_series_are_alike() {
        let list = members();
        assert!(list.iter().all(|m| m.labels.is_sorted()));
        let distinct: std::collections::BTreeSet<_> = list.iter().map(|m| &m.labels).collect();
        assert_eq!(distinct.len(), list.len());
    }

    #[test]
    fn a_series_that_comes_and_goes_says_so_once() {
        let list = members();
        let of_it = |m: &&Member| matches!(m.kind, Kind::Intermittent);
        let values: Vec<_> = (0..40)
            .map(|i| list.iter().find(of_it).unwrap().value(f64::from(i) * 15.0))
            .collect();
        let markers = values.iter().flatten().filter(|v| v.is_nan()).count();
        assert_eq!((markers, values.iter().flatten().count()), (1, 21));
    }
}
