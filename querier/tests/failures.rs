//! What a query gives when some of the cluster does not answer, or when it asks for too much.
#[allow(dead_code, reason = "each test uses a part of the double")]
mod double;

use std::time::Duration;

use double::{Behaviour, Cluster, NOW_SECONDS, Setup, group};
use model::GroupSlice;
use proto::v1::{self, querier_client::QuerierClient};
use querier::QuerySettings;
use tokio::time::Instant;
use tonic::Code;

/// One series with the value 1, in the first shard.
fn one() -> Vec<GroupSlice> {
    vec![group(1, 0, &[(&[("__name__", "a")], &[Some(1.0); 5])])]
}

async fn cluster(behaviours: &[Behaviour]) -> Cluster {
    let setup = behaviours
        .iter()
        .fold(Setup::default(), |setup, behaviour| {
            setup.ingester(*behaviour, one())
        });
    setup.start().await
}

const WHOLE: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"1"]}]}}"#;

use Behaviour::{Damaged, Dead, Starting, Stuck, Well};

#[tokio::test(start_paused = true)]
async fn one_of_two_replicas_is_enough() {
    let cluster = cluster(&[Dead, Well]).await;
    for _ in 0..2 {
        let answer = cluster.get("/api/v1/query?query=sum(a)").await;
        assert_eq!(answer, (200, WHOLE.to_owned()));
    }
    let names = cluster.get("/api/v1/labels").await;
    assert_eq!(names.1, r#"{"status":"success","data":["__name__"]}"#);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_ingester_costs_little_and_only_once() {
    let cluster = cluster(&[Well, Stuck]).await;
    let begun = Instant::now();
    let answer = cluster.get("/api/v1/query?query=sum(a)").await;
    assert_eq!(answer, (200, WHOLE.to_owned()));
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );

    tokio::time::advance(Duration::from_secs(2)).await;
    let begun = Instant::now();
    let answer = cluster.get("/api/v1/query?query=sum(a)").await;
    assert_eq!(answer, (200, WHOLE.to_owned()));
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_told() {
    let cluster = cluster(&[Dead, Well, Dead]).await;
    let (status, body) = cluster.get("/api/v1/query?query=sum(a)").await;
    assert_eq!(status, 200);
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["data"]["result"][0]["value"][1], "1");
    let warning = answer["warnings"][0].as_str().unwrap();
    assert!(warning.contains(" of 65536 shards ("), "{warning}");
    assert!(warning.contains(" since 2023-11-14T22:08:"), "{warning}");
    for dead in [
        "ingester-1 (ingester-1.inside:81): ",
        "ingester-3 (ingester-3.inside:81): ",
    ] {
        assert!(warning.contains(dead), "{warning}");
    }
    assert!(!warning.contains("ingester-2"), "{warning}");
}

#[tokio::test(start_paused = true)]
async fn what_is_damaged_is_told_unless_a_replica_has_it() {
    let healed = cluster(&[Damaged, Well]).await;
    for _ in 0..2 {
        let answer = healed.get("/api/v1/query?query=sum(a)").await;
        assert_eq!(answer, (200, WHOLE.to_owned()));
    }
    let alone = cluster(&[Damaged]).await;
    let warned = r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["damaged data is missing: ingester-1: read the group 0000000000000001"]}"#;
    for _ in 0..2 {
        let answer = alone.get("/api/v1/query?query=sum(a)").await;
        assert_eq!(answer, (200, warned.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_back_is_asked_at_once_if_nobody_else_has_what_it_holds() {
    let cluster = cluster(&[Starting, Dead]).await;
    let (_, first) = cluster.get("/api/v1/query?query=sum(a)").await;
    assert!(first.contains("the database is being opened"), "{first}");
    let answer = cluster.get("/api/v1/query?query=sum(a)").await;
    assert_eq!(answer, (200, WHOLE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_is_spared_while_others_have_what_it_holds() {
    let cluster = cluster(&[Starting, Well]).await;
    let metric = "pleiades_querier_ingester_failures_total";
    for _ in 0..3 {
        let answer = cluster.get("/api/v1/query?query=sum(a)").await;
        assert_eq!(answer, (200, WHOLE.to_owned()));
        assert_eq!(cluster.metric(metric).await, 1);
    }
    let calls = r#"pleiades_querier_queries_total{outcome="Success"}"#;
    assert_eq!(cluster.metric(calls).await, 3);
}

#[tokio::test(start_paused = true)]
async fn rules_are_refused_an_answer_that_lacks_something() {
    let ask = async |cluster: &Cluster, query: &str, complete| {
        let channel = cluster
            .components
            .channels
            .to("querier.inside:9095")
            .unwrap();
        let request = v1::InstantRequest {
            query: query.to_owned(),
            time_millis: NOW_SECONDS * 1000,
            complete,
        };
        QuerierClient::new(channel)
            .instant(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let broken = cluster(&[Dead, Well, Dead]).await;
    let refused = ask(&broken, "sum(a)", true).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().contains("ingester-1"),
        "{}",
        refused.message()
    );
    let warned = ask(&broken, "sum(a)", false).await.unwrap();
    assert_eq!(warned.warnings.len(), 1);

    let whole = cluster(&[Dead, Well]).await;
    let answer = ask(&whole, "a", true).await.unwrap();
    let sample = &answer.samples[0];
    assert_eq!(
        (sample.time_millis, sample.value),
        (NOW_SECONDS * 1000, 1.0)
    );
    assert_eq!(sample.labels.as_ref().unwrap().labels[0].value, "a");
    assert!(!answer.scalar && answer.warnings.is_empty());
    assert!(ask(&whole, "1", true).await.unwrap().scalar);
    for (query, code) in [
        ("a{", Code::InvalidArgument),
        ("a[1m]", Code::FailedPrecondition),
    ] {
        assert_eq!(ask(&whole, query, true).await.unwrap_err().code(), code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_ends_when_its_time_is_over() {
    let cluster = cluster(&[Stuck]).await;
    let begun = Instant::now();
    let (status, body) = cluster.get("/api/v1/query?query=a&timeout=7s").await;
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert_eq!(status, 503);
    assert_eq!(
        body,
        r#"{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_query_ends_at_its_limit_of_samples() {
    let settings = QuerySettings {
        max_samples: 4,
        ..QuerySettings::default()
    };
    let setup = Setup::default().query(settings);
    let cluster = setup.ingester(Well, one()).start().await;
    let (status, body) = cluster
        .get("/api/v1/query?query=count_over_time(a[5m])")
        .await;
    assert_eq!(status, 422);
    assert_eq!(
        body,
        r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_query_whose_client_goes_away_gives_its_place_to_the_next() {
    use tokio::io::AsyncWriteExt as _;
    let settings = QuerySettings {
        max_concurrency: 1,
        ..QuerySettings::default()
    };
    let setup = Setup::default().query(settings);
    let cluster = setup.ingester(Stuck, one()).start().await;
    let mut client = cluster.connect().await;
    let request = b"GET /api/v1/query?query=a HTTP/1.1\r\nhost: querier\r\n\r\n";
    client.write_all(request).await.unwrap();
    while cluster.metric("pleiades_querier_queries_active").await == 0 {
        tokio::task::yield_now().await;
    }
    drop(client);
    while cluster
        .metric(r#"pleiades_querier_queries_total{outcome="Canceled"}"#)
        .await
        == 0
    {
        tokio::task::yield_now().await;
    }
    let (status, _) = cluster.get("/api/v1/query?query=1").await;
    assert_eq!(status, 200);
}

#[tokio::test(start_paused = true)]
async fn deletion_is_for_all_ingesters_or_an_error() {
    let post = async |cluster: &Cluster, call: &str| {
        let path = format!("/api/v1/admin/tsdb/{call}");
        cluster.post(&path, "").await
    };
    let disabled = cluster(&[Well]).await;
    let (status, body) = post(&disabled, "delete_series?match[]=a").await;
    assert_eq!(status, 503);
    assert!(body.contains(r#""error":"admin APIs disabled""#), "{body}");

    let setup = Setup::default().admin();
    let whole = setup
        .ingester(Well, one())
        .ingester(Well, one())
        .start()
        .await;
    let done = (204, String::new());
    assert_eq!(post(&whole, "delete_series?match[]=a").await, done);
    assert_eq!(
        post(&whole, "delete_series?match[]=a&start=2&end=1").await,
        done
    );
    assert_eq!(post(&whole, "clean_tombstones").await, done);
    let (status, body) = post(&whole, "delete_series").await;
    assert_eq!(status, 400);
    assert!(body.contains("no match[] parameter provided"), "{body}");

    let setup = Setup::default().admin();
    let broken = setup
        .ingester(Well, one())
        .ingester(Dead, one())
        .start()
        .await;
    let (status, body) = post(&broken, "delete_series?match[]=a").await;
    assert_eq!(status, 503);
    assert!(body.contains("on every ingester: ingester-2"), "{body}");
}
