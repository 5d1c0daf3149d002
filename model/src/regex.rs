//! Regular expressions with Go's (RE2) syntax, anchored at both ends as everywhere in Prometheus.
//!
//! A pattern is read by a parser of Go's syntax ([`parse`]), since that of the Rust crates gives other answers:
//! there `\d` is Unicode, `[a&&b]` an intersection and `\Qa.b\E` an error. What it reads becomes the crates' own
//! tree, whose shape ([`shape`]) tells whether the pattern is but a few literals or literals between `.*`;
//! such patterns, most of those that people write, are matched without an automaton.

mod class;
mod parse;
mod shape;
mod template;
#[cfg(test)]
mod tests;

use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::{Hir, Look};

use self::shape::Shape;

/// The most that the automaton of one pattern may take, in bytes.
const SIZE_LIMIT: usize = 32 << 20;

/// A pattern that does not compile, with Go's text: `missing closing ): ` and the pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: `{expr}`")]
pub struct RegexError {
    what: &'static str,
    expr: String,
}

impl RegexError {
    /// The error as it reads where Go compiles `^(?s:pattern)$`: a message about the whole shows all of that.
    pub fn of_anchored(self) -> Self {
        let expr = match parse::is_about_whole(self.what) {
            true => format!("^(?s:{})$", self.expr),
            false => self.expr,
        };
        Self { expr, ..self }
    }
}

/// A compiled pattern that must match the whole text; `.` matches a line feed too.
#[derive(Clone, Debug)]
pub struct Regex {
    pattern: Box<str>,
    /// One entry a group, group 0 (the whole) left out: its name, if it has one.
    groups: Vec<Option<Box<str>>>,
    shape: Shape,
    prefix: Option<Box<str>>,
    /// Absent where `shape` alone tells whether, and with which groups, a text matches.
    automaton: Option<meta::Regex>,
}

impl Regex {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`RegexError`] if Go's `regexp` refuses it, or if it is too large.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let parse::Parsed { hir, groups } = parse::parse(pattern)?;
        let shape = Shape::of(&hir);
        let automaton = match (&shape, groups.len()) {
            (Shape::Other, _) => true,
            (_, 0) => false,
            // The default of relabelling, `(.*)`, and its like: one group around all.
            (_, 1) => !matches!(hir.kind(), regex_syntax::hir::HirKind::Capture(_)),
            _ => true,
        };
        Ok(Self {
            pattern: pattern.into(),
            prefix: shape::prefix(&hir).map(Into::into),
            automaton: automaton.then(|| compile(pattern, hir)).transpose()?,
            groups,
            shape,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// True if the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        match (self.shape.is_match(text), &self.automaton) {
            (Some(answer), _) => answer,
            (None, Some(automaton)) => automaton.is_match(anchored(text)),
            (None, None) => unreachable!("a pattern of no shape has an automaton"),
        }
    }

    /// The groups of a match of the whole of `text`.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'_, 't>> {
        let groups = match &self.automaton {
            Some(automaton) => {
                let mut found = automaton.create_captures();
                automaton.search_captures(&anchored(text), &mut found);
                if !found.is_match() {
                    return None;
                }
                (0..found.group_len())
                    .map(|group| found.get_group(group).map(|span| &text[span.range()]))
                    .collect()
            }
            None if self.is_match(text) => vec![Some(text); self.groups.len() + 1],
            None => return None,
        };
        Some(Captures {
            names: &self.groups,
            groups,
        })
    }

    /// The only texts that match, sorted, if the pattern is no more than a choice of literals.
    pub fn set_matches(&self) -> Option<&[String]> {
        match &self.shape {
            Shape::Set(literals) => Some(literals),
            _ => None,
        }
    }

    /// What every text that matches begins with, if that is known and not empty.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// True if every text matches, the empty one too: `.*`.
    pub fn matches_everything(&self) -> bool {
        self.shape.is_everything()
    }
}

/// Compiles `^hir$`.
fn compile(pattern: &str, hir: Hir) -> Result<meta::Regex, RegexError> {
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let config = meta::Regex::config().nfa_size_limit(Some(SIZE_LIMIT));
    meta::Builder::new()
        .configure(config)
        .build_from_hir(&whole)
        .map_err(|_| RegexError {
            what: parse::TOO_LARGE,
            expr: pattern.to_owned(),
        })
}

/// A search from the beginning of `text` only.
fn anchored(text: &str) -> Input<'_> {
    Input::new(text).anchored(Anchored::Yes)
}

/// What the groups of a pattern hold after a match.
#[derive(Clone, Debug)]
pub struct Captures<'r, 't> {
    names: &'r [Option<Box<str>>],
    /// Group 0 is the whole text.
    groups: Vec<Option<&'t str>>,
}

impl<'t> Captures<'_, 't> {
    /// What group `number` holds; group 0 is the whole.
    pub fn get(&self, number: usize) -> Option<&'t str> {
        self.groups.get(number).copied().flatten()
    }

    /// What the first group called `name` that took part in the match holds.
    pub fn name(&self, name: &str) -> Option<&'t str> {
        let named = self.names.iter().zip(&self.groups[1..]);
        named
            .filter(|(n, _)| n.as_deref() == Some(name))
            .find_map(|(_, group)| *group)
    }

    /// `template` with `$1`, `${1}`, `$name`, `${name}` and `$$` replaced, as Go's `Regexp.Expand` does:
    /// a group that is not there is empty, a `$` that begins none of these stays.
    pub fn expand(&self, template: &str) -> String {
        template::expand(template, self)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Regex {}
