//! Mechanisms of discovery that we read and check, so that mistakes in them are told, but do not run.
//!
//! Source: the `UnmarshalYAML` of each package below `discovery/` in Prometheus.
mod rules;
mod section;

use self::section::Section;
use crate::{
    Error,
    decode::{Decode, Fields},
    http::HttpFields,
    yaml::Node,
};

/// A mechanism: its name, the Go package that reads it, and its fields.
struct Mechanism {
    name: &'static str,
    type_name: &'static str,
    /// Whether it has the fields of an HTTP client too.
    http: bool,
    /// Without those of the HTTP client; separated by spaces.
    fields: &'static str,
}

const fn over_http(name: &'static str, type_name: &'static str, fields: &'static str) -> Mechanism {
    Mechanism {
        name,
        type_name,
        http: true,
        fields,
    }
}

const fn otherwise(name: &'static str, type_name: &'static str, fields: &'static str) -> Mechanism {
    Mechanism {
        name,
        type_name,
        http: false,
        fields,
    }
}

const MECHANISMS: &[Mechanism] = &[
    over_http(
        "aws",
        "aws.plain",
        "role region endpoint access_key secret_key profile role_arn external_id refresh_interval port filters clusters",
    ),
    over_http(
        "azure",
        "azure.plain",
        "environment port subscription_id tenant_id client_id client_secret refresh_interval authentication_method resource_group",
    ),
    over_http(
        "digitalocean",
        "digitalocean.plain",
        "refresh_interval port role",
    ),
    over_http(
        "dockerswarm",
        "moby.plain",
        "host role port filters refresh_interval",
    ),
    over_http(
        "ec2",
        "aws.plain",
        "endpoint region access_key secret_key profile role_arn external_id refresh_interval port filters",
    ),
    over_http(
        "ecs",
        "aws.plain",
        "region endpoint access_key secret_key profile role_arn external_id clusters port refresh_interval request_concurrency",
    ),
    over_http(
        "elasticache",
        "aws.plain",
        "region endpoint access_key secret_key profile role_arn external_id clusters port refresh_interval request_concurrency",
    ),
    over_http("eureka", "eureka.plain", "server refresh_interval"),
    otherwise(
        "gce",
        "gce.plain",
        "project zone filter refresh_interval port tag_separator",
    ),
    over_http(
        "hetzner",
        "hetzner.plain",
        "refresh_interval port role label_selector",
    ),
    over_http(
        "ionos",
        "ionos.plain",
        "datacenter_id refresh_interval port",
    ),
    over_http(
        "kuma",
        "xds.plain",
        "refresh_interval fetch_timeout server client_id",
    ),
    over_http(
        "lightsail",
        "aws.plain",
        "endpoint region access_key secret_key profile role_arn external_id refresh_interval port",
    ),
    over_http(
        "linode",
        "linode.plain",
        "refresh_interval port tag_separator region",
    ),
    over_http(
        "marathon",
        "marathon.plain",
        "servers refresh_interval auth_token auth_token_file",
    ),
    over_http(
        "msk",
        "aws.plain",
        "region endpoint access_key secret_key profile role_arn external_id clusters port refresh_interval request_concurrency",
    ),
    otherwise("nerve", "zookeeper.plain", "servers paths timeout"),
    over_http(
        "nomad",
        "nomad.plain",
        "allow_stale namespace refresh_interval region server tag_separator",
    ),
    over_http(
        "oci",
        "oci.plain",
        "auth tenancy user fingerprint key_file key_passphrase key_passphrase_file region compartments port refresh_interval",
    ),
    otherwise(
        "openstack",
        "openstack.plain",
        "identity_endpoint username userid password project_name project_id domain_name domain_id application_credential_name application_credential_id application_credential_secret role region refresh_interval port all_tenants tls_config availability",
    ),
    over_http(
        "outscale",
        "outscale.plain",
        "endpoint region access_key secret_key secret_key_file refresh_interval port",
    ),
    otherwise(
        "ovhcloud",
        "ovhcloud.plain",
        "endpoint application_key application_secret consumer_key refresh_interval service",
    ),
    over_http(
        "puppetdb",
        "puppetdb.plain",
        "refresh_interval url query include_parameters port",
    ),
    over_http(
        "rds",
        "aws.plain",
        "region endpoint access_key secret_key profile role_arn external_id clusters port refresh_interval filters request_concurrency",
    ),
    over_http(
        "scaleway",
        "scaleway.plain",
        "project_id api_url zone access_key secret_key secret_key_file name_filter tags_filter refresh_interval port role",
    ),
    otherwise("serverset", "zookeeper.plain", "servers paths timeout"),
    over_http(
        "stackit",
        "stackit.plain",
        "project refresh_interval port region endpoint service_account_key private_key service_account_key_path private_key_path credentials_file_path",
    ),
    otherwise(
        "triton",
        "triton.plain",
        "account role dns_suffix endpoint groups port refresh_interval tls_config version",
    ),
    over_http(
        "uyuni",
        "uyuni.plain",
        "server username password entitlement separator refresh_interval",
    ),
    over_http("vultr", "vultr.plain", "refresh_interval port"),
];

/// True if `name`, without `_sd_configs`, is a mechanism of this kind.
pub(super) fn is_known(name: &str) -> bool {
    MECHANISMS.iter().any(|mechanism| mechanism.name == name)
}

/// Checks one section of the mechanism called `name`.
pub(super) fn check(name: &str, node: &Node) -> Result<(), Error> {
    let Some(mechanism) = MECHANISMS.iter().find(|mechanism| mechanism.name == name) else {
        return Ok(());
    };
    let mut fields = Fields::of(node, mechanism.type_name)?;
    let http = match mechanism.http {
        true => Some(HttpFields::take(&mut fields, true)?),
        false => None,
    };
    let mut section = Section::default();
    for field in mechanism.fields.split(' ') {
        if let Some(node) = fields.node(field) {
            // The only numbers that all mechanisms check alike.
            match field {
                "refresh_interval" | "timeout" | "fetch_timeout" => {
                    let span = Option::<model::Millis>::decode(node);
                    fields.fitting(span)?;
                }
                "port" => {
                    let port = Option::<i64>::decode(node);
                    fields.fitting(port)?;
                }
                _ => {}
            }
            section.0.push((field, node));
        }
    }
    fields.finish()?;
    let auths = http.as_ref().map(HttpFields::auths).unwrap_or_default();
    rules::check(name, &section, &auths).map_err(|what| fields.invalid(what))?;
    match http.map(HttpFields::validate) {
        Some(Err(what)) => Err(fields.invalid(what)),
        _ => Ok(()),
    }
}
