//! `pleiades tsdb dump`: every sample, a line each.
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufWriter, Write as _},
};

use clap::{Args, ValueEnum};
use model::{Labels, Matcher, TimeRange, Timestamp, number::general};

use super::{Directory, days::times, open};

/// Dump samples from a data directory.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    /// Minimum timestamp to dump, in milliseconds since the Unix epoch.
    #[arg(long, default_value_t = i64::MIN, hide_default_value = true, allow_negative_numbers = true)]
    min_time: i64,
    /// Maximum timestamp to dump, in milliseconds since the Unix epoch.
    #[arg(long, default_value_t = i64::MAX, hide_default_value = true, allow_negative_numbers = true)]
    max_time: i64,
    /// Series selector. Can be specified multiple times.
    #[arg(long = "match", default_value = "{__name__=~'(?s:.*)'}")]
    matches: Vec<String>,
    /// Output format of the dump (prom (default) or seriesjson).
    #[arg(long, value_enum, default_value_t = Format::Prom)]
    format: Format,
    #[command(flatten)]
    directory: Directory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// `{labels} value milliseconds`, a line for each sample.
    Prom,
    /// The labels of each series as a JSON object.
    Seriesjson,
}

/// The selectors of `texts`.
pub(super) fn selectors(texts: &[String]) -> anyhow::Result<Vec<Vec<Matcher>>> {
    let parsed = texts.iter().map(|text| promql::parse_selector(text));
    Ok(parsed.collect::<Result<_, _>>()?)
}

impl Dump {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let selectors = selectors(&self.matches)?;
        let db = open::existing(&self.directory.path)?;
        let [start, end] = [self.min_time, self.max_time].map(Timestamp::from_millis);
        let range = TimeRange::new(start, end)?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        if self.format == Format::Seriesjson {
            let of = tsdb::SeriesOf {
                matchers: &selectors,
                range,
                limit: None,
            };
            for labels in db.series(of)? {
                let pairs: BTreeMap<&str, &str> = labels.iter().collect();
                writeln!(out, "{}", serde_json::to_string(&pairs)?)?;
            }
            return Ok(out.flush()?);
        }
        // A series that several selectors choose is dumped once.
        let mut seen: BTreeSet<Labels> = BTreeSet::new();
        for (i, selector) in selectors.iter().enumerate() {
            for slice in db.select(selector, range)? {
                let slice = slice?;
                for series in &slice.series {
                    let labels = &series.labels;
                    let others = selectors.len() > 1;
                    if others && i > 0 && seen.contains(labels) {
                        continue;
                    }
                    let values = series.values.to_numbers();
                    for (i, at) in times(&slice, series).enumerate() {
                        if !range.contains(at) {
                            continue;
                        }
                        let value = match series.histograms.get(i) {
                            Some(histogram) => histogram.to_string(),
                            None => general(values[i], None),
                        };
                        writeln!(out, "{labels} {value} {}", at.as_millis())?;
                    }
                    if others {
                        seen.insert(labels.clone());
                    }
                }
            }
        }
        Ok(out.flush()?)
    }
}
