//! Metrics of the process itself, read from /proc at each scrape, under the names that Prometheus' clients use.
use std::fs;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge, info::Info},
    registry::Registry,
};

/// Jiffies a second: fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes a page.
const PAGE_BYTES: f64 = 4096.0;

/// A registry with the metrics that every process has: its version and what the kernel tells of it.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process));
    let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register(
        "pleiades_build",
        "What this process was built from",
        version,
    );
    // The dashboards and alerts of Prometheus find by it what they are about; the version is that of its behaviour.
    let version = Info::new(vec![
        ("version", "3.14.0"),
        ("revision", concat!("pleiades-", env!("CARGO_PKG_VERSION"))),
    ]);
    registry.register(
        "prometheus_build",
        "The version of Prometheus that this process behaves like",
        version,
    );
    registry
}

/// `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`,
/// `process_start_time_seconds`, `process_open_fds`, `process_max_fds` and `process_threads`.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(stat) = Stat::read() else {
            return Ok(());
        };
        let cpu = ConstCounter::new(stat.cpu_seconds);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            "Total user and system CPU time spent in seconds",
            None,
            cpu.metric_type(),
        )?)?;
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Resident memory size in bytes",
                stat.resident_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes",
                stat.virtual_bytes,
            ),
            (
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds",
                stat.start_seconds,
            ),
            (
                "process_threads",
                "Number of OS threads in the process",
                stat.threads,
            ),
            (
                "process_open_fds",
                "Number of open file descriptors",
                open_fds(),
            ),
            (
                "process_max_fds",
                "Maximum number of open file descriptors",
                max_fds(),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// What `/proc/self/stat` tells.
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    start_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let boot = fs::read_to_string("/proc/stat").ok()?;
        let boot_seconds = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
        Self::parse(&stat, boot_seconds.trim().parse().ok()?)
    }

    /// Reads the fields after the command's name, which may itself hold blanks and parentheses.
    fn parse(stat: &str, boot_seconds: f64) -> Option<Self> {
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        // proc(5) counts from 1 and the state, field 3, stands first here.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / TICKS_PER_SECOND,
            threads: field(20)?,
            start_seconds: boot_seconds + field(22)? / TICKS_PER_SECOND,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * PAGE_BYTES,
        })
    }
}

fn open_fds() -> f64 {
    fs::read_dir("/proc/self/fd").map_or(0.0, |entries| entries.count() as f64)
}

fn max_fds() -> f64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_command_may_hold_anything() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9 0 1000 4096000 100 0";
        let stat = Stat::parse(stat, 1e9).unwrap();
        assert_eq!(stat.cpu_seconds, 2.0);
        assert_eq!(stat.threads, 9.0);
        assert_eq!(stat.start_seconds, 1e9 + 10.0);
        assert_eq!(stat.resident_bytes, 409_600.0);
    }

    #[test]
    fn the_page_has_the_names_that_dashboards_use() {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry()).unwrap();
        for name in [
            "process_cpu_seconds_total ",
            "process_open_fds ",
            "pleiades_build_info{",
        ] {
            assert!(page.contains(name), "{name} is not in\n{page}");
        }
    }
}
