//! Label sets: sorted, unique names, none with an empty value.
use std::{cmp::Ordering, fmt, sync::Arc};

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
///
/// One allocation holds it all, since there may be millions of sets: how many pairs there are, then each name and each
/// value behind its length. Numbers are written in base 64, lowest digit first, with 64 added to each digit that another
/// follows: that is ASCII, so the whole is a text and so is each slice.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<str>);

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
        let kept =
            (0..pairs.len()).filter(|i| last_of_name(*i) && !pairs[*i].1.as_ref().is_empty());
        Self::from_sorted(kept.map(|i| (pairs[i].0.as_ref(), pairs[i].1.as_ref())))
    }

    /// Builds a set from pairs that are sorted by name, unique and not empty already; of others nothing good comes.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let (mut n_pairs, mut n_bytes) = (0, 2);
        for (name, value) in pairs.clone() {
            n_pairs += 1;
            n_bytes += name.len() + value.len() + 4;
        }
        let mut text = String::with_capacity(n_bytes);
        push_number(&mut text, n_pairs);
        for part in pairs.flat_map(|(name, value)| [name, value]) {
            push_number(&mut text, part.len());
            text.push_str(part);
        }
        Self(text.into())
    }

    /// How many labels.
    pub fn len(&self) -> usize {
        self.iter().left
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> Pairs<'_> {
        let (left, rest) = split_number(&self.0);
        Pairs { left, rest }
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
        let kept: Vec<_> = self.iter().filter(|(n, _)| keep(n)).collect();
        Self::from_sorted(kept.into_iter())
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

/// The pairs of a set of labels, sorted by name.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    left: usize,
    /// The pairs that are left, as in [`Labels`].
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (length, rest) = split_number(self.rest);
        let (name, rest) = rest.split_at(length);
        let (length, rest) = split_number(rest);
        let (value, rest) = rest.split_at(length);
        self.rest = rest;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

/// Appends `number` as [`Labels`] has it.
fn push_number(text: &mut String, mut number: usize) {
    while number >= 64 {
        text.push(char::from(64 | (number & 63) as u8));
        number >>= 6;
    }
    text.push(char::from(number as u8));
}

/// The number that `text` begins with, and what follows it.
fn split_number(text: &str) -> (usize, &str) {
    let (mut number, mut shift) = (0, 0);
    for (i, byte) in text.bytes().enumerate() {
        number |= usize::from(byte & 63) << shift;
        if byte < 64 {
            return (number, &text[i + 1..]);
        }
        shift += 6;
    }
    (number, "")
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
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
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
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
    fn names_and_values_of_any_length_come_back() {
        let texts = [1, 63, 64, 4095, 4096, 300_000].map(|n| "ä".repeat(n));
        let pairs: Vec<_> = texts
            .iter()
            .map(|text| (text.as_str(), text.as_str()))
            .collect();
        let labels = Labels::from_pairs(pairs.clone());
        assert_eq!(labels.iter().collect::<Vec<_>>(), pairs);
        assert_eq!(labels.len(), 6);
        assert_eq!(labels.iter().skip(2).len(), 4);
        assert!(Labels::empty().is_empty());
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
