//! How metrics that come as OTLP are named and labelled.
//!
//! Source: `OTLPConfig` in Prometheus, `config/config.go`.
use model::NameValidation;

use crate::{
    Error,
    decode::{Decode, Fields},
    yaml::Node,
};

/// The `otlp` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// Which attributes of the resource become labels.
    pub promote: Promote,
    /// How names are made.
    pub translation: Translation,
    /// Whether the attributes that identify a resource stay in `target_info`.
    pub keep_identifying_resource_attributes: bool,
    /// Whether explicit histograms become native ones with custom buckets.
    pub convert_histograms_to_nhcb: bool,
    /// Whether the scope's name, version and attributes become labels.
    pub promote_scope_metadata: bool,
    /// Whether `key_` is put before labels that begin with one underscore.
    pub label_name_underscore_sanitization: bool,
    /// Whether several underscores in a row stay.
    pub label_name_preserve_multiple_underscores: bool,
}

/// Which attributes of the resource become labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promote {
    /// These.
    Only(Vec<String>),
    /// All but these.
    AllBut(Vec<String>),
}

/// How names of metrics and labels are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Translation {
    /// Characters are escaped, units and `_total` added.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Characters are escaped.
    UnderscoreEscapingWithoutSuffixes,
    /// Units and `_total` are added.
    NoUtf8EscapingWithSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

impl Translation {
    const ALL: [(&'static str, Self); 4] = [
        (
            "UnderscoreEscapingWithSuffixes",
            Self::UnderscoreEscapingWithSuffixes,
        ),
        (
            "UnderscoreEscapingWithoutSuffixes",
            Self::UnderscoreEscapingWithoutSuffixes,
        ),
        (
            "NoUTF8EscapingWithSuffixes",
            Self::NoUtf8EscapingWithSuffixes,
        ),
        ("NoTranslation", Self::NoTranslation),
    ];
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            promote: Promote::Only(Vec::new()),
            translation: Translation::default(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
        }
    }
}

/// The section as it was written, and the line on which it begins.
pub(crate) struct OtlpFields {
    line: usize,
    otlp: Otlp,
    translation: String,
}

impl Decode for OtlpFields {
    fn decode(node: &Node) -> Result<Self, Error> {
        let default = Otlp::default();
        let mut fields = Fields::of(node, "config.plain")?;
        let all: bool = fields.or_default("promote_all_resource_attributes")?;
        let only: Vec<String> = fields.or_default("promote_resource_attributes")?;
        let ignored: Vec<String> = fields.or_default("ignore_resource_attributes")?;
        let translation = fields.or_default("translation_strategy")?;
        let otlp = Otlp {
            promote: default.promote,
            translation: default.translation,
            keep_identifying_resource_attributes: fields
                .or_default("keep_identifying_resource_attributes")?,
            convert_histograms_to_nhcb: fields.or_default("convert_histograms_to_nhcb")?,
            promote_scope_metadata: fields.or_default("promote_scope_metadata")?,
            label_name_underscore_sanitization: fields
                .or("label_name_underscore_sanitization", true)?,
            label_name_preserve_multiple_underscores: fields
                .or("label_name_preserve_multiple_underscores", true)?,
        };
        fields.finish()?;
        let promote = match (all, only.is_empty(), ignored.is_empty()) {
            (true, false, _) => Err(
                "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously"
                    .to_owned(),
            ),
            (false, _, false) => Err(
                "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true"
                    .to_owned(),
            ),
            (true, true, _) => attributes(&ignored, "ignored")
                .map(Promote::AllBut)
                .map_err(|what| format!("invalid 'ignore_resource_attributes': {what}")),
            (false, _, true) => attributes(&only, "promoted")
                .map(Promote::Only)
                .map_err(|what| format!("invalid 'promote_resource_attributes': {what}")),
        };
        Ok(Self {
            line: fields.line(),
            otlp: Otlp {
                promote: promote.map_err(|what| fields.invalid(what))?,
                ..otlp
            },
            translation,
        })
    }
}

impl OtlpFields {
    /// The section, if its strategy exists and keeps to `names`.
    pub(crate) fn validate(self, names: NameValidation) -> Result<Otlp, Error> {
        let name = &self.translation;
        let known = Translation::ALL
            .into_iter()
            .find_map(|(n, t)| (n == name).then_some(t));
        let translation = match known {
            None if name.is_empty() => Translation::default(),
            None => {
                let what = format!("unsupported OTLP translation strategy {name:?}");
                return Err(Error::invalid(self.line, what));
            }
            Some(Translation::NoTranslation | Translation::NoUtf8EscapingWithSuffixes)
                if names == NameValidation::Legacy =>
            {
                let what = format!(
                    "OTLP translation strategy {name:?} is not allowed when UTF8 is disabled"
                );
                return Err(Error::invalid(self.line, what));
            }
            Some(known) => known,
        };
        Ok(Otlp {
            translation,
            ..self.otlp
        })
    }
}

/// The attributes without space around them, if none is empty and none comes twice.
fn attributes(written: &[String], adjective: &str) -> Result<Vec<String>, String> {
    let (mut good, mut wrong): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for attribute in written.iter().map(|attribute| attribute.trim()) {
        if attribute.is_empty() {
            wrong.push(format!("empty {adjective} OTel resource attribute"));
        } else if good.iter().any(|known| known == attribute) {
            wrong.push(format!(
                "duplicated {adjective} OTel resource attribute {attribute:?}"
            ));
        } else {
            good.push(attribute.to_owned());
        }
    }
    if wrong.is_empty() {
        Ok(good)
    } else {
        Err(wrong.join("\n"))
    }
}
