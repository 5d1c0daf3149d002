//! Label sets: sorted, unique names, none with an empty value.
use std::{cmp::Ordering, fmt, hash, sync::Arc};

use xxhash_rust::xxh3::Xxh3Default;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label that names a target's scrape job.
pub const JOB_LABEL: &str = "job";
/// The label that names a target within its job.
pub const INSTANCE_LABEL: &str = "instance";
/// The label with a classic histogram bucket's upper bound.
pub const BUCKET_LABEL: &str = "le";
/// The label with a summary's quantile.
pub const QUANTILE_LABEL: &str = "quantile";

/// A set of labels, sorted by name, each name once, no empty values (an empty value means an absent label).
///
/// Cheap to clone. Ordered as Prometheus orders series: pair by pair, name before value.
#[derive(Clone)]
pub struct Labels(Arc<Repr>);

#[derive(PartialEq, Eq, Hash)]
struct Repr {
    /// End of name, end of value, end of name, … as offsets into `text`.
    ends: Box<[u32]>,
    /// All names and values without separators.
    text: Box<str>,
}

impl Labels {
    /// The empty set.
    pub fn empty() -> Self {
        Self::from_sorted(std::iter::empty())
    }

    /// Builds a set from pairs in any order; of pairs with one name the last wins, empty values are left out.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let last_of_name =
            |i: usize| i + 1 == pairs.len() || pairs[i].0.as_ref() != pairs[i + 1].0.as_ref();
        Self::from_sorted(
            pairs
                .iter()
                .enumerate()
                .filter(|(i, (_, v))| last_of_name(*i) && !v.as_ref().is_empty())
                .map(|(_, (n, v))| (n.as_ref(), v.as_ref())),
        )
    }

    /// Builds a set from pairs that are sorted, unique and not empty already.
    fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut ends, mut text) = (Vec::new(), String::new());
        for (name, value) in pairs {
            text.push_str(name);
            ends.push(text.len() as u32);
            text.push_str(value);
            ends.push(text.len() as u32);
        }
        Self(Arc::new(Repr {
            ends: ends.into(),
            text: text.into(),
        }))
    }

    /// How many labels.
    pub fn len(&self) -> usize {
        self.0.ends.len() / 2
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.ends.is_empty()
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        let Repr { ends, text } = &*self.0;
        (0..ends.len() / 2).map(move |i| {
            let start = if i == 0 { 0 } else { ends[2 * i - 1] as usize };
            let (middle, end) = (ends[2 * i] as usize, ends[2 * i + 1] as usize);
            (&text[start..middle], &text[middle..end])
        })
    }

    /// The value of `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The value of `name`, or the empty string, which is what an absent label means to a matcher.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// The metric's name, or the empty string.
    pub fn metric_name(&self) -> &str {
        self.value(METRIC_NAME)
    }

    /// A builder that starts from this set.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder {
            pairs: self
                .iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
        }
    }

    /// The labels whose names `keep` wants.
    pub fn filtered(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        Self::from_sorted(self.iter().filter(|(n, _)| keep(n)))
    }

    /// This set without `name`.
    pub fn without(&self, name: &str) -> Self {
        self.filtered(|n| n != name)
    }

    /// This set without the metric's name.
    pub fn without_metric_name(&self) -> Self {
        self.without(METRIC_NAME)
    }

    /// This set with `name` set to `value`; an empty value takes the label away.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut builder = self.to_builder();
        builder.set(name, value);
        builder.build()
    }

    /// A 64-bit hash that is the same in every process and release: XXH3 over `name ff value ff …`.
    pub fn stable_hash(&self) -> u64 {
        let mut hasher = Xxh3Default::new();
        for (name, value) in self.iter() {
            hasher.update(name.as_bytes());
            hasher.update(&[0xff]);
            hasher.update(value.as_bytes());
            hasher.update(&[0xff]);
        }
        hasher.digest()
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Labels {}

impl hash::Hash for Labels {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self::from_pairs(pairs)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Labels {
    /// `{__name__="up", job="a"}`, as Go's `labels.Labels.String` prints it; names that need it are quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            if plain {
                f.write_str(name)?;
            } else {
                write!(f, "{name:?}")?;
            }
            write!(f, "={value:?}")?;
        }
        f.write_str("}")
    }
}

/// Labels under change, kept sorted by name.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// The value of `name`, or the empty string.
    pub fn value(&self, name: &str) -> &str {
        match self.position(name) {
            Ok(i) => &self.pairs[i].1,
            Err(_) => "",
        }
    }

    /// Sets `name` to `value`; an empty value takes the label away.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match (self.position(name), value.is_empty()) {
            (Ok(i), true) => drop(self.pairs.remove(i)),
            (Ok(i), false) => value.clone_into(&mut self.pairs[i].1),
            (Err(_), true) => {}
            (Err(i), false) => self.pairs.insert(i, (name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Takes `name` away.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.set(name, "")
    }

    /// Keeps the labels whose names `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) -> &mut Self {
        self.pairs.retain(|(n, _)| keep(n));
        self
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The finished set.
    pub fn build(&self) -> Labels {
        Labels::from_sorted(self.iter())
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(n, _)| n.as_str().cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_and_the_last_of_a_name_wins() {
        let labels = Labels::from_pairs([("b", "1"), ("a", "2"), ("b", "3"), ("c", "")]);
        assert_eq!(labels.to_string(), r#"{a="2", b="3"}"#);
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.value("c"), "");
    }

    #[test]
    fn a_builder_sets_and_removes() {
        let mut builder = Labels::from_pairs([("a", "1")]).to_builder();
        builder.set("0", "x").set("a", "").set("z", "9");
        assert_eq!(
            builder.build(),
            Labels::from_pairs([("0", "x"), ("z", "9")])
        );
    }

    #[test]
    fn the_stable_hash_is_pinned() {
        let labels = Labels::from_pairs([(METRIC_NAME, "up"), ("job", "node")]);
        assert_eq!(labels.stable_hash(), labels.clone().stable_hash());
        expect_test::expect!["85d666c28b445bb9"]
            .assert_eq(&format!("{:016x}", labels.stable_hash()));
    }

    #[test]
    fn sets_are_ordered_pair_by_pair() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        assert!(of(&[("a", "1")]) < of(&[("a", "1"), ("b", "1")]));
        assert!(of(&[("a", "1"), ("b", "1")]) < of(&[("a", "2")]));
        assert!(of(&[("a", "2")]) < of(&[("b", "1")]));
    }
}
