//! The text of a series to its labels: done once for each text, not for each scrape.
use std::borrow::Cow;

use model::{BUCKET_LABEL, Labels, METRIC_NAME, MetricType, QUANTILE_LABEL};

use crate::{
    SyntaxError, float,
    parser::{Parser, Part},
    quote::quoted,
};

/// An exemplar whose [`exemplar_labels_length`] exceeds this is not kept; its sample is.
///
/// Source: `ExemplarMaxLabelSetLength` in Prometheus, `model/exemplar/exemplar.go`.
pub const EXEMPLAR_LABELS_LIMIT: usize = 128;

/// The text of a series gives no label set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// Two values for one name.
    #[error("label name {} is not unique: invalid sample", quoted(name.as_bytes()))]
    NotUnique {
        /// The name.
        name: String,
    },
    /// A quoted name that is not UTF-8.
    #[error("invalid metric name or label names: {}", quoted(text))]
    NotUtf8 {
        /// The text of the series.
        text: Vec<u8>,
    },
    /// The text is not one that a parser gave.
    #[error("parse the labels of a series")]
    Syntax {
        /// Where it is wrong.
        #[from]
        source: SyntaxError,
    },
}

/// The labels of the series written as `text` below a `# TYPE` of `kind`.
pub(crate) fn of_series(text: &[u8], kind: MetricType) -> Result<Labels, LabelsError> {
    let number = match kind {
        MetricType::Histogram => BUCKET_LABEL,
        MetricType::Summary => QUANTILE_LABEL,
        _ => "",
    };
    let mut pairs = Pairs::new(text);
    Parser::of_series_text(text).series_parts(&mut |part| match part {
        Part::Metric(name) => pairs.push(METRIC_NAME.as_bytes(), name, unescaped),
        Part::Label(name, value) if name == number.as_bytes() => {
            pairs.push(name, value, |value| normalized(unescaped(value)));
        }
        Part::Label(name, value) => pairs.push(name, value, unescaped),
    })?;
    pairs.labels()
}

/// The labels of the exemplar whose braces hold `text`.
pub(crate) fn of_exemplar(text: &[u8]) -> Result<Labels, LabelsError> {
    let mut pairs = Pairs::new(text);
    Parser::of_exemplar_text(text).exemplar_parts(&mut |part| {
        if let Part::Label(name, value) = part {
            pairs.push(name, value, Cow::Borrowed);
        }
    })?;
    pairs.labels()
}

/// How many characters the names and values of an exemplar's labels have together.
pub fn exemplar_labels_length(labels: &Labels) -> usize {
    let length = |(name, value): (&str, &str)| name.chars().count() + value.chars().count();
    labels.iter().map(length).sum()
}

/// A label's name and value.
type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The pairs of one series as they are found.
struct Pairs<'a> {
    text: &'a [u8],
    found: Result<Vec<Pair<'a>>, LabelsError>,
}

impl<'a> Pairs<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            found: Ok(Vec::new()),
        }
    }

    /// Adds a label, unless its value is empty: that means an absent one.
    fn push(&mut self, name: &'a [u8], value: &'a [u8], read: impl Fn(&'a str) -> Cow<'a, str>) {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            self.found = Err(LabelsError::NotUtf8 {
                text: self.text.to_vec(),
            });
            return;
        };
        let (name, value) = (unescaped(name), read(value));
        if let Ok(pairs) = &mut self.found
            && !value.is_empty()
        {
            pairs.push((name, value));
        }
    }

    fn labels(self) -> Result<Labels, LabelsError> {
        let mut pairs = self.found?;
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        match pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            Some(two) => Err(LabelsError::NotUnique {
                name: two[0].0.to_string(),
            }),
            None => Ok(Labels::from_pairs(pairs)),
        }
    }
}

/// Resolves `\\`, `\"` and `\n`; before any other byte a backslash stands for itself.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    unescaped_of(text, |escaped| match escaped {
        '\\' => Some('\\'),
        '"' => Some('"'),
        'n' => Some('\n'),
        _ => None,
    })
}

/// Resolves the escapes of a help text in the text format: `\\` and `\n`, not `\"`.
pub(crate) fn unescaped_help(text: &str) -> Cow<'_, str> {
    unescaped_of(text, |escaped| match escaped {
        '\\' => Some('\\'),
        'n' => Some('\n'),
        _ => None,
    })
}

fn unescaped_of(text: &str, meaning: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = rest.clone().next().and_then(&meaning).filter(|_| c == '\\');
        if escaped.is_some() {
            rest.next();
        }
        plain.push(escaped.unwrap_or(c));
    }
    Cow::Owned(plain)
}

fn normalized(value: Cow<'_, str>) -> Cow<'_, str> {
    match float::normalized(&value) {
        Some(number) => Cow::Owned(number),
        None => value,
    }
}
