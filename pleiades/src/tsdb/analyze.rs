//! `pleiades tsdb analyze`: where the series of a day come from.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context as _, bail};
use clap::Args;
use model::{METRIC_NAME, Matcher, TimeRange};
use tsdb::{Day, Tsdb};

use super::{
    Directory,
    days::{duration, name, times},
    dump::selectors,
    open,
};

/// Analyze churn, label pair cardinality and compaction efficiency.
#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// How many items to show in each list.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Series selector to analyze. Only 1 set of matchers is supported now.
    #[arg(long = "match")]
    matches: Option<String>,
    #[command(flatten)]
    directory: Directory,
    /// Day to analyze as `list` names it (default is the last one).
    #[arg(value_name = "block id")]
    day: Option<String>,
}

impl Analyze {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let matches: Vec<String> = self.matches.iter().cloned().collect();
        let matchers = selectors(&matches)?.pop().unwrap_or_default();
        let db = open::existing(&self.directory.path)?;
        let days = db.days()?;
        let day = match &self.day {
            None => days.last().context("no blocks found")?,
            Some(wanted) => match days.iter().find(|day| name(day) == *wanted) {
                Some(day) => day,
                None => bail!("block {wanted} not found"),
            },
        };
        let figures = Figures::of(&db, day, &matchers)?;
        let text = figures.text(&name(day), self.matches.as_deref(), self.limit);
        crate::print(text.trim_end_matches('\n'));
        Ok(())
    }
}

/// What is counted of a label pair, or of a name.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    n_series: u64,
    /// Milliseconds of the day's data in which its series were not there, added up.
    uncovered: u64,
}

/// What is counted of a name, and its values.
type OfName<'a> = (Count, BTreeSet<&'a str>);

#[derive(Debug, Default)]
struct Figures {
    /// Of all samples.
    range: Option<TimeRange>,
    n_series: u64,
    n_entries: u64,
    pairs: HashMap<(String, String), Count>,
}

impl Figures {
    fn of(db: &Tsdb, day: &Day, matchers: &[Matcher]) -> anyhow::Result<Self> {
        let mut figures = Self::default();
        // How long each pair's series were there; what they were not is known at the end.
        for slice in db.select(matchers, day.range)? {
            let slice = slice?;
            for series in &slice.series {
                let times = times(&slice, series).filter(|at| day.range.contains(*at));
                let Some(range) = times.map(TimeRange::at).reduce(TimeRange::hull) else {
                    continue;
                };
                figures.range = Some(figures.range.map_or(range, |all| all.hull(range)));
                figures.n_series += 1;
                let covered = (range.end() - range.start()).as_millis() as u64;
                for (name, value) in series.labels.iter() {
                    figures.n_entries += 1;
                    let key = (name.to_owned(), value.to_owned());
                    let count = figures.pairs.entry(key).or_default();
                    count.n_series += 1;
                    count.uncovered += covered;
                }
            }
        }
        let span = figures.span();
        for count in figures.pairs.values_mut() {
            count.uncovered = count.n_series * span - count.uncovered;
        }
        Ok(figures)
    }

    /// From the first to the last sample, in milliseconds.
    fn span(&self) -> u64 {
        self.range
            .map_or(0, |range| (range.end() - range.start()).as_millis() as u64)
    }

    /// What promtool prints.
    fn text(&self, day: &str, matcher: Option<&str>, limit: usize) -> String {
        let span = self.span();
        // A series that was there half of the time counts half.
        let share = |uncovered: u64| match span {
            0 => 0,
            _ => (uncovered as f64 / span as f64) as u64,
        };
        let mut names: BTreeMap<&str, OfName<'_>> = BTreeMap::new();
        for ((name, value), count) in &self.pairs {
            let (all, values) = names.entry(name).or_default();
            all.n_series += count.n_series;
            all.uncovered += count.uncovered;
            values.insert(value);
        }
        let mut text = format!(
            "Block ID: {day}\nDuration: {}\nTotal Series: {}\n",
            duration(model::Millis::new(span as i64)),
            self.n_series
        );
        if let Some(matcher) = matcher {
            text.push_str(&format!("Matcher: {matcher}\n"));
        }
        text.push_str(&format!(
            "Label names: {}\nPostings (unique label pairs): {}\nPostings entries (total label pairs): {}\n",
            names.len(),
            self.pairs.len(),
            self.n_entries
        ));
        let mut list = |title: &str, mut items: Vec<(u64, String)>| {
            items.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            text.push_str(&format!("\n{title}:\n"));
            for (n, key) in items.into_iter().take(limit) {
                text.push_str(&format!("{n} {key}\n"));
            }
        };
        let pairs = |of: &dyn Fn(&Count) -> u64| {
            let pair = |((name, value), count): (&(String, String), &Count)| {
                (of(count), format!("{name}={value}"))
            };
            self.pairs.iter().map(pair).collect()
        };
        let names_by = |of: &dyn Fn(&OfName<'_>) -> u64| {
            let name = |(name, all): (&&str, &OfName<'_>)| (of(all), (*name).to_owned());
            names.iter().map(name).collect()
        };
        list(
            "Label pairs most involved in churning",
            pairs(&|count| share(count.uncovered)),
        );
        list(
            "Label names most involved in churning",
            names_by(&|(count, _)| share(count.uncovered)),
        );
        list("Most common label pairs", pairs(&|count| count.n_series));
        list(
            "Label names with highest cumulative label value length",
            names_by(&|(_, values)| values.iter().map(|value| value.len() as u64).sum()),
        );
        list(
            "Highest cardinality labels",
            names_by(&|(_, values)| values.len() as u64),
        );
        let metrics = self
            .pairs
            .iter()
            .filter(|((name, _), _)| name == METRIC_NAME);
        list(
            "Highest cardinality metric names",
            metrics
                .map(|((_, value), count)| (count.n_series, value.clone()))
                .collect(),
        );
        text
    }
}
