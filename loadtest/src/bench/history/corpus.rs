//! The series that are asked for: what a few services of one cluster tell, a pure function of instance and time.
//!
//! An instance has [`SERIES`] series: counters by path, code and method, histograms by path, gauges by container and
//! queue, seconds by CPU. A quarter are gauges with all digits; counters grow at rates that change.
use std::f64::consts::TAU;

use crate::fleet::{fraction, hash};

/// How many series an instance has.
pub(super) const SERIES: usize = 1000;
/// The upper bounds of the histograms' buckets.
pub(super) const BOUNDS: [&str; 12] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf",
];
/// What counts has counted for so long before the first sample: none is taken to begin at zero.
const SINCE_START: f64 = 86_400.0;
const PATHS: usize = 25;
const CODES: [&str; 4] = ["200", "404", "500", "503"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const N_CONTAINERS: usize = 125;
const N_QUEUES: usize = 125;
const MODES: [&str; 9] = [
    "user", "system", "idle", "iowait", "irq", "softirq", "steal", "nice", "guest",
];
const N_CPUS: usize = 11;

/// How a series' values go.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Whole events at a rate that swings.
    Events,
    /// The events up to a bucket's bound, by its number.
    Bucket(usize),
    /// Seconds that add up, with all digits.
    Seconds,
    /// A gauge of whole bytes.
    Bytes,
    /// A gauge with all digits.
    Level,
    /// One.
    Info,
}

/// A series, whose values follow from its number and the time.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Sorted by name.
    pub(super) labels: Vec<(&'static str, String)>,
    kind: Kind,
    chance: u64,
}

/// The series of instance number `instance`.
pub(super) fn members(instance: usize) -> Vec<Member> {
    let mut list = Vec::with_capacity(SERIES);
    let mut add = |name: &str, more: &[(&'static str, String)], kind, chance: usize| {
        let mut labels = vec![
            ("__name__", name.to_owned()),
            ("job", format!("service-{}", instance % 5)),
            ("instance", format!("10.0.0.{instance}:8080")),
            ("namespace", format!("team-{}", instance % 3)),
            ("pod", format!("service-{}-{instance}", instance % 5)),
        ];
        labels.extend_from_slice(more);
        labels.sort();
        list.push(Member {
            labels,
            kind,
            chance: hash([instance as u64, chance as u64]),
        });
    };
    for path in 0..PATHS {
        let label = ("path", format!("/api/v1/items/{path}"));
        for (c, code) in CODES.iter().enumerate() {
            for (m, method) in METHODS.iter().enumerate() {
                let more = [
                    label.clone(),
                    ("code", (*code).to_owned()),
                    ("method", (*method).to_owned()),
                ];
                let chance = (path * CODES.len() + c) * METHODS.len() + m;
                add("http_requests_total", &more, Kind::Events, chance);
            }
        }
        for (b, bound) in BOUNDS.iter().enumerate() {
            let more = [label.clone(), ("le", (*bound).to_owned())];
            let name = "http_request_duration_seconds_bucket";
            add(name, &more, Kind::Bucket(b), 1000 + path);
        }
        let (count, sum) = (
            "http_request_duration_seconds_count",
            "http_request_duration_seconds_sum",
        );
        let last = Kind::Bucket(BOUNDS.len() - 1);
        add(count, std::slice::from_ref(&label), last, 1000 + path);
        add(sum, &[label], Kind::Seconds, 1000 + path);
    }
    for i in 0..N_CONTAINERS {
        let label = [("container", format!("container-{i}"))];
        add("container_memory_bytes", &label, Kind::Bytes, 2000 + i);
    }
    for i in 0..N_QUEUES {
        let label = [("queue", format!("queue-{i}"))];
        add("queue_depth", &label, Kind::Level, 3000 + i);
    }
    for cpu in 0..N_CPUS {
        for (m, mode) in MODES.iter().enumerate() {
            let more = [("cpu", cpu.to_string()), ("mode", (*mode).to_owned())];
            let chance = 4000 + cpu * MODES.len() + m;
            add("cpu_seconds_total", &more, Kind::Seconds, chance);
        }
    }
    let version = [("version", format!("1.{}.0", instance % 4))];
    add("service_info", &version, Kind::Info, 5000);
    list
}

impl Member {
    /// The value, `seconds` after the first sample.
    pub(super) fn value(&self, seconds: f64) -> f64 {
        let seconds = SINCE_START + seconds;
        let part = |shift| fraction(self.chance, shift);
        let omega = TAU / (600.0 + part(32) * 3000.0);
        match self.kind {
            Kind::Events => self.events(seconds),
            Kind::Bucket(bound) => {
                let middle = part(8) * BOUNDS.len() as f64;
                let share = match bound + 1 == BOUNDS.len() {
                    true => 1.0,
                    false => 1.0 / (1.0 + (middle - bound as f64).exp()),
                };
                (self.events(seconds) * share).floor()
            }
            Kind::Seconds => {
                let slope = 0.01 + part(0);
                slope
                    * (seconds
                        + (part(16).cos() - (omega * seconds + part(16)).cos()) / 2.0 / omega)
            }
            Kind::Bytes => {
                let noise = fraction(hash([self.chance, (seconds / 60.0) as u64]), 0);
                let size = 1e6 * (1.0 + 400.0 * part(0));
                (size * (1.0 + 0.3 * (omega * seconds).sin() + 0.05 * noise) / 4096.0).floor()
                    * 4096.0
            }
            Kind::Level => {
                let noise = fraction(hash([self.chance, seconds as u64]), 0);
                100.0 * part(0) * (1.0 + 0.5 * (omega * seconds).sin() + 0.1 * noise)
            }
            Kind::Info => 1.0,
        }
    }

    fn events(&self, seconds: f64) -> f64 {
        let (activity, phase) = (fraction(self.chance, 0), fraction(self.chance, 16) * TAU);
        let rate = 10_f64.powf(activity * 4.0 - 1.0);
        let omega = TAU / (600.0 + fraction(self.chance, 32) * 3000.0);
        // The integral of rate * (1 + sin(omega * t + phase) / 2).
        (rate * (seconds + (phase.cos() - (omega * seconds + phase).cos()) / (2.0 * omega))).floor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_a_thousand_series_and_its_counters_never_fall() {
        let members = members(3);
        assert_eq!(members.len(), SERIES);
        let mut names: Vec<_> = members.iter().map(|m| &m.labels).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), SERIES);
        let counts = |m: &&Member| matches!(m.kind, Kind::Events | Kind::Bucket(_) | Kind::Seconds);
        for member in members.iter().filter(counts) {
            let values: Vec<f64> = (0..100)
                .map(|i| member.value(f64::from(i) * 15.0))
                .collect();
            assert!(values.is_sorted(), "{:?}", member.labels);
        }
    }
}
