//! Which series have which labels: postings as sets, and matchers as algebra on them.
mod active;
mod day;
mod figures;

use model::{MatchOp, Matcher};
use roaring::RoaringBitmap;

use crate::error::TsdbError;

pub(crate) use active::{ActiveIndex, Place};
pub(crate) use day::{DayIndex, Present};
pub use figures::{IndexFigures, LabelFigures};

/// Sets of series by label: of what is active, in memory, or of one day, in the store.
pub(crate) trait Postings {
    /// Every series.
    fn all(&self) -> Result<RoaringBitmap, TsdbError>;

    /// The series that have the label `name` with `value`, which is not empty.
    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, TsdbError>;

    /// The series that have the label `name` with a value that begins with `prefix` and passes `test`.
    fn passing(
        &self,
        name: &str,
        prefix: &str,
        test: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, TsdbError>;
}

/// The series on which all of `matchers` pass.
///
/// Source of the semantics: `PostingsForMatchers` in Prometheus, `tsdb/querier.go`.
pub(crate) fn matching(
    postings: &impl Postings,
    matchers: &[Matcher],
) -> Result<RoaringBitmap, TsdbError> {
    // A matcher that fails on the empty value selects; one that passes takes away the values on which it fails.
    let (taking, mut selecting): (Vec<_>, Vec<_>) =
        matchers.iter().partition(|m| m.matches_empty());
    // Look-ups before scans of values.
    selecting.sort_by_key(|m| m.op() != MatchOp::Equal);
    let mut found: Option<RoaringBitmap> = None;
    for matcher in selecting {
        let these = with_label(postings, matcher)?;
        found = Some(match found {
            Some(found) => found & these,
            None => these,
        });
        if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
            return Ok(RoaringBitmap::new());
        }
    }
    let mut found = match found {
        Some(found) => found,
        None => postings.all()?,
    };
    for matcher in taking {
        if found.is_empty() {
            break;
        }
        found -= without_label(postings, matcher)?;
    }
    Ok(found)
}

/// The series whose label passes a matcher that fails on the empty value.
fn with_label(postings: &impl Postings, matcher: &Matcher) -> Result<RoaringBitmap, TsdbError> {
    let name = matcher.name();
    match matcher.op() {
        MatchOp::Equal => postings.equal(name, matcher.value()),
        MatchOp::Regex => match literals(matcher.value()) {
            Some(values) => values.iter().try_fold(RoaringBitmap::new(), |set, value| {
                Ok(set | postings.equal(name, value)?)
            }),
            None => {
                let prefix = literal_prefix(matcher.value());
                postings.passing(name, prefix, &|value| matcher.matches(value))
            }
        },
        MatchOp::NotEqual | MatchOp::NotRegex => {
            postings.passing(name, "", &|value| matcher.matches(value))
        }
    }
}

/// The series whose label fails a matcher that passes on the empty value.
fn without_label(postings: &impl Postings, matcher: &Matcher) -> Result<RoaringBitmap, TsdbError> {
    let name = matcher.name();
    match matcher.op() {
        MatchOp::NotEqual => postings.equal(name, matcher.value()),
        MatchOp::NotRegex => match literals(matcher.value()) {
            Some(values) => values.iter().try_fold(RoaringBitmap::new(), |set, value| {
                Ok(set | postings.equal(name, value)?)
            }),
            None => {
                let prefix = literal_prefix(matcher.value());
                postings.passing(name, prefix, &|value| !matcher.matches(value))
            }
        },
        MatchOp::Equal | MatchOp::Regex => {
            postings.passing(name, "", &|value| !matcher.matches(value))
        }
    }
}

/// Characters that mean something in a pattern.
const SPECIAL: &[char] = &[
    '\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$',
];

/// The values of a pattern like `a|b|c`, none of them empty.
pub(crate) fn literals(pattern: &str) -> Option<Vec<&str>> {
    let values: Vec<&str> = pattern.split('|').collect();
    let plain = |value: &&str| !value.is_empty() && !value.contains(SPECIAL);
    values.iter().all(plain).then_some(values)
}

/// What every value that matches `pattern` begins with.
pub(crate) fn literal_prefix(pattern: &str) -> &str {
    let end = pattern.find(SPECIAL).unwrap_or(pattern.len());
    let rest = &pattern[end..];
    // A repetition may take back the character before it; an alternation has no common prefix.
    if pattern.contains('|') {
        return "";
    }
    match rest.chars().next() {
        Some('?' | '*' | '+' | '{') => {
            let last = pattern[..end].char_indices().next_back();
            &pattern[..last.map_or(0, |(at, _)| at)]
        }
        _ => &pattern[..end],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_in_patterns() {
        assert_eq!(literals("a|bc"), Some(vec!["a", "bc"]));
        for pattern in ["a|b.", "a|", "", "(a|b)", "(?i)a"] {
            assert_eq!(literals(pattern), None);
        }
    }

    #[test]
    fn prefixes_hold_for_every_match() {
        for (pattern, prefix) in [
            ("abc.*", "abc"),
            ("abc*", "ab"),
            ("ab{2}", "a"),
            ("a(b|c)", ""),
            (".*a", ""),
            ("é?", ""),
            ("abc\\.d", "abc"),
            ("(?i)abc", ""),
        ] {
            assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
        }
    }
}
