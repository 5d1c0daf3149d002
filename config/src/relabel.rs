//! Relabelling rules as they are written.
use model::{NameValidation, RelabelAction, RelabelError, RelabelRule, regex::Regex};

use crate::{
    Error,
    decode::{Decode, Fields},
    yaml::Node,
};

/// A rule that is not validated yet, since the scheme for names stands elsewhere.
pub(crate) struct RuleFields {
    line: usize,
    rule: RelabelRule,
}

impl Decode for RuleFields {
    const GO: &'static str = "*relabel.Config";

    fn decode(node: &Node) -> Result<Self, Error> {
        let default = RelabelRule::default();
        let mut fields = Fields::of(node, "relabel.plain")?;
        let rule = RelabelRule {
            source_labels: fields.or_default("source_labels")?,
            separator: text(&mut fields, "separator", default.separator)?,
            regex: match fields.node("regex") {
                None => default.regex,
                Some(node) => fields.fitting(pattern(node))?.unwrap_or(default.regex),
            },
            modulus: fields.or_default("modulus")?,
            target_label: fields.or_default("target_label")?,
            replacement: text(&mut fields, "replacement", default.replacement)?,
            action: match fields.node("action") {
                None => RelabelAction::default(),
                Some(node) => fields.fitting(action(node))?.unwrap_or_default(),
            },
            names: default.names,
        };
        fields.finish()?;
        let line = fields.line();
        Ok(Self { line, rule })
    }
}

/// A field that may be set to nothing, which is the empty text.
fn text(fields: &mut Fields<'_>, name: &str, default: String) -> Result<String, Error> {
    match fields.node(name) {
        None => Ok(default),
        Some(node) => {
            let text = String::decode(node);
            Ok(fields.fitting(text)?.unwrap_or_default())
        }
    }
}

/// A pattern; `regex:` alone is the empty one.
fn pattern(node: &Node) -> Result<Regex, Error> {
    let pattern = String::decode(node)?;
    Regex::new(&pattern)
        .map_err(|error| Error::invalid(node.place.line, format!("error parsing regexp: {error}")))
}

fn action(node: &Node) -> Result<RelabelAction, Error> {
    let name = String::decode(node)?;
    RelabelAction::from_name(&name).ok_or_else(|| {
        let what = match name.as_str() {
            "" => "relabel action cannot be empty".to_owned(),
            name => format!("unknown relabel action {name:?}"),
        };
        Error::invalid(node.place.line, what)
    })
}

/// Rules as they were written, none of them null.
#[derive(Default)]
pub(crate) struct Rules(Vec<RuleFields>);

impl Rules {
    /// Takes the rules in field `name`; `null` is said if one of them is.
    pub(crate) fn take(fields: &mut Fields<'_>, name: &str, null: &str) -> Result<Taken, Error> {
        Ok(Taken {
            rules: fields.or_default(name)?,
            null: null.to_owned(),
            line: fields.line(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, if each makes sense where names follow `names`.
    pub(crate) fn validate(self, names: NameValidation) -> Result<Vec<RelabelRule>, Error> {
        self.0
            .into_iter()
            .map(|RuleFields { line, rule }| {
                let rule = RelabelRule { names, ..rule };
                rule.validate()
                    .map_err(|error: RelabelError| Error::invalid(line, error))?;
                Ok(rule)
            })
            .collect()
    }
}

/// Rules of which some may be null, which is refused once all fields are known to fit.
pub(crate) struct Taken {
    rules: Vec<Option<RuleFields>>,
    null: String,
    line: usize,
}

impl Taken {
    pub(crate) fn none_null(self) -> Result<Rules, Error> {
        let Self { rules, null, line } = self;
        let rules: Option<Vec<_>> = rules.into_iter().collect();
        rules.map(Rules).ok_or_else(|| Error::invalid(line, null))
    }
}
