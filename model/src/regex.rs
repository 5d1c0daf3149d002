//! Regular expressions with Go's (RE2) syntax, anchored at both ends as everywhere in Prometheus.

/// A pattern that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(String);

/// A compiled pattern that must match the whole text.
#[derive(Clone, Debug)]
pub struct Regex {
    pattern: String,
    compiled: regex::Regex,
}

impl Regex {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`RegexError`] if it is no regular expression.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let compiled = regex::Regex::new(&format!("^(?s:{pattern})$"))
            .map_err(|e| RegexError(e.to_string()))?;
        Ok(Self {
            pattern: pattern.to_owned(),
            compiled,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// True if the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Regex {}
