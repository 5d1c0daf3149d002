//! Why a text is no configuration.
use std::fmt;

/// Why a text is refused, in Prometheus' words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no YAML.
    #[error("yaml: line {line}: {what}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the parser met.
        what: String,
    },
    /// Fields that nobody knows, and values of the wrong kind.
    #[error("yaml: unmarshal errors:{}", Listed(.0))]
    Shape(Vec<Misfit>),
    /// The values make no sense together.
    #[error("{what}")]
    Invalid {
        /// Where the section begins that makes no sense, counted from 1.
        line: usize,
        /// Why it makes none.
        what: String,
    },
}

/// One value that does not fit its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Counted from 1.
    pub line: usize,
    /// `field foo not found in type config.plain`
    pub what: String,
}

struct Listed<'e>(&'e [Misfit]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|misfit| write!(f, "\n  line {}: {}", misfit.line, misfit.what))
    }
}

impl Error {
    pub(crate) fn invalid(line: usize, what: impl fmt::Display) -> Self {
        Self::Invalid {
            line,
            what: what.to_string(),
        }
    }

    pub(crate) fn misfit(line: usize, what: impl fmt::Display) -> Self {
        Self::Shape(vec![Misfit {
            line,
            what: what.to_string(),
        }])
    }

    /// The line, counted from 1, at which the first thing is wrong.
    pub fn line(&self) -> usize {
        match self {
            Self::Syntax { line, .. } | Self::Invalid { line, .. } => *line,
            Self::Shape(misfits) => misfits.first().map_or(1, |misfit| misfit.line),
        }
    }
}
