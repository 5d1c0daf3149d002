//! Addresses, checked for their form.
use crate::{Error, decode::Decode, yaml::Node};

/// Checks that `text` is a URL as Go reads them: a relative one will do.
///
/// Source: `Parse` in Go's `net/url`.
pub(crate) fn check_url(text: &str) -> Result<(), String> {
    let fail = |what: &str| Err(format!("parse {text:?}: {what}"));
    if text.chars().any(|c| c.is_ascii_control()) {
        return fail("net/url: invalid control character in URL");
    }
    let before_path = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    let Some((scheme, _)) = before_path.split_once(':') else {
        return Ok(());
    };
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if scheme.is_empty() {
        return fail("missing protocol scheme");
    }
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(letter) {
        return fail("first path segment in URL cannot contain colon");
    }
    Ok(())
}

/// An address, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(pub(crate) String);

impl Decode for Url {
    fn decode(node: &Node) -> Result<Self, Error> {
        let text = String::decode(node)?;
        check_url(&text).map_err(|what| Error::invalid(node.place.line, what))?;
        Ok(Self(text))
    }
}
