//! Pleiades beside Prometheus under a real exporter: one node exporter, scraped by both, is the same series in both.
#[allow(dead_code, reason = "each test uses a part of it")]
mod side;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use model::Labels;
use serde_json::Value;
use side::{
    NODE_EXPORTER, PROMETHEUS, Scraper, are_installed, free_address, node_exporter, now, pleiades,
    until,
};

/// Series that never change while the machine is up and the exporter runs.
const CONSTANTS: [&str; 8] = [
    "go_info",
    "node_boot_time_seconds",
    "node_exporter_build_info",
    "node_memory_MemTotal_bytes",
    "node_os_info",
    "node_uname_info",
    "process_start_time_seconds",
    "up",
];
/// What both make themselves of each scrape.
const SYNTHETIC: [&str; 5] = [
    "scrape_duration_seconds",
    "scrape_samples_post_metric_relabeling",
    "scrape_samples_scraped",
    "scrape_series_added",
    "up",
];
/// Long enough that all of a run lies in it.
const RUN: &str = "{job=\"node\"}[5m]";

/// Each series to its samples, as time and the text of the value.
type Samples = BTreeMap<Labels, Vec<(f64, String)>>;

/// All that `server` holds of the exporter.
async fn held(server: &Scraper) -> Samples {
    let series = server.series(RUN, now().as_seconds()).await;
    let sample = |pair: &Value| {
        Some((
            pair[0].as_f64()?,
            pair[1].as_str().unwrap_or("?").to_owned(),
        ))
    };
    let one = |series: &Value| {
        let labels = series["metric"].as_object().unwrap().iter();
        let labels = labels.map(|(name, value)| (name, value.as_str().unwrap()));
        let samples = series["values"].as_array().unwrap().iter();
        (
            Labels::from_pairs(labels),
            samples.filter_map(sample).collect(),
        )
    };
    series.iter().map(one).collect()
}

/// A series of Debian's Prometheus, 2.42, as Prometheus 3 names it: quantiles and bounds of buckets are written as
/// floats whatever the page writes, `1.0` in place of `1`.
fn as_prometheus_3(labels: &Labels) -> Labels {
    let is_whole = |value: &str| value.bytes().all(|b| b.is_ascii_digit());
    let value = |name: &str, value: &str| match name {
        "quantile" | "le" if is_whole(value) => format!("{value}.0"),
        _ => value.to_owned(),
    };
    Labels::from_pairs(labels.iter().map(|(n, v)| (n, value(n, v))))
}

/// Whether both hold the same series; otherwise those that one alone has.
fn same_series(ours: &Samples, theirs: &Samples) -> Result<(), String> {
    let ours: BTreeSet<&Labels> = ours.keys().collect();
    let theirs: BTreeSet<&Labels> = theirs.keys().collect();
    let alone: Vec<_> = ours.symmetric_difference(&theirs).take(10).collect();
    match alone.is_empty() {
        true => Ok(()),
        false => Err(format!("only one of both has {alone:?}")),
    }
}

/// The series that do not change between the scrapes of either, if both hold the same value of them.
///
/// A value that changes once may lie before the scrapes of one and after those of the other, so each must have
/// scraped between two scrapes of the other.
fn same_constants<'s>(ours: &'s Samples, theirs: &Samples) -> Result<BTreeSet<&'s str>, String> {
    let mut constants = BTreeSet::new();
    let span = |samples: &[(f64, String)]| Some((samples.first()?.0, samples.last()?.0));
    for (labels, ours) in ours {
        let theirs = &theirs[labels];
        let (Some((a, b)), Some((c, d))) = (span(ours), span(theirs)) else {
            continue;
        };
        if a.max(c) >= b.min(d) {
            return Err(format!("{labels}: {ours:?} and {theirs:?} lie apart"));
        }
        let is_constant = |samples: &[(f64, String)]| samples.iter().all(|s| s.1 == samples[0].1);
        if !is_constant(ours) || !is_constant(theirs) {
            continue;
        }
        if ours[0].1 != theirs[0].1 {
            return Err(format!("{labels} is {ours:?} and {theirs:?}"));
        }
        constants.insert(labels.get("__name__").unwrap_or_default());
    }
    Ok(constants)
}

/// Lists of `/api/v1/status/tsdb`: the first as long as Debian's Prometheus makes them, ours all of it.
const CARDINALITIES: [&str; 3] = [
    "seriesCountByMetricName",
    "labelValueCountByLabelName",
    "seriesCountByLabelValuePair",
];

/// What `server` counts of its series, list by list.
async fn cardinalities(server: &Scraper) -> Vec<BTreeMap<String, u64>> {
    let path = "/api/v1/status/tsdb?limit=10000";
    let answer = server.client.get(path).await.unwrap_or_default();
    let count = |one: &Value| Some((one["name"].as_str()?.to_owned(), one["value"].as_u64()?));
    let list = |name| answer["data"][name].as_array().into_iter().flatten();
    CARDINALITIES
        .iter()
        .map(|name| list(*name).filter_map(count).collect())
        .collect()
}

/// Whether all that they count is counted here, too; only quantiles are written in another way.
fn same_cardinalities(
    ours: &[BTreeMap<String, u64>],
    theirs: &[BTreeMap<String, u64>],
) -> Result<(), String> {
    for ((list, ours), theirs) in CARDINALITIES.iter().zip(ours).zip(theirs) {
        let theirs = theirs
            .iter()
            .filter(|(name, _)| !name.starts_with("quantile="));
        let other = theirs.clone().find(|(name, n)| ours.get(*name) != Some(*n));
        if let Some((name, n)) = other {
            return Err(format!("{list}: {name} is {:?} and {n}", ours.get(name)));
        }
        if theirs.count() < 5 {
            return Err(format!("{list} is short"));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_exporter_gives_both_the_same_series_and_constants() {
    if !are_installed(&[PROMETHEUS, NODE_EXPORTER]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let _exporter = node_exporter(&address);
    let job = format!(
        "- job_name: node\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  static_configs:\n  \
         - targets: ['{address}']\n    labels: {{machine: here}}\n"
    );
    let left = Scraper::start(pleiades(), &folder.path().join("ours"), &job);
    let right = Command::new(PROMETHEUS);
    let right = Scraper::start(right, &folder.path().join("theirs"), &job);
    let twice = "count_over_time(node_uname_info[5m]) >= 2";
    tokio::join!(left.gives(twice, 1), right.gives(twice, 1));

    // A file system may be mounted and a network may come while they scrape: then both shall see it soon.
    until("both hold the same", async || {
        let (ours, theirs) = tokio::join!(held(&left), held(&right));
        let theirs: Samples = theirs
            .into_iter()
            .map(|(labels, samples)| (as_prometheus_3(&labels), samples))
            .collect();
        same_series(&ours, &theirs)?;
        let constants = same_constants(&ours, &theirs)?;
        let names: BTreeSet<&str> = ours.keys().filter_map(|l| l.get("__name__")).collect();
        for name in SYNTHETIC {
            assert!(names.contains(name), "{name} is missing");
        }
        for name in CONSTANTS {
            assert!(
                constants.contains(name),
                "{name} changes or is not there: {constants:?}"
            );
        }
        let (ours, theirs) = tokio::join!(cardinalities(&left), cardinalities(&right));
        same_cardinalities(&ours, &theirs)?;
        // A node exporter has far more than those that were named.
        assert!(names.len() > 100, "{names:?}");
        Ok(())
    })
    .await;
}
