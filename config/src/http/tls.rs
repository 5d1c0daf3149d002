//! How TLS is spoken.
use std::path::Path;

use crate::{
    Error, Secret,
    decode::{Decode, Fields},
    path::join,
    yaml::Node,
};

/// How to speak TLS. Of each pair of text and file at most one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Whom to trust.
    pub ca: Option<Pem>,
    /// Who we are.
    pub cert: Option<Pem>,
    /// The key that proves it.
    pub key: Option<Pem>,
    /// The name that the server's certificate must have, if it is not the host's.
    pub server_name: String,
    /// Trust anyone.
    pub insecure_skip_verify: bool,
    /// The oldest version to speak.
    pub min_version: Option<TlsVersion>,
    /// The newest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// A certificate or key in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// Written in the configuration.
    Inline(Secret),
    /// The content of a file.
    File(String),
}

impl Pem {
    /// The file to read, if it is one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
        }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS10`
    Tls10,
    /// `TLS11`
    Tls11,
    /// `TLS12`
    Tls12,
    /// `TLS13`
    Tls13,
}

impl Decode for TlsVersion {
    fn decode(node: &Node) -> Result<Self, Error> {
        match String::decode(node)?.as_str() {
            "TLS10" => Ok(Self::Tls10),
            "TLS11" => Ok(Self::Tls11),
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            other => Err(Error::invalid(
                node.place.line,
                format!("unknown TLS version: {other}"),
            )),
        }
    }
}

impl Decode for TlsConfig {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let mut pem = |name: &str| -> Result<_, Error> {
            let inline: Secret = fields.or_default(name)?;
            let file: String = fields.or_default(&format!("{name}_file"))?;
            Ok((inline, file))
        };
        let (ca, cert, key) = (pem("ca")?, pem("cert")?, pem("key")?);
        let both = |(inline, file): &(Secret, String)| !inline.is_empty() && !file.is_empty();
        let pairs = [
            ("ca", both(&ca)),
            ("cert", both(&cert)),
            ("key", both(&key)),
        ];
        let one = |(inline, file): (Secret, String)| match (inline.is_empty(), file.is_empty()) {
            (_, false) => Some(Pem::File(file)),
            (false, true) => Some(Pem::Inline(inline)),
            (true, true) => None,
        };
        let tls = Self {
            ca: one(ca),
            cert: one(cert),
            key: one(key),
            server_name: fields.or_default("server_name")?,
            insecure_skip_verify: fields.or_default("insecure_skip_verify")?,
            min_version: fields.get("min_version")?,
            max_version: fields.get("max_version")?,
        };
        fields.finish()?;
        if let Some((name, _)) = pairs.into_iter().find(|(_, both)| *both) {
            let what = format!("at most one of {name} and {name}_file must be configured");
            return Err(fields.invalid(what));
        }
        match (&tls.cert, &tls.key) {
            (Some(_), None) => Err(fields.invalid(
                "exactly one of key or key_file must be configured when a client certificate is configured",
            )),
            (None, Some(_)) => Err(fields.invalid(
                "exactly one of cert or cert_file must be configured when a client key is configured",
            )),
            _ => Ok(tls),
        }
    }
}

impl TlsConfig {
    pub(crate) fn set_directory(&mut self, directory: &Path) {
        for pem in [&mut self.ca, &mut self.cert, &mut self.key] {
            if let Some(Pem::File(path)) = pem {
                join(directory, path);
            }
        }
    }
}
