//! What can go wrong, and what the caller can do about it.
use model::{GroupKey, TimeRange, Timestamp};

use crate::{
    codec::DecodeError,
    row::DictionaryNo,
    store::{StoreError, StoreErrorKind},
};

/// What the caller can do about a [`TsdbError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for can never be done so.
    Invalid,
    /// The disk does not do its part; later it may.
    Unavailable,
    /// A limit or the disk's size is reached.
    Limit,
    /// Stored bytes are broken; a replica may have them whole.
    Corrupt,
}

/// A database could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TsdbError {
    /// The store behind failed.
    #[error("use the store")]
    Store(#[from] StoreError),
    /// A later release wrote the database.
    #[error(
        "its format is {found}, this release knows {known}: start the release that wrote it, or name another directory"
    )]
    NewerFormat {
        /// The version found.
        found: u64,
        /// The newest that can be read.
        known: u64,
    },
    /// The row is older than what the group has.
    #[error("append the row of group {group} at {slot}: out of order, the newest is at {last}")]
    OutOfOrder {
        /// The row's group.
        group: GroupKey,
        /// The row's slot.
        slot: Timestamp,
        /// The group's newest slot.
        last: Timestamp,
    },
    /// The row lies before what retention keeps or too far ahead of the clock.
    #[error(
        "append the row of group {group} at {slot}: out of bounds, rows are taken from {oldest} to {newest}"
    )]
    OutOfBounds {
        /// The row's group.
        group: GroupKey,
        /// The row's slot.
        slot: Timestamp,
        /// The earliest that is taken.
        oldest: Timestamp,
        /// The latest that is taken.
        newest: Timestamp,
    },
    /// The row's ordinals are of a dictionary that was begun anew: all its series must be defined again.
    #[error("append a row of group {group} by dictionary {}: it is void", .dictionary.0)]
    VoidDictionary {
        /// The row's group.
        group: GroupKey,
        /// The row's dictionary.
        dictionary: DictionaryNo,
    },
    /// One group could not be read whole.
    #[error("read the group {group}")]
    Group {
        /// The group.
        group: GroupKey,
        /// Why.
        source: Box<TsdbError>,
    },
    /// What was stored is gone: it was found broken when it was moved or loaded, and left out.
    #[error("read what was stored from {} to {}: {what}", .range.start(), .range.end())]
    Lost {
        /// When it was.
        range: TimeRange,
        /// What was broken.
        what: String,
    },
    /// Stored bytes do not decode.
    #[error("decode {what} in the family {family}")]
    Corrupt {
        /// The family.
        family: String,
        /// Which entry.
        what: String,
        /// Where it breaks.
        source: DecodeError,
    },
}

impl TsdbError {
    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => match error.kind() {
                StoreErrorKind::Full => Kind::Limit,
                StoreErrorKind::Corrupt => Kind::Corrupt,
                StoreErrorKind::Invalid => Kind::Invalid,
                StoreErrorKind::Locked
                | StoreErrorKind::NewerFormat
                | StoreErrorKind::Unusable
                | StoreErrorKind::Unavailable => Kind::Unavailable,
            },
            Self::NewerFormat { .. } => Kind::Unavailable,
            Self::OutOfOrder { .. } | Self::OutOfBounds { .. } | Self::VoidDictionary { .. } => {
                Kind::Invalid
            }
            Self::Group { source, .. } => source.kind(),
            Self::Corrupt { .. } | Self::Lost { .. } => Kind::Corrupt,
        }
    }

    /// The group that alone it is about, if it is one.
    pub fn group(&self) -> Option<GroupKey> {
        match self {
            Self::Group { group, .. } => Some(*group),
            _ => None,
        }
    }

    /// The error with its causes, on one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }

    /// The error as one about `group`.
    pub(crate) fn of(self, group: GroupKey) -> Self {
        Self::Group {
            group,
            source: Box::new(self),
        }
    }

    pub(crate) fn corrupt(family: &str, what: impl Into<String>, source: DecodeError) -> Self {
        Self::Corrupt {
            family: family.to_owned(),
            what: what.into(),
            source,
        }
    }
}
