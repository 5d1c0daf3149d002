//! The one way in which a page can be bad.

/// The page breaks its format; what stands before it is not to be used either.
///
/// Prints as Prometheus' message for the same page, which the targets page shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The line on which the entry begins, from 1; 0 of a protobuf page, which has none.
    pub line: usize,
    /// Where reading ended, in bytes from the start of the page; of a protobuf page where the message begins.
    pub offset: usize,
    /// Prometheus' words.
    pub message: String,
}
