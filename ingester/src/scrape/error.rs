//! Why a scrape failed: the text on the targets page, and the reason in the metrics.
use exposition::NegotiationError;

use super::page::PageError;
use fetch::{BodyError, FetchError};

/// Why a scrape failed, in Prometheus' words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScrapeError {
    /// It is not to be tried.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Format(#[from] NegotiationError),
    #[error(transparent)]
    Page(#[from] PageError),
}

impl ScrapeError {
    /// One of a few words for the metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Refused(_) => "target_limit",
            Self::Fetch(error) if error.is_timeout() => "timeout",
            Self::Fetch(FetchError::Body(BodyError::TooLarge)) => "body_size_limit",
            Self::Fetch(FetchError::Body(_)) => "encoding",
            Self::Fetch(FetchError::Status(_)) => "status",
            Self::Fetch(FetchError::Secret { .. } | FetchError::Token { .. }) => "secret",
            Self::Fetch(_) => "connection",
            Self::Format(_) => "content_type",
            Self::Page(PageError::SampleLimit) => "sample_limit",
            Self::Page(PageError::BucketLimit) => "bucket_limit",
            Self::Page(PageError::Naming(error)) if error.is_limit() => "label_limit",
            Self::Page(_) => "syntax",
        }
    }

    /// True if the page was too large to be taken.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Fetch(FetchError::Body(BodyError::TooLarge)))
    }
}
