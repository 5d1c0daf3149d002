use std::collections::BTreeMap;

use exposition::{Entry, Format, Parser};
use model::{Labels, MetricType};
use proptest::prelude::*;

use super::*;

/// Some moment in November 2026.
const NOW: i64 = 1_795_000_000_123;

fn shape(series: usize) -> Shape {
    Shape {
        seed: 1,
        targets: 3,
        series,
        churn: Churn {
            fraction: 0.0,
            every: Millis::from_seconds(600),
        },
        explicit_grid: None,
    }
}

fn page(fleet: &Fleet, target: usize, at: i64) -> Vec<u8> {
    let mut page = Vec::new();
    fleet.write_page(target, Timestamp::from_millis(at), &mut page);
    page
}

#[derive(Debug, PartialEq)]
struct Read {
    kind: MetricType,
    value: f64,
    timestamp: Option<i64>,
}

fn read(page: &[u8]) -> BTreeMap<Labels, Read> {
    let mut series = BTreeMap::new();
    for entry in Parser::new(page, Format::Text) {
        if let Entry::Series(line) = entry.unwrap() {
            let read = Read {
                kind: line.kind,
                value: line.value,
                timestamp: line.timestamp.map(Timestamp::as_millis),
            };
            let twice = series.insert(line.labels().unwrap(), read);
            assert_eq!(twice, None, "{}", String::from_utf8_lossy(line.text));
        }
    }
    series
}

/// True for what must never fall: counters, and of histograms every part.
fn grows(read: &Read) -> bool {
    matches!(read.kind, MetricType::Counter | MetricType::Histogram)
}

#[test]
fn a_page_has_as_many_different_series_as_asked() {
    for series in [0, 1, 13, 100, 1000, 5000] {
        let fleet = Fleet::new(shape(series));
        assert_eq!(read(&page(&fleet, 0, NOW)).len(), series);
    }
}

#[test]
fn a_page_follows_from_seed_target_and_time_alone() {
    let fleet = Fleet::new(shape(200));
    let first = page(&fleet, 0, NOW);
    assert_eq!(first, page(&Fleet::new(shape(200)), 0, NOW));
    assert_ne!(first, page(&fleet, 1, NOW));
    assert_ne!(first, page(&fleet, 0, NOW + 15_000));
    let other = Fleet::new(Shape {
        seed: 2,
        ..shape(200)
    });
    assert_ne!(first, page(&other, 0, NOW));
}

#[test]
fn the_first_lines_are_these() {
    let page = page(&Fleet::new(shape(100)), 0, NOW);
    let text = String::from_utf8(page).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let some = [0, 1, 2, 3, 25, 30, 32, 33, 44, 46, 47, 64, 72, 85, 98];
    let some: Vec<&str> = some.iter().filter_map(|i| lines.get(*i).copied()).collect();
    expect_test::expect![[r##"
        # HELP app_http_requests_total Requests handled, by handler, method and code.
        # TYPE app_http_requests_total counter
        app_http_requests_total{handler="/api/v1/items/0",method="GET",code="200"} 25525263
        app_http_requests_total{handler="/api/v1/items/0",method="POST",code="200"} 109
        app_http_requests_total{handler="/api/v1/items/1",method="DELETE",code="500"} 116970294
        app_grpc_requests_total{handler="/api/v1/items/0",method="PUT",code="200"} 327
        app_grpc_requests_total{handler="/api/v1/items/0",method="GET",code="404"} 13203140
        app_grpc_requests_total{handler="/api/v1/items/0",method="POST",code="404"} 25388476981
        app_http_request_duration_seconds_bucket{handler="/api/v1/items/0",method="GET",le="2.5"} 86916
        app_http_request_duration_seconds_bucket{handler="/api/v1/items/0",method="GET",le="10"} 475310
        app_http_request_duration_seconds_bucket{handler="/api/v1/items/0",method="GET",le="+Inf"} 1581277
        # HELP app_http_entries Entries held now, by shard and state.
        app_http_entries{shard="2",state="active"} 849
        app_grpc_load_ratio{zone="eu-central-1b",device="nvme2n1"} 0.213
        app_db_limit{zone="eu-central-1a",device="nvme2n1"} 76"##]].assert_eq(&some.join("\n"));
}

#[test]
fn buckets_are_cumulative_and_end_in_the_count() {
    let series = read(&page(&Fleet::new(shape(1000)), 0, NOW));
    let mut histograms: BTreeMap<Labels, BTreeMap<u64, f64>> = BTreeMap::new();
    for (labels, read) in &series {
        if let Some(bound) = labels.get("le") {
            // The bits of numbers that are not negative are ordered as the numbers are.
            let bound: f64 = bound.parse().unwrap();
            let count = labels.metric_name().replace("_bucket", "_count");
            let of = labels.without("le").with("__name__", &count);
            histograms
                .entry(of)
                .or_default()
                .insert(bound.to_bits(), read.value);
        }
    }
    assert_eq!(histograms.len(), 28);
    for (count, buckets) in histograms {
        let values: Vec<f64> = buckets.into_values().collect();
        assert_eq!(values.len(), BOUNDS.len() + 1);
        assert!(values.is_sorted(), "{count} {values:?}");
        assert_eq!(values.last(), Some(&series[&count].value), "{count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn counters_never_fall(seed: u64, at in NOW..NOW + 1_000_000_000, later in 1..100_000_000_i64) {
        let fleet = Fleet::new(Shape { seed, ..shape(120) });
        for later in [1, later] {
            let (before, after) = (read(&page(&fleet, 0, at)), read(&page(&fleet, 0, at + later)));
            for (labels, read) in before {
                prop_assert!(!grows(&read) || after[&labels].value >= read.value, "{}", labels);
            }
        }
    }
}

#[test]
fn much_changes_from_scrape_to_scrape_but_not_all() {
    let fleet = Fleet::new(shape(1000));
    let (before, after) = (
        read(&page(&fleet, 0, NOW)),
        read(&page(&fleet, 0, NOW + 15_000)),
    );
    let n_same = before
        .iter()
        .filter(|(labels, read)| after[*labels] == **read)
        .count();
    assert!((300..700).contains(&n_same), "{n_same}");
}

#[test]
fn the_churning_part_is_new_after_its_interval_and_the_rest_stays() {
    let churn = Churn {
        fraction: 0.25,
        every: Millis::from_seconds(60),
    };
    let fleet = Fleet::new(Shape {
        churn,
        ..shape(1000)
    });
    let at = |seconds: i64| read(&page(&fleet, 0, NOW + seconds * 1000));
    let kept = |before: &BTreeMap<Labels, Read>, after: &BTreeMap<Labels, Read>| {
        before
            .keys()
            .filter(|labels| after.contains_key(*labels))
            .count()
    };
    let (first, soon, next) = (at(0), at(15), at(60));
    assert_eq!((first.len(), soon.len(), next.len()), (1000, 1000, 1000));
    let n_left = kept(&first, &next);
    assert!((700..800).contains(&n_left), "{n_left}");
    let n_left_soon = kept(&first, &soon);
    assert!((n_left + 1..1000).contains(&n_left_soon), "{n_left_soon}");
    // Each life begins at nothing.
    let young = |labels: &&Labels| !first.contains_key(*labels);
    for labels in next.keys().filter(young) {
        let read = &next[labels];
        assert!(!grows(read) || read.value < 300_000.0, "{labels} {read:?}");
    }
}

#[test]
fn explicit_times_lie_on_the_grid_and_hold_the_values_of_that_time() {
    let explicit_grid = Some(Millis::from_seconds(5));
    let fleet = Fleet::new(Shape {
        explicit_grid,
        ..shape(300)
    });
    let floored = NOW - NOW % 5000;
    let first = page(&fleet, 0, floored);
    assert_eq!(first, page(&fleet, 0, floored + 4999));
    assert_ne!(first, page(&fleet, 0, floored + 5000));
    let without = read(&page(&Fleet::new(shape(300)), 0, floored));
    for (labels, read) in read(&first) {
        assert_eq!(read.timestamp, Some(floored));
        assert_eq!(
            read.value.to_bits(),
            without[&labels].value.to_bits(),
            "{labels}"
        );
    }
}
