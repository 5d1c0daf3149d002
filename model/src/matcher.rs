//! Label matchers.
use std::fmt;

use crate::{
    Labels,
    regex::{Regex, RegexError},
};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A pattern of a matcher does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {0}")]
pub struct MatcherError(#[from] RegexError);

/// A condition on one label; an absent label has the empty value.
#[derive(Clone, PartialEq, Eq)]
pub struct Matcher {
    name: String,
    value: String,
    test: Test,
}

#[derive(Clone, PartialEq, Eq)]
enum Test {
    Equal,
    NotEqual,
    Regex(Regex),
    NotRegex(Regex),
}

impl Matcher {
    /// The condition `name op value`.
    ///
    /// # Errors
    /// [`MatcherError`] if `op` takes a pattern and `value` is none.
    pub fn new(op: MatchOp, name: &str, value: &str) -> Result<Self, MatcherError> {
        let test = match op {
            MatchOp::Equal => Test::Equal,
            MatchOp::NotEqual => Test::NotEqual,
            MatchOp::Regex => Test::Regex(Regex::new(value)?),
            MatchOp::NotRegex => Test::NotRegex(Regex::new(value)?),
        };
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
            test,
        })
    }

    /// The condition `name = value`.
    pub fn equal(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            test: Test::Equal,
        }
    }

    /// The label that is looked at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value or pattern.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        match self.test {
            Test::Equal => MatchOp::Equal,
            Test::NotEqual => MatchOp::NotEqual,
            Test::Regex(_) => MatchOp::Regex,
            Test::NotRegex(_) => MatchOp::NotRegex,
        }
    }

    /// The compiled pattern of `=~` and `!~`.
    pub fn regex(&self) -> Option<&Regex> {
        match &self.test {
            Test::Regex(regex) | Test::NotRegex(regex) => Some(regex),
            Test::Equal | Test::NotEqual => None,
        }
    }

    /// True if a label with this `value` passes; absent labels are asked with the empty string.
    pub fn matches(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal => value == self.value,
            Test::NotEqual => value != self.value,
            Test::Regex(regex) => regex.is_match(value),
            Test::NotRegex(regex) => !regex.is_match(value),
        }
    }

    /// True if series without the label pass.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// True if all of `matchers` pass on `labels`.
    pub fn all_match(matchers: &[Self], labels: &Labels) -> bool {
        matchers.iter().all(|m| m.matches(labels.value(&m.name)))
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op().as_str(), self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_whole_value() {
        let matcher = Matcher::new(MatchOp::Regex, "job", "a|b.").unwrap();
        assert!(matcher.matches("a"));
        assert!(matcher.matches("bc"));
        assert!(!matcher.matches("xa"));
        assert!(!matcher.matches_empty());
    }

    #[test]
    fn absent_labels_are_empty() {
        let not = Matcher::new(MatchOp::NotEqual, "job", "a").unwrap();
        assert!(Matcher::all_match(&[not], &Labels::empty()));
    }
}
