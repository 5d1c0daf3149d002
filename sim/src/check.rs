//! What a run's cluster answers in the end, held against what must be true.
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use runtime::Network;
use serde::Deserialize;

use crate::{
    Simulated,
    exporter::{CLOCK, DERIVED, PARTS, derived},
};

/// A scrape reaches its exporter within this time from its slot, in milliseconds.
const MAX_LAG: i64 = 100;

/// An answer of `/api/v1/query` to a query for raw samples.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

/// The samples of one series by time, in milliseconds since the epoch.
type Samples = Vec<(i64, f64)>;

/// The window that is looked at: `(end - millis, end]`, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) end: i64,
    pub(crate) millis: i64,
    /// Where clocks of exporters begin.
    pub(crate) epoch: i64,
}

/// The targets that are expected: job and instance, with the interval in milliseconds.
pub(crate) type Targets = BTreeMap<(String, String), i64>;

/// Asks the querier for `metric` over the window; gives the body as it came.
pub(crate) async fn ask(metric: &str, window: Window) -> turmoil::Result<Bytes> {
    let connection = Simulated.connect("querier-0:9090".to_owned()).await?;
    let (mut sender, driven) =
        hyper::client::conn::http1::handshake(TokioIo::new(connection)).await?;
    let driver = tokio::spawn(driven);
    let path = format!(
        "/api/v1/query?query={metric}%5B{}ms%5D&time={}",
        window.millis,
        window.end as f64 / 1000.0
    );
    let request = Request::get(path)
        .header(header::HOST, "querier-0:9090")
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let body = answer.into_body().collect().await?.to_bytes();
    driver.abort();
    Ok(body)
}

/// Says what is wrong with the answers for [`CLOCK`], [`DERIVED`] and `up`, if anything is.
pub(crate) fn judge(
    answers: &BTreeMap<&str, Bytes>,
    targets: &Targets,
    window: Window,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut samples = |metric: &str| {
        let body = answers.get(metric).cloned().unwrap_or_default();
        samples(metric, &body).unwrap_or_else(|error| {
            wrong.push(error);
            BTreeMap::new()
        })
    };
    let (up, clock, parts) = (samples("up"), samples(CLOCK), samples(DERIVED));
    for ((job, instance), interval) in targets {
        let of = |part: Option<u64>| {
            let part = part.map(|part| part.to_string()).unwrap_or_default();
            (job.clone(), instance.clone(), part)
        };
        let none = Samples::new();
        let up = up.get(&of(None)).unwrap_or(&none);
        let clock = clock.get(&of(None)).unwrap_or(&none);
        let name = format!("{job} {instance}");
        wrong.extend(off_grid(up, *interval, window).map(|what| format!("{name}: up {what}")));
        if let Some((at, value)) = up.iter().find(|(_, value)| *value != 1.0) {
            wrong.push(format!("{name}: up is {value} at {}", at - window.epoch));
        }
        let times = |samples: &Samples| samples.iter().map(|(at, _)| *at).collect::<Vec<_>>();
        if times(up) != times(clock) {
            wrong.push(format!("{name}: up and {CLOCK} have different times"));
        }
        for (at, shown) in clock {
            let lag = shown - (at - window.epoch) as f64;
            if !(0.0..=MAX_LAG as f64).contains(&lag) {
                let at = at - window.epoch;
                wrong.push(format!(
                    "{name}: the clock of the row at {at} showed {shown}"
                ));
            }
        }
        for part in 0..PARTS {
            let expected = clock
                .iter()
                .map(|(at, shown)| (*at, derived(*shown as u64, part)));
            let held = parts.get(&of(Some(part))).unwrap_or(&none);
            if !held.iter().copied().eq(expected) {
                wrong.push(format!(
                    "{name}: {DERIVED} {part} is not of its clock's page"
                ));
            }
        }
    }
    wrong
}

/// Says how `samples` differ from one on each slot of the window.
fn off_grid(samples: &Samples, interval: i64, window: Window) -> Option<String> {
    let expected = window.millis / interval;
    let gaps: Vec<_> = samples
        .windows(2)
        .filter(|two| two[1].0 - two[0].0 != interval)
        .map(|two| format!("{}..{}", two[0].0 - window.epoch, two[1].0 - window.epoch))
        .collect();
    let n_samples = samples.len() as i64;
    (n_samples != expected || !gaps.is_empty()).then(|| {
        let ends = [samples.first(), samples.last()].map(|end| end.map(|(at, _)| at - window.epoch));
        format!("has {n_samples} samples of {expected}, from and to {ends:?}, not an interval apart: {gaps:?}")
    })
}

/// The samples of an answer by job, instance and part.
fn samples(
    metric: &str,
    body: &[u8],
) -> Result<BTreeMap<(String, String, String), Samples>, String> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| format!("{metric}: {error}: {}", String::from_utf8_lossy(body)))?;
    let (Some(data), "success", []) = (answer.data, &*answer.status, &*answer.warnings) else {
        return Err(format!("{metric}: {} {:?}", answer.error, answer.warnings));
    };
    let mut found = BTreeMap::new();
    for series in data.result {
        let label = |name: &str| series.metric.get(name).cloned().unwrap_or_default();
        let values = series.values.iter().map(|(at, value)| {
            let value: f64 = value
                .parse()
                .map_err(|error| format!("{value:?}: {error}"))?;
            Ok(((at * 1000.0).round() as i64, value))
        });
        let key = (label("job"), label("instance"), label("part"));
        if found
            .insert(key.clone(), values.collect::<Result<_, String>>()?)
            .is_some()
        {
            return Err(format!("{metric}: two series for {key:?}"));
        }
    }
    Ok(found)
}
