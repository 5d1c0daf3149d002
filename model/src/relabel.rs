//! Relabelling: rules that rewrite, keep or drop label sets.
//!
//! Rules come from configuration, are checked once ([`RelabelRule::validate`]) and hold for targets, samples and alerts
//! alike. [`relabel`] runs them over a builder in their order.
//!
//! Source: `model/relabel/relabel.go` in Prometheus.
use std::fmt;

use md5::{Digest, Md5};

use crate::{Labels, LabelsBuilder, NameValidation, regex::Regex};

#[cfg(test)]
mod tests;

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RelabelAction {
    /// Writes the replacement to the target label if the pattern matches.
    #[default]
    Replace,
    /// Drops the set unless the pattern matches.
    Keep,
    /// Drops the set if the pattern matches.
    Drop,
    /// Drops the set unless the sources equal the target label.
    KeepEqual,
    /// Drops the set if the sources equal the target label.
    DropEqual,
    /// Writes the hash of the sources, modulo the modulus, to the target label.
    HashMod,
    /// Copies labels whose names match to names made from the replacement.
    LabelMap,
    /// Takes away labels whose names match.
    LabelDrop,
    /// Takes away labels whose names do not match.
    LabelKeep,
    /// Writes the sources in lower case to the target label.
    Lowercase,
    /// Writes the sources in upper case to the target label.
    Uppercase,
}

impl RelabelAction {
    const ALL: [(&'static str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
    ];

    /// The action called `name`, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let mut all = Self::ALL.into_iter();
        all.find_map(|(n, action)| (n == name).then_some(action))
    }

    /// The action's name in configuration.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

impl fmt::Display for RelabelAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One rule; [`RelabelRule::default`] has the defaults of configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelabelRule {
    /// The labels whose values, joined by `separator`, are looked at.
    pub source_labels: Vec<String>,
    /// What stands between the sources' values.
    pub separator: String,
    /// What the joined values, or the names of labels, are matched with.
    pub regex: Regex,
    /// The modulus of a hash.
    pub modulus: u64,
    /// The label that is written, or compared; may hold `$1` where the action is to replace.
    pub target_label: String,
    /// What is written; may hold `$1`.
    pub replacement: String,
    /// What the rule does.
    pub action: RelabelAction,
    /// Which names may be written.
    pub names: NameValidation,
}

const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REPLACEMENT: &str = "$1";

impl Default for RelabelRule {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: DEFAULT_SEPARATOR.to_owned(),
            regex: Regex::new(DEFAULT_REGEX).expect("the default pattern compiles"),
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.to_owned(),
            action: RelabelAction::default(),
            names: NameValidation::default(),
        }
    }
}

/// A rule that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelabelError {
    /// A hash needs a modulus.
    #[error("relabel configuration for hashmod requires non-zero modulus")]
    NoModulus,
    /// The action writes or compares a label that is not named.
    #[error("relabel configuration for {0} action requires 'target_label' value")]
    NoTarget(RelabelAction),
    /// The target is no name.
    #[error("{name:?} is invalid 'target_label' for {action} action")]
    Target {
        /// What was written.
        name: String,
        /// Of which rule.
        action: RelabelAction,
    },
    /// The replacement makes no name.
    #[error("{name:?} is invalid 'replacement' for {action} action")]
    Replacement {
        /// What was written.
        name: String,
        /// Of which rule.
        action: RelabelAction,
    },
    /// The action takes no replacement.
    #[error("'replacement' can not be set for {0} action")]
    ReplacementSet(RelabelAction),
    /// Only sources and target may be set.
    #[error("{0} action requires only 'source_labels' and `target_label`, and no other fields")]
    OnlySourcesAndTarget(RelabelAction),
    /// Only the pattern may be set.
    #[error("{0} action requires only 'regex', and no other fields")]
    OnlyRegex(RelabelAction),
}

impl RelabelRule {
    /// Checks that the rule makes sense for its action.
    ///
    /// # Errors
    /// [`RelabelError`], with Prometheus' texts.
    pub fn validate(&self) -> Result<(), RelabelError> {
        use RelabelAction::{
            DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace,
            Uppercase,
        };
        let action = self.action;
        let writes_as_is = matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual);
        if action == HashMod && self.modulus == 0 {
            return Err(RelabelError::NoModulus);
        }
        if (writes_as_is || matches!(action, Replace | HashMod)) && self.target_label.is_empty() {
            return Err(RelabelError::NoTarget(action));
        }
        let target_is_valid = match action {
            Replace if self.target_label.contains('$') => self.may_become_name(&self.target_label),
            Replace => self.names.is_label_name(&self.target_label),
            HashMod => self.names.is_label_name(&self.target_label),
            _ if writes_as_is => self.names.is_label_name(&self.target_label),
            _ => true,
        };
        if !target_is_valid {
            let name = self.target_label.clone();
            return Err(RelabelError::Target { name, action });
        }
        if writes_as_is && self.replacement != DEFAULT_REPLACEMENT {
            return Err(RelabelError::ReplacementSet(action));
        }
        if action == LabelMap && !self.may_become_name(&self.replacement) {
            let name = self.replacement.clone();
            return Err(RelabelError::Replacement { name, action });
        }
        let defaults = self.modulus == 0
            && self.separator == DEFAULT_SEPARATOR
            && self.replacement == DEFAULT_REPLACEMENT;
        if matches!(action, DropEqual | KeepEqual)
            && !(defaults && self.regex.as_str() == DEFAULT_REGEX)
        {
            return Err(RelabelError::OnlySourcesAndTarget(action));
        }
        let nothing_named = self.source_labels.is_empty() && self.target_label.is_empty();
        if matches!(action, LabelDrop | LabelKeep) && !(defaults && nothing_named) {
            return Err(RelabelError::OnlyRegex(action));
        }
        Ok(())
    }

    /// True if the rule may change the value of label `name`, or take it away.
    pub fn may_change(&self, name: &str) -> bool {
        match self.action {
            RelabelAction::Keep
            | RelabelAction::Drop
            | RelabelAction::KeepEqual
            | RelabelAction::DropEqual => false,
            RelabelAction::Replace => self.target_label.contains('$') || self.target_label == name,
            RelabelAction::HashMod | RelabelAction::Lowercase | RelabelAction::Uppercase => {
                self.target_label == name
            }
            RelabelAction::LabelMap => self.replacement.contains('$') || self.replacement == name,
            RelabelAction::LabelDrop => self.regex.is_match(name),
            RelabelAction::LabelKeep => !self.regex.is_match(name),
        }
    }

    /// True if `template` gives a name once its groups are put in.
    fn may_become_name(&self, template: &str) -> bool {
        match self.names {
            NameValidation::Utf8 => self.names.is_label_name(template),
            NameValidation::Legacy => is_legacy_template(template),
        }
    }

    /// The values that the rule looks at, joined.
    fn sources(&self, labels: &LabelsBuilder) -> String {
        let mut joined = String::new();
        for (i, name) in self.source_labels.iter().enumerate() {
            if i > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.value(name));
        }
        joined
    }

    /// Runs the rule; false if the set is to be dropped.
    fn run(&self, labels: &mut LabelsBuilder) -> bool {
        match self.action {
            RelabelAction::Keep => return self.regex.is_match(&self.sources(labels)),
            RelabelAction::Drop => return !self.regex.is_match(&self.sources(labels)),
            RelabelAction::KeepEqual => {
                return self.sources(labels) == labels.value(&self.target_label);
            }
            RelabelAction::DropEqual => {
                return self.sources(labels) != labels.value(&self.target_label);
            }
            RelabelAction::Replace => self.replace(labels),
            RelabelAction::HashMod => {
                let hash = hash(&self.sources(labels)) % self.modulus;
                labels.set(&self.target_label, &hash.to_string());
            }
            RelabelAction::Lowercase => {
                let value: String = self.sources(labels).chars().map(lower).collect();
                labels.set(&self.target_label, &value);
            }
            RelabelAction::Uppercase => {
                let value: String = self.sources(labels).chars().map(upper).collect();
                labels.set(&self.target_label, &value);
            }
            RelabelAction::LabelMap => self.map_names(labels),
            RelabelAction::LabelDrop => {
                labels.retain(|name| !self.regex.is_match(name));
            }
            RelabelAction::LabelKeep => {
                labels.retain(|name| self.regex.is_match(name));
            }
        }
        true
    }

    fn replace(&self, labels: &mut LabelsBuilder) {
        let sources = self.sources(labels);
        let Some(captures) = self.regex.captures(&sources) else {
            return;
        };
        let target = captures.expand(&self.target_label);
        if self.names.is_label_name(&target) {
            labels.set(&target, &captures.expand(&self.replacement));
        }
    }

    /// New names do not take part in the same rule.
    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mapped: Vec<(String, String)> = labels
            .iter()
            .filter_map(|(name, value)| {
                let captures = self.regex.captures(name)?;
                Some((captures.expand(&self.replacement), value.to_owned()))
            })
            .collect();
        for (name, value) in mapped {
            labels.set(&name, &value);
        }
    }
}

/// Runs `rules` over `labels` in their order; false if one of them drops the set.
pub fn relabel(labels: &mut LabelsBuilder, rules: &[RelabelRule]) -> bool {
    rules.iter().all(|rule| rule.run(labels))
}

/// What `rules` make of `labels`, or none if one of them drops the set.
pub fn relabelled(labels: &Labels, rules: &[RelabelRule]) -> Option<Labels> {
    if rules.is_empty() {
        return Some(labels.clone());
    }
    let mut builder = labels.to_builder();
    relabel(&mut builder, rules).then(|| builder.build())
}

/// What `labels` are after each of `rules`: none from the rule on that drops the set.
pub fn relabel_steps(labels: &Labels, rules: &[RelabelRule]) -> Vec<Option<Labels>> {
    let mut builder = labels.to_builder();
    let mut keeps = true;
    let after = |rule: &RelabelRule| {
        keeps = keeps && rule.run(&mut builder);
        keeps.then(|| builder.clone().build())
    };
    rules.iter().map(after).collect()
}

/// The lower case of `c` as one character, as Go has it, whatever stands beside it.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The upper case of `c` as one character; a letter such as `ß`, which has none, stays.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        _ => c,
    }
}

/// The last eight bytes of MD5, big endian.
fn hash(text: &str) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = Md5::digest(text.as_bytes()).0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// True if `template` is letters, underscores and digits with groups between them, `$1` or `${1}`,
/// and begins with no digit.
fn is_legacy_template(template: &str) -> bool {
    let mut rest = template;
    let mut begun = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '$' => {
                let (braced, name) = match rest.strip_prefix('{') {
                    Some(name) => (true, name),
                    None => (false, rest),
                };
                let end = name
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(name.len());
                rest = &name[end..];
                match rest.strip_prefix('}') {
                    Some(after) if braced => rest = after,
                    _ if braced => return false,
                    _ => {}
                }
                if end == 0 {
                    return false;
                }
            }
            'a'..='z' | 'A'..='Z' | '_' => {}
            '0'..='9' if begun => {}
            _ => return false,
        }
        begun = true;
    }
    begun
}
