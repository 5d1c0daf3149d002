//! `pleiades tsdb create-blocks-from openmetrics`: samples of any age into a data directory.
use std::{collections::HashMap, fs::File, path::PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use exposition::{Entry, Format, Parser};
use model::{GroupKey, Labels, NodeId, Outcome, Sample, Stamp};
use tsdb::{Pushed, Tsdb};

use super::{open, pages::Pages};

/// Import samples from OpenMetrics input; memory holds a few megabytes of it at a time.
#[derive(Debug, Args)]
pub(crate) struct OpenMetrics {
    /// Label to attach to metrics. Can be specified multiple times. Example --label=label_name=label_value
    #[arg(long, value_name = "LABEL", value_parser = label)]
    label: Vec<(String, String)>,
    /// OpenMetrics file to read samples from.
    #[arg(value_name = "input file")]
    input: PathBuf,
    /// The data directory of an ingester; it is made if it is not there.
    #[arg(value_name = "output directory", default_value = "data/")]
    output: PathBuf,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected name=value, got {text:?}")),
    }
}

impl OpenMetrics {
    /// Reads the file into the database, which is given back.
    pub(super) fn run(&self) -> anyhow::Result<Tsdb> {
        let name = self.input.display();
        let input = File::open(&self.input).with_context(|| format!("open {name}"))?;
        let db = open::or_new(&self.output)?;
        let mut import = Import {
            db,
            labels: &self.label,
            n_samples: 0,
            n_refused: 0,
            first: None,
        };
        for page in Pages::new(input) {
            let page = page.with_context(|| format!("read {name}"))?;
            import
                .page(&page)
                .with_context(|| format!("import {name}"))?;
        }
        import.db.sync()?;
        match import.first {
            None => Ok(import.db),
            Some(first) => bail!(
                "{} of {} samples were not stored, the first: {first}",
                import.n_refused,
                import.n_samples
            ),
        }
    }
}

struct Import<'a> {
    db: Tsdb,
    labels: &'a [(String, String)],
    n_samples: usize,
    n_refused: usize,
    /// The first sample that was refused, and why.
    first: Option<String>,
}

impl Import<'_> {
    fn page(&mut self, page: &[u8]) -> anyhow::Result<()> {
        let series = self.series(page)?;
        let pushed: Vec<Pushed<'_>> = series
            .iter()
            .map(|(labels, samples)| Pushed::of_samples(labels, samples))
            .collect();
        let written = self.db.backfill(&pushed, &stamp)?;
        self.n_samples += series
            .iter()
            .map(|(_, samples)| samples.len())
            .sum::<usize>();
        self.n_refused += written.refused.len();
        if let (None, Some(refusal)) = (&self.first, written.refused.first()) {
            let (labels, at) = (pushed[refusal.series].labels, refusal.sample.at);
            self.first = Some(format!("{}: {labels} at {at}", refusal.reason));
        }
        self.db.maintain(open::now())?;
        Ok(())
    }

    /// The series of `page` with their samples, each once.
    fn series(&self, page: &[u8]) -> anyhow::Result<Vec<(Labels, Vec<Sample>)>> {
        let mut places: HashMap<&[u8], usize> = HashMap::new();
        let mut all: Vec<(Labels, Vec<Sample>)> = Vec::new();
        for entry in Parser::new(page, Format::OpenMetrics) {
            let Entry::Series(series) = entry.map_err(|error| anyhow!("parse: {error}"))? else {
                continue;
            };
            let place = match places.get(series.text) {
                Some(place) => *place,
                None => {
                    let mut labels = series.labels()?.to_builder();
                    for (name, value) in self.labels {
                        labels.set(name, value);
                    }
                    all.push((labels.build(), Vec::new()));
                    places.insert(series.text, all.len() - 1);
                    all.len() - 1
                }
            };
            let (labels, samples) = &mut all[place];
            let Some(at) = series.timestamp else {
                bail!("expected timestamp for series {labels}, got none");
            };
            samples.push(Sample {
                at,
                value: series.value,
            });
        }
        Ok(all)
    }
}

/// Nobody ordered these samples: what a cluster wrote wins over them.
fn stamp(_: GroupKey) -> Stamp {
    Stamp {
        outcome: Outcome::Success,
        epoch: 0,
        rank: u8::MAX,
        node: NodeId(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_name_and_a_value() {
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("=c").is_err());
        assert!(label("c").is_err());
    }
}
