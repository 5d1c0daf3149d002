//! What is sent to be let in.
use std::{collections::BTreeMap, path::Path};

use super::{Claims, Proxy, TlsConfig};
use crate::{
    Error, Secret,
    decode::{Decode, Fields, Texts},
    path::join,
    yaml::Node,
};

/// What is sent to be let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// A name and a password.
    Basic {
        /// The name.
        username: Source,
        /// The password.
        password: Source,
    },
    /// The `Authorization` header.
    Authorization {
        /// The scheme, `Bearer` if none was given.
        scheme: String,
        /// The credentials.
        credentials: Source,
    },
    /// A token that is fetched from elsewhere.
    OAuth2(Box<OAuth2>),
}

/// A secret, or the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Written in the configuration; perhaps empty.
    Inline(Secret),
    /// The content of a file, without space around it.
    File(String),
    /// The name of a secret that a secret manager holds.
    Reference(String),
}

impl Source {
    /// The file to read, if it is one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) | Self::Reference(_) => None,
        }
    }

    pub(super) fn set_directory(&mut self, directory: &Path) {
        if let Self::File(path) = self {
            join(directory, path);
        }
    }
}

/// Where a token is fetched, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// Who asks.
    pub client_id: String,
    /// What proves it.
    pub grant: Grant,
    /// For what.
    pub scopes: Vec<String>,
    /// Where.
    pub token_url: String,
    /// Further parameters of the request.
    pub endpoint_params: BTreeMap<String, String>,
    /// How to speak TLS there.
    pub tls: TlsConfig,
    /// Through whom to go there.
    pub proxy: Proxy,
}

/// What proves who asks for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A shared secret.
    ClientCredentials(Source),
    /// A signed token of our own (RFC 7523).
    JwtBearer(Box<JwtBearer>),
}

/// A token that is signed, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtBearer {
    /// The key that signs it, as PEM.
    pub key: Source,
    /// The key's name; perhaps empty.
    pub key_id: String,
    /// How it is signed.
    pub algorithm: SignatureAlgorithm,
    /// Who signs it; the client if nothing is said.
    pub issuer: String,
    /// For whom it is; the server that is asked if nothing is said.
    pub audience: String,
    /// What else it says; goes before what it would say otherwise.
    pub claims: Claims,
}

/// A signature by an RSA key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// Over SHA-256.
    #[default]
    Rs256,
    /// Over SHA-384.
    Rs384,
    /// Over SHA-512.
    Rs512,
}

impl SignatureAlgorithm {
    /// Its name in tokens and in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }
}

impl Grant {
    pub(super) fn set_directory(&mut self, directory: &Path) {
        match self {
            Self::ClientCredentials(secret) => secret.set_directory(directory),
            Self::JwtBearer(jwt) => jwt.key.set_directory(directory),
        }
    }
}

/// A secret in the three ways in which it may be given.
#[derive(Default)]
pub(super) struct Given {
    inline: Secret,
    pub(super) file: String,
    pub(super) reference: String,
}

impl Given {
    pub(super) fn take(fields: &mut Fields<'_>, name: &str) -> Result<Self, Error> {
        Ok(Self {
            inline: fields.or_default(name)?,
            file: fields.or_default(&format!("{name}_file"))?,
            reference: fields.or_default(&format!("{name}_ref"))?,
        })
    }

    pub(super) fn n_given(&self) -> usize {
        [
            !self.inline.is_empty(),
            !self.file.is_empty(),
            !self.reference.is_empty(),
        ]
        .into_iter()
        .map(usize::from)
        .sum()
    }

    pub(super) fn source(&self) -> Source {
        if !self.file.is_empty() {
            Source::File(self.file.clone())
        } else if !self.reference.is_empty() {
            Source::Reference(self.reference.clone())
        } else {
            Source::Inline(self.inline.clone())
        }
    }
}

pub(super) struct BasicAuth {
    pub(super) username: Given,
    pub(super) password: Given,
}

impl Decode for BasicAuth {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let auth = Self {
            username: Given::take(&mut fields, "username")?,
            password: Given::take(&mut fields, "password")?,
        };
        fields.finish()?;
        Ok(auth)
    }
}

pub(super) struct Authorization {
    pub(super) scheme: String,
    pub(super) credentials: Given,
}

impl Decode for Authorization {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.Authorization")?;
        let authorization = Self {
            scheme: fields.or_default("type")?,
            credentials: Given::take(&mut fields, "credentials")?,
        };
        fields.finish()?;
        Ok(authorization)
    }
}

/// The fields as they were written; the grant is chosen when they are known to fit.
pub(super) struct OAuth2Fields {
    grant_type: String,
    secret: Given,
    key: Given,
    key_id: String,
    algorithm: String,
    issuer: String,
    audience: String,
    claims: Claims,
    rest: OAuth2,
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Decode for OAuth2Fields {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let oauth2 = Self {
            grant_type: fields.or_default("grant_type")?,
            secret: Given::take(&mut fields, "client_secret")?,
            key: Given::take(&mut fields, "client_certificate_key")?,
            key_id: fields.or_default("client_certificate_key_id")?,
            algorithm: fields.or_default("signature_algorithm")?,
            issuer: fields.or_default("iss")?,
            audience: fields.or_default("audience")?,
            claims: fields.or_default("claims")?,
            rest: OAuth2 {
                client_id: fields.or_default("client_id")?,
                grant: Grant::ClientCredentials(Source::Inline(Secret::default())),
                scopes: fields.or_default("scopes")?,
                token_url: fields.or_default("token_url")?,
                endpoint_params: fields.or_default::<Texts>("endpoint_params")?,
                tls: fields.or_default("tls_config")?,
                proxy: Proxy::take(&mut fields)?,
            },
        };
        fields.finish()?;
        let proxy = oauth2.rest.proxy.validate();
        proxy.map_err(|what| fields.invalid(what))?;
        Ok(oauth2)
    }
}

impl OAuth2Fields {
    pub(super) fn validate(&self) -> Result<OAuth2, &'static str> {
        if self.rest.client_id.is_empty() {
            return Err("oauth2 client_id must be configured");
        }
        if self.rest.token_url.is_empty() {
            return Err("oauth2 token_url must be configured");
        }
        Ok(OAuth2 {
            grant: self.grant()?,
            ..self.rest.clone()
        })
    }

    fn grant(&self) -> Result<Grant, &'static str> {
        if self.grant_type != JWT_BEARER {
            return match self.secret.n_given() > 1 {
                true => Err(
                    "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using grant-type=client_credentials",
                ),
                false => Ok(Grant::ClientCredentials(self.secret.source())),
            };
        }
        if self.key.n_given() > 1 {
            return Err(
                "at most one of oauth2 client_certificate_key, client_certificate_key_file & client_certificate_key_ref must be configured using grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer",
            );
        }
        let algorithm = match self.algorithm.as_str() {
            "" | "RS256" => SignatureAlgorithm::Rs256,
            "RS384" => SignatureAlgorithm::Rs384,
            "RS512" => SignatureAlgorithm::Rs512,
            _ => return Err("valid signature algorithms are RS256, RS384 and RS512"),
        };
        Ok(Grant::JwtBearer(Box::new(JwtBearer {
            key: self.key.source(),
            key_id: self.key_id.clone(),
            algorithm,
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            claims: self.claims.clone(),
        })))
    }
}
