//! Remote write as its senders speak it, over doubles of ingesters.
#[allow(dead_code, reason = "each test uses a part of the double")]
mod double;

use double::{
    Behaviour::{self, Dead, Full, Lost, Picky, Well},
    Cluster, NOW_SECONDS, Setup, Writes,
};
use expect_test::{Expect, expect};
use model::Labels;
use prost::Message as _;
use proto::prometheus::{
    BucketSpan, Exemplar, Histogram, Label, MetricMetadata, Sample, TimeSeries, WriteRequest,
    histogram::Count, metric_metadata::MetricType,
};

const PROTOBUF: &str = "content-type: application/x-protobuf\r\ncontent-encoding: snappy\r\n";

async fn cluster(behaviours: &[Behaviour]) -> Cluster {
    let setup = behaviours
        .iter()
        .fold(Setup::default().remote_write(), |setup, behaviour| {
            setup.ingester(*behaviour, Vec::new())
        });
    setup.start().await
}

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |(name, value): &(&str, &str)| Label {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let sample = |(after, value): &(i64, f64)| Sample {
        value: *value,
        timestamp: (NOW_SECONDS + after) * 1000,
    };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(sample).collect(),
        ..Default::default()
    }
}

fn body(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    let request = WriteRequest {
        timeseries,
        metadata: Vec::new(),
    };
    snap::raw::Encoder::new()
        .compress_vec(&request.encode_to_vec())
        .unwrap()
}

/// Sends `body` under `headers`; the status and body of the answer, and its Retry-After.
async fn send(cluster: &Cluster, headers: &str, body: &[u8]) -> String {
    let length = body.len();
    let head = format!("POST /api/v1/write HTTP/1.1\r\n{headers}content-length: {length}\r\n");
    let answer = cluster.exchange(&head, body).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    let retry = head.lines().find(|line| line.starts_with("retry-after"));
    format!("{status} {body}{}", retry.unwrap_or_default())
}

#[track_caller]
fn check(answer: &str, expect: Expect) {
    expect.assert_eq(answer);
}

/// What was written, a line for each series.
fn written(writes: &Writes) -> Vec<String> {
    let writes = writes.lock().unwrap();
    let mut lines: Vec<String> = writes
        .iter()
        .flat_map(|write| &write.series)
        .map(|series| {
            let labels = Labels::from(series.labels.as_ref().unwrap());
            let after = |millis: &i64| millis - NOW_SECONDS * 1000;
            let times: Vec<i64> = series.times_millis.iter().map(after).collect();
            format!("{labels} {times:?} {:?}", series.values)
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn samples_reach_both_replicas() {
    let cluster = cluster(&[Well, Well]).await;
    let body = body(vec![
        series(&[("__name__", "a"), ("x", "1")], &[(-15, 1.0), (0, 2.5)]),
        series(
            &[("y", "é"), ("__name__", "b"), ("gone", "")],
            &[(-30, f64::NAN)],
        ),
    ]);
    for headers in [
        PROTOBUF,
        "",
        "content-type: application/x-protobuf;proto=prometheus.WriteRequest\r\ncontent-encoding: SNAPPY\r\n",
    ] {
        cluster.writes.lock().unwrap().clear();
        assert_eq!(send(&cluster, headers, &body).await, "204 ");
        let lines = [
            r#"{__name__="a", x="1"} [-15000, 0] [1.0, 2.5]"#,
            r#"{__name__="b", y="é"} [-30000] [NaN]"#,
        ];
        let both: Vec<&str> = lines.iter().flat_map(|line| [*line; 2]).collect();
        assert_eq!(written(&cluster.writes), both);
    }
    let metrics = cluster.get("/metrics").await.1;
    for line in [
        "pleiades_querier_remote_write_requests_total{code=\"204\"} 3",
        "pleiades_querier_remote_write_samples_total 9",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_version_one_is_refused_as_prometheus_does() {
    let cluster = cluster(&[Well]).await;
    let body = body(vec![series(&[("__name__", "a")], &[(0, 1.0)])]);
    let send = async |headers: &str, body: &[u8]| send(&cluster, headers, body).await;
    check(
        &send("content-type: application/json\r\n", &body).await,
        expect![[r#"
            415 expected application/x-protobuf as the first (media) part, got application/json content-type
        "#]],
    );
    check(
        &send(
            "content-type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n",
            &body,
        )
        .await,
        expect![[r#"
            415 io.prometheus.write.v2.Request protobuf message is not accepted by this server; accepted [prometheus.WriteRequest]
        "#]],
    );
    check(
        &send("content-encoding: zstd\r\n", &body).await,
        expect![[r#"
            415 zstd encoding (compression) is not accepted by this server; only snappy is acceptable
        "#]],
    );
    check(
        &send(PROTOBUF, b"not snappy").await,
        expect![[r#"
            400 snappy: corrupt input
        "#]],
    );
    let truncated = snap::raw::Encoder::new()
        .compress_vec(&[0x0a, 5, 1])
        .unwrap();
    check(
        &send(PROTOBUF, &truncated).await,
        expect![[r#"
            400 unexpected EOF
        "#]],
    );
    check(
        &send(PROTOBUF, &vec![0; (32 << 20) + 1]).await,
        expect![[r#"
            413 the body is larger than 33554432 bytes
        "#]],
    );
    assert!(written(&cluster.writes).is_empty());
    assert_eq!(cluster.get("/api/v1/write").await.0, 405);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_not_enabled_is_not_found() {
    let setup = Setup::default().ingester(Well, Vec::new());
    let cluster = setup.start().await;
    check(
        &send(&cluster, PROTOBUF, &body(Vec::new())).await,
        expect![[r#"
            404 remote write receiver needs to be enabled with --web.enable-remote-write-receiver
        "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_told_and_the_rest_is_stored() {
    let picky = cluster(&[Picky, Well]).await;
    let one = series(&[("__name__", "a")], &[(0, 1.0)]);
    check(
        &send(&picky, PROTOBUF, &body(vec![one.clone()])).await,
        expect![[r#"
            400 out of order sample
        "#]],
    );
    let cluster = cluster(&[Well]).await;
    let invalid = series(&[("a", "1")], &[(0, 1.0)]);
    let ahead = series(&[("__name__", "b")], &[(-5, 2.0), (601, 3.0)]);
    let answer = send(&cluster, PROTOBUF, &body(vec![invalid.clone(), one, ahead])).await;
    check(
        &answer,
        expect![[r#"
            400 out of bounds: timestamp is too far in the future
        "#]],
    );
    assert_eq!(
        written(&cluster.writes),
        [
            r#"{__name__="a"} [0] [1.0]"#,
            r#"{__name__="b"} [-5000] [2.0]"#
        ]
    );
    // Prometheus leaves series out whose labels are none, and says nothing.
    assert_eq!(send(&cluster, PROTOBUF, &body(vec![invalid])).await, "204 ");
    let metrics = cluster.get("/metrics").await.1;
    let counted = "prometheus_api_remote_write_invalid_labels_samples_total 2";
    assert!(metrics.lines().any(|l| l == counted), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn histograms_reach_every_replica_and_bad_ones_are_told() {
    let cluster = cluster(&[Well, Well]).await;
    let histogram = |after: i64, count| Histogram {
        count: Some(Count::CountInt(count)),
        sum: 7.5,
        schema: 2,
        positive_spans: vec![BucketSpan {
            offset: 3,
            length: 2,
        }],
        positive_deltas: vec![2, -1],
        timestamp: (NOW_SECONDS + after) * 1000,
        ..Histogram::default()
    };
    let mut one = series(&[("__name__", "h")], &[(-15, 1.0)]);
    one.histograms = vec![histogram(0, 3), histogram(601, 3)];
    let mut bad = series(&[("__name__", "i")], &[]);
    bad.histograms = vec![histogram(0, 4)];
    check(
        &send(&cluster, PROTOBUF, &body(vec![bad, one])).await,
        expect![[r#"
            400 3 observations found in buckets, but the Count field is 4: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)
        "#]],
    );
    let line = r#"{__name__="h"} [-15000, 0] [1.0, 7.5]"#;
    assert_eq!(written(&cluster.writes), [line, line]);
    for write in cluster.writes.lock().unwrap().iter() {
        let sent = &write.series[0];
        let (histograms, _) = proto::beside(sent.beside.as_ref(), &sent.values).unwrap();
        let histograms: Vec<_> = histograms.iter().collect();
        let [(1, histogram)] = histograms[..] else {
            panic!("the second sample alone is a histogram");
        };
        assert_eq!(histogram.count, 3.0);
        assert!(histogram.positive.iter().eq([(3, 2.0), (4, 1.0)]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_succeeds_when_every_replica_has_it_that_is_not_unhealthy() {
    let body = body(vec![series(&[("__name__", "a")], &[(0, 1.0)])]);
    let answer = async |behaviours: &[Behaviour]| {
        let cluster = cluster(behaviours).await;
        send(&cluster, PROTOBUF, &body).await
    };
    assert_eq!(answer(&[Lost, Well]).await, "204 ");
    check(
        &answer(&[Lost, Lost]).await,
        expect![[r#"
            503 no replica of {__name__="a"} is healthy
            retry-after: 5"#]],
    );
    check(
        &answer(&[Well, Full]).await,
        expect![[r#"
            503 write to ingester-2: the disk is full
            retry-after: 5"#]],
    );
    let dead = answer(&[Well, Dead]).await;
    assert!(dead.starts_with("503 write to ingester-2: "), "{dead}");
}

#[tokio::test(start_paused = true)]
async fn exemplars_and_metadata_go_where_their_series_go() {
    let cluster = cluster(&[Well, Well]).await;
    let mut one = series(&[("__name__", "a")], &[(0, 1.0)]);
    one.exemplars = vec![Exemplar {
        labels: vec![Label {
            name: "trace_id".to_owned(),
            value: "x".to_owned(),
        }],
        value: 0.5,
        timestamp: NOW_SECONDS * 1000,
    }];
    let request = WriteRequest {
        timeseries: vec![one],
        metadata: vec![MetricMetadata {
            r#type: MetricType::Counter.into(),
            metric_family_name: "a".to_owned(),
            help: "Of a.".to_owned(),
            unit: String::new(),
        }],
    };
    let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
    assert_eq!(send(&cluster, PROTOBUF, &body.unwrap()).await, "204 ");
    let writes = cluster.writes.lock().unwrap();
    assert_eq!(writes.len(), 2);
    for write in &*writes {
        let [exemplar] = &write.series[0].exemplars[..] else {
            panic!("{write:?}");
        };
        let labels = Labels::from(exemplar.labels.as_ref().unwrap());
        assert_eq!(labels.to_string(), r#"{trace_id="x"}"#);
        assert_eq!((exemplar.value, exemplar.is_timed), (0.5, true));
        let told = &write.metadata[0];
        assert_eq!(
            (&*told.metric, &*told.r#type, &*told.help),
            ("a", "counter", "Of a.")
        );
    }
}
