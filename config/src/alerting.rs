//! Where alerts go.
//!
//! Source: `AlertingConfig` in Prometheus, `config/config.go`.
use std::path::Path;

use model::{Millis, NameValidation, RelabelRule};

use crate::{
    Discovery, Error, HttpClient,
    decode::{Decode, Fields},
    discovery::check_static_addresses,
    http::HttpFields,
    relabel::Rules,
    yaml::{Node, Value},
};

/// The `alerting` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerting {
    /// What becomes of alerts.
    pub relabel: Vec<RelabelRule>,
    /// To whom they are sent.
    pub alertmanagers: Vec<Alertmanagers>,
}

/// Alertmanagers that are found and spoken to alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanagers {
    /// `http` or `https`.
    pub scheme: String,
    /// What stands before `/api/v2/alerts`.
    pub path_prefix: String,
    /// How long a request may take.
    pub timeout: Millis,
    /// Where they come from.
    pub discovery: Vec<Discovery>,
    /// How to speak to them.
    pub http: HttpClient,
    /// Whether requests are signed for AWS.
    pub sigv4: bool,
    /// What becomes of them.
    pub relabel: Vec<RelabelRule>,
    /// What becomes of alerts that are sent to them.
    pub alert_relabel: Vec<RelabelRule>,
}

/// The section as it was written.
#[derive(Default)]
pub(crate) struct AlertingFields {
    relabel: Rules,
    alertmanagers: Vec<AlertmanagersFields>,
}

struct AlertmanagersFields {
    rest: Alertmanagers,
    relabel: Rules,
    alert_relabel: Rules,
}

impl Decode for AlertingFields {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let relabel = Rules::take(
            &mut fields,
            "alert_relabel_configs",
            "empty or null alert relabeling rule",
        )?;
        let alertmanagers = fields.or_default("alertmanagers")?;
        fields.finish()?;
        Ok(Self {
            relabel: relabel.none_null()?,
            alertmanagers,
        })
    }
}

impl AlertingFields {
    /// The section, if its rules make sense; relative paths begin at `directory`.
    pub(crate) fn validate(
        self,
        names: NameValidation,
        directory: &Path,
    ) -> Result<Alerting, Error> {
        let relabel = self.relabel.validate(names)?;
        let alertmanagers = self.alertmanagers.into_iter().map(|fields| {
            let mut all = Alertmanagers {
                alert_relabel: fields.alert_relabel.validate(names)?,
                relabel: fields.relabel.validate(names)?,
                ..fields.rest
            };
            all.http.set_directory(directory);
            all.discovery
                .iter_mut()
                .for_each(|one| one.set_directory(directory));
            Ok(all)
        });
        Ok(Alerting {
            relabel,
            alertmanagers: alertmanagers.collect::<Result<_, Error>>()?,
        })
    }
}

impl Decode for AlertmanagersFields {
    const GO: &'static str = "*config.AlertmanagerConfig";

    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.AlertmanagerConfig")?;
        let http = HttpFields::take(&mut fields, true)?;
        let relabel = Rules::take(
            &mut fields,
            "relabel_configs",
            "empty or null Alertmanager target relabeling rule",
        )?;
        let alert_relabel = Rules::take(
            &mut fields,
            "alert_relabel_configs",
            "empty or null Alertmanager alert relabeling rule",
        )?;
        fields.get::<ApiVersion>("api_version")?;
        let rest = Alertmanagers {
            scheme: fields.or("scheme", "http".to_owned())?,
            path_prefix: fields.or_default("path_prefix")?,
            timeout: fields.or("timeout", Millis::from_seconds(10))?,
            discovery: Discovery::take(&mut fields)?,
            sigv4: fields
                .node("sigv4")
                .is_some_and(|node| !matches!(node.value, Value::Null)),
            http: HttpClient::default(),
            relabel: Vec::new(),
            alert_relabel: Vec::new(),
        };
        fields.finish()?;
        if rest.sigv4 && !http.auths().is_empty() {
            return Err(fields.invalid(
                "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured",
            ));
        }
        let http = http.validate().map_err(|what| fields.invalid(what))?;
        let relabel = relabel.none_null()?;
        if relabel.is_empty() {
            check_static_addresses(&rest.discovery).map_err(|what| fields.invalid(what))?;
        }
        Ok(Self {
            rest: Alertmanagers { http, ..rest },
            relabel,
            alert_relabel: alert_relabel.none_null()?,
        })
    }
}

/// There is but one version left.
struct ApiVersion;

impl Decode for ApiVersion {
    fn decode(node: &Node) -> Result<Self, Error> {
        match String::decode(node)?.as_str() {
            "v2" => Ok(Self),
            other => Err(Error::invalid(
                node.place.line,
                format!("expected Alertmanager api version to be one of [v2] but got {other}"),
            )),
        }
    }
}
