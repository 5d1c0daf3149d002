//! Where in a query's text something stands, as error and annotation texts tell it.
//!
//! Source: Prometheus, `promql/parser/posrange/posrange.go`.
use std::fmt;

/// A place in a query's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The text is empty, so nothing stands anywhere.
    Unknown,
    /// Both count from 1; columns are bytes.
    At {
        /// The line.
        line: usize,
        /// The byte within the line.
        column: usize,
    },
}

impl Position {
    /// The place of byte `offset` of `text`.
    pub fn of(text: &str, offset: usize) -> Self {
        if text.is_empty() {
            return Self::Unknown;
        }
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        Self::At {
            line: before.iter().filter(|b| **b == b'\n').count() + 1,
            column: before.len() - line_start + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown position"),
            Self::At { line, column } => write!(f, "{line}:{column}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let text = |query, offset| Position::of(query, offset).to_string();
        assert_eq!(text("abc", 0), "1:1");
        assert_eq!(text("a\nbc", 3), "2:2");
        assert_eq!(text("a\n", 2), "2:1");
        assert_eq!(text("", 0), "unknown position");
    }
}
