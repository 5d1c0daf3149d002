//! Headers that the user adds.
use crate::{
    Error, Secret,
    decode::{Decode, Fields},
    yaml::Node,
};

/// The values of one header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Values that may be shown.
    pub values: Vec<String>,
    /// Values that may not.
    pub secrets: Vec<Secret>,
    /// Files that hold values.
    pub files: Vec<String>,
}

impl Decode for Header {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.Header")?;
        let header = Self {
            values: fields.or_default("values")?,
            secrets: fields.or_default("secrets")?,
            files: fields.or_default("files")?,
        };
        fields.finish()?;
        Ok(header)
    }
}

/// Headers that carry the connection or the protocol, and so are not the user's to set.
const RESERVED: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// True if configuration may not set the header `name`.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// The header's name with each part's first letter in upper case.
pub(super) fn canonical(name: &str) -> String {
    let mut begins = true;
    name.chars()
        .map(|c| {
            let c = if begins {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            begins = c == '-';
            c
        })
        .collect()
}
