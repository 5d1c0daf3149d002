//! The key space on one page: which family holds what, under which keys.
//!
//! ```text
//! meta                "format"                                             -> version
//! rows-<generation>   00 | group 8 | dictionary 4                  -> mark: how far rows are cut
//!                     01 | group 8 | slot 8                        -> row record, of a scraped group
//!                     01 | group 8 | sequence 8 | dictionary 4     -> batch record, of a pushed group
//! series-<day>        group 8 | dictionary 4 | first ordinal 4     -> dictionary chunk
//! segments-<period>   00 | group 8 | dictionary 4                  -> mark: how far rows are cut
//!                     01 | group 8 | 00 | block 20                 -> head of a block of 32 rows
//!                     01 | group 8 | 01 | block 20 | chunk 2       -> chunk of its columns
//! blocks-<day>        01 as in segments-<period>, of two hours
//! index-<day>         see index/day.rs
//! ```
//!
//! A block is named by its latest time 8, its dictionary 4 and its position 8: how far its group's rows were cut with
//! it, a slot for a scraped group, a sequence number for a pushed one.
//!
//! Numbers are big-endian, times with their sign flipped, so that keys sort as numbers do.
use model::{GroupKey, Millis, TimeRange, Timestamp};

use crate::{row::DictionaryNo, store::KeyRange};

/// The family of the store's own facts.
pub(crate) const META: &str = "meta";
/// The key of the format's version in [`META`].
pub(crate) const FORMAT_KEY: &[u8] = b"format";

const MINUTE: i64 = 60_000;

/// The tag of keys of rows, and of blocks.
pub(crate) const DATA: u8 = 1;
/// The tag of keys of marks, beside rows and blocks.
pub(crate) const MARK: u8 = 0;

/// A kind of family of which there is one for each span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Rows by the time of their writing, in spans of 15 minutes.
    Rows,
    /// Segments by slot, in spans of two hours.
    Segments,
    /// Dictionaries by slot, in UTC days.
    Series,
    /// Blocks by slot, in UTC days.
    Blocks,
    /// Postings by slot, in UTC days.
    Index,
}

impl Era {
    const fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows-",
            Self::Segments => "segments-",
            Self::Series => "series-",
            Self::Blocks => "blocks-",
            Self::Index => "index-",
        }
    }

    /// The length of a span in milliseconds.
    const fn span(self) -> i64 {
        match self {
            Self::Rows => 15 * MINUTE,
            Self::Segments => 120 * MINUTE,
            Self::Series | Self::Blocks | Self::Index => 1440 * MINUTE,
        }
    }

    /// The length of a span.
    pub(crate) const fn length(self) -> Millis {
        Millis::new(self.span())
    }

    /// The number of the span that `at` falls into.
    pub(crate) const fn of(self, at: Timestamp) -> i64 {
        at.as_millis().div_euclid(self.span())
    }

    /// The first instant of span `number`.
    pub(crate) const fn start(self, number: i64) -> Timestamp {
        Timestamp::from_millis(number.saturating_mul(self.span()))
    }

    /// The time of span `number`.
    pub(crate) fn range(self, number: i64) -> TimeRange {
        let (start, next) = (self.start(number), self.start(number.saturating_add(1)));
        TimeRange::new(start, next - Millis::new(1)).expect("a span is not empty")
    }

    /// The name of the family for span `number`.
    pub(crate) fn family(self, number: i64) -> String {
        format!("{}{number}", self.name())
    }

    /// True if `family` is of this kind.
    pub(crate) fn is_of(self, family: &str) -> bool {
        family.starts_with(self.name())
    }

    /// The numbers of those of `families` that are of this kind, ascending.
    pub(crate) fn numbers<'a>(self, families: impl IntoIterator<Item = &'a String>) -> Vec<i64> {
        let mut numbers: Vec<i64> = families
            .into_iter()
            .filter_map(|name| name.strip_prefix(self.name())?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The groups whose keys lie in a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    first: u64,
    last: u64,
}

impl Span {
    /// Every group.
    pub(crate) const ALL: Self = Self {
        first: 0,
        last: u64::MAX,
    };

    /// Spans of about one length that have each group once; `n` of them, at least one.
    pub(crate) fn split(n: usize) -> impl Iterator<Item = Self> {
        let n = n.max(1) as u128;
        let start = move |i: u128| (i << 64) / n;
        (0..n).map(move |i| Self {
            first: start(i) as u64,
            last: (start(i + 1) - 1) as u64,
        })
    }

    pub(crate) const fn has(self, group: GroupKey) -> bool {
        self.first <= group.0 && group.0 <= self.last
    }

    /// The keys that begin with `prefix` and one of the groups; what is too short to name one goes with the first.
    pub(crate) fn keys(self, prefix: &[u8]) -> KeyRange {
        let mut range = KeyRange::prefix(prefix);
        if self.first > 0 {
            range.from.extend(self.first.to_be_bytes());
        }
        if let Some(next) = self.last.checked_add(1) {
            range.to = Some([prefix, &next.to_be_bytes()].concat());
        }
        range
    }
}

/// A key under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn of(group: GroupKey) -> Self {
        Self(group.0.to_be_bytes().to_vec())
    }

    pub(crate) fn tag(tag: u8) -> Self {
        Self(vec![tag])
    }

    pub(crate) fn group(mut self, group: GroupKey) -> Self {
        self.0.extend_from_slice(&group.0.to_be_bytes());
        self
    }

    pub(crate) fn time(mut self, at: Timestamp) -> Self {
        let flipped = at.as_millis() as u64 ^ (1 << 63);
        self.0.extend_from_slice(&flipped.to_be_bytes());
        self
    }

    pub(crate) fn dictionary(self, dictionary: DictionaryNo) -> Self {
        self.u32(dictionary.0)
    }

    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(crate) fn u32(mut self, n: u32) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, n: u64) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    pub(crate) fn u16(mut self, n: u16) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The parts of a key, front to back; `None` once it is too short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyParts<'a>(pub(crate) &'a [u8]);

impl KeyParts<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn tag(&mut self) -> Option<u8> {
        self.array::<1>().map(|[tag]| tag)
    }

    pub(crate) fn group(&mut self) -> Option<GroupKey> {
        self.array().map(|b| GroupKey(u64::from_be_bytes(b)))
    }

    pub(crate) fn time(&mut self) -> Option<Timestamp> {
        let flipped = self.array().map(u64::from_be_bytes)?;
        Some(Timestamp::from_millis((flipped ^ (1 << 63)) as i64))
    }

    pub(crate) fn dictionary(&mut self) -> Option<DictionaryNo> {
        self.u32().map(DictionaryNo)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_times_do() {
        let key = |millis| {
            Key::of(GroupKey(1))
                .time(Timestamp::from_millis(millis))
                .bytes()
        };
        assert!(key(i64::MIN) < key(-1) && key(-1) < key(0) && key(0) < key(i64::MAX));
        let bytes = key(-5);
        let mut parts = KeyParts(&bytes);
        assert_eq!(parts.group(), Some(GroupKey(1)));
        assert_eq!(parts.time(), Some(Timestamp::from_millis(-5)));
        assert_eq!(parts.u32(), None);
    }

    #[test]
    fn spans_have_each_key_once() {
        for n in [0, 1, 2, 3, 7] {
            let spans: Vec<Span> = Span::split(n).collect();
            assert_eq!(spans.len(), n.max(1));
            for group in [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX] {
                let group = GroupKey(group);
                let key = Key::tag(DATA).group(group).byte(7).bytes();
                let within = |span: &&Span| {
                    let KeyRange { from, to } = span.keys(&[DATA]);
                    from <= key && to.is_none_or(|to| key < to)
                };
                let having: Vec<&Span> = spans.iter().filter(within).collect();
                assert_eq!(having.len(), 1, "{group} in {n}");
                assert!(having[0].has(group));
            }
            let short = KeyRange::prefix(&[DATA]).from;
            assert_eq!(spans[0].keys(&[DATA]).from, short);
        }
        assert_eq!(Span::split(1).collect::<Vec<_>>(), [Span::ALL]);
    }

    #[test]
    fn families_are_named_after_their_span() {
        let at = Timestamp::from_millis(-1);
        assert_eq!(Era::Blocks.family(Era::Blocks.of(at)), "blocks--1");
        let names = ["rows-3", "rows-x", "meta", "rows--2"].map(str::to_owned);
        assert_eq!(Era::Rows.numbers(&names), [-2, 3]);
    }
}
