//! What each mechanism asks of its fields.
use super::section::{Section, has_host};
use crate::http::check_url;

/// Checks a section of the mechanism called `name`; `auths` are the ways of being let in that it uses.
pub(super) fn check(name: &str, section: &Section<'_>, auths: &[&str]) -> Result<(), String> {
    match name {
        "aws" => section.one_of(
            "role",
            "",
            &["ec2", "ecs", "elasticache", "lightsail", "msk", "rds"],
            |role| format!("unknown AWS SD role {role:?}"),
        ),
        "ec2" => section.filters(),
        "azure" => azure(section),
        "digitalocean" => section.one_of("role", "droplets", &["droplets", "databases"], |role| {
            format!("unknown DigitalOcean SD role {role:?}")
        }),
        "dockerswarm" => {
            section.needs("host", "host missing")?;
            section.needs("role", "role missing (one of: tasks, services, nodes)")?;
            section.one_of("role", "", &["services", "nodes", "tasks"], |role| {
                format!("invalid role {role}, expected tasks, services, or nodes")
            })
        }
        "eureka" => {
            section.needs("server", "eureka_sd: empty or null eureka server")?;
            let server = section.text("server");
            let valid = check_url(server).is_ok() && has_host(server);
            section.require(valid, "eureka_sd: invalid eureka server URL")
        }
        "gce" => {
            section.needs("project", "GCE SD configuration requires a project")?;
            section.needs("zone", "GCE SD configuration requires a zone")
        }
        "hetzner" => {
            section.needs("role", "role missing (one of: robot, hcloud)")?;
            section.one_of("role", "", &["robot", "hcloud"], |role| {
                format!("unknown role {role:?}")
            })
        }
        "ionos" => section.needs("datacenter_id", "datacenter id can't be empty"),
        "kuma" => {
            section.needs("server", "kuma SD server must not be empty: ")?;
            let server = section.text("server");
            check_url(server)?;
            section.require(
                has_host(server),
                &format!("kuma SD server must not be empty and have a scheme: {server}"),
            )
        }
        "marathon" => marathon(section, auths),
        "nerve" | "serverset" => section.zookeeper(name),
        "nomad" => {
            let server =
                section.node("server").is_none() || !section.text("server").trim().is_empty();
            section.require(server, "nomad SD configuration requires a server address")
        }
        "oci" => oci(section),
        "openstack" => {
            section.one_of(
                "role",
                "instance",
                &["instance", "hypervisor", "loadbalancer"],
                |role| format!("unknown OpenStack SD role {role:?}"),
            )?;
            section.one_of("availability", "public", &["public", "internal", "admin"], |availability| {
                format!("unknown availability {availability}, must be one of admin, internal or public")
            })?;
            section.needs(
                "role",
                "role missing (one of: instance, hypervisor, loadbalancer)",
            )?;
            section.needs("region", "openstack SD configuration requires a region")
        }
        "outscale" => {
            section.needs("region", "outscale SD configuration requires a region")?;
            section.needs(
                "access_key",
                "outscale SD configuration requires access_key",
            )?;
            section.secret_key()
        }
        "ovhcloud" => {
            let endpoint = section.node("endpoint").is_none() || section.is_set("endpoint");
            section.require(endpoint, "endpoint can not be empty")?;
            section.needs("application_key", "application key can not be empty")?;
            section.needs("application_secret", "application secret can not be empty")?;
            section.needs("consumer_key", "consumer key can not be empty")?;
            section.one_of("service", "", &["dedicated_server", "vps"], |service| {
                format!("unknown service: {service}")
            })
        }
        "puppetdb" => {
            section.http_url()?;
            section.needs("query", "query missing")
        }
        "scaleway" => {
            section.one_of("role", "instance", &["instance", "baremetal"], |role| {
                format!("unknown role {role:?}")
            })?;
            section.needs("role", "role missing (one of: instance, baremetal)")?;
            section.needs("project_id", "project_id is mandatory")?;
            section.secret_key()?;
            section.needs("access_key", "access_key is mandatory")
        }
        "stackit" => {
            let somewhere = section.node("region").is_none() || section.is_set("region");
            section.require(
                somewhere || section.is_set("endpoint"),
                "stackit_sd: endpoint and region missing",
            )?;
            let endpoint = section.text("endpoint");
            check_url(endpoint)
                .map_err(|what| format!("stackit_sd: invalid endpoint {endpoint:?}: {what}"))
        }
        "triton" => {
            section.one_of("role", "container", &["container", "cn"], |_| {
                "triton SD configuration requires role to be 'container' or 'cn'".to_owned()
            })?;
            section.needs("account", "triton SD configuration requires an account")?;
            section.needs(
                "dns_suffix",
                "triton SD configuration requires a dns_suffix",
            )?;
            section.needs("endpoint", "triton SD configuration requires an endpoint")
        }
        "uyuni" => {
            section.needs("server", "Uyuni SD configuration requires server host")?;
            check_url(section.text("server"))
                .map_err(|what| format!("Uyuni Server URL is not valid: {what}"))?;
            section.needs("username", "Uyuni SD configuration requires a username")?;
            section.needs("password", "Uyuni SD configuration requires a password")
        }
        _ => Ok(()),
    }
}

fn oci(section: &Section<'_>) -> Result<(), String> {
    section.needs("region", "oci_sd: region is required")?;
    let own = ["tenancy", "user", "fingerprint", "key_file"];
    let passphrases = ["key_passphrase", "key_passphrase_file"];
    match section.text("auth") {
        "" | "api_key" => {
            own.into_iter().try_for_each(|field| {
                section.needs(field, &format!("oci_sd: api_key auth requires {field}"))
            })?;
            section.require(
                !passphrases.iter().all(|field| section.is_set(field)),
                "oci_sd: at most one of key_passphrase and key_passphrase_file must be configured",
            )
        }
        "instance_principal" => section.require(
            !own.iter().chain(&passphrases).any(|field| section.is_set(field)),
            "oci_sd: instance_principal auth must not have tenancy, user, fingerprint, key_file, key_passphrase, or key_passphrase_file set",
        ),
        auth => Err(format!(
            "oci_sd: unknown auth method {auth:?}, expected \"api_key\" or \"instance_principal\""
        )),
    }
}

fn azure(section: &Section<'_>) -> Result<(), String> {
    let needs =
        |field: &str| section.needs(field, &format!("azure SD configuration requires a {field}"));
    needs("subscription_id")?;
    let method = match section.text("authentication_method") {
        "" => "OAuth",
        method => method,
    };
    if method == "OAuth" {
        ["tenant_id", "client_id", "client_secret"]
            .into_iter()
            .try_for_each(needs)?;
    }
    match ["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"].contains(&method) {
        true => Ok(()),
        false => Err(format!(
            "unknown authentication_type {method:?}. Supported types are \"OAuth\", \"ManagedIdentity\", \"SDK\" or \"WorkloadIdentity\""
        )),
    }
}

fn marathon(section: &Section<'_>, auths: &[&str]) -> Result<(), String> {
    let has_servers = !section.items("servers").is_empty();
    section.require(
        has_servers,
        "marathon_sd: must contain at least one Marathon server",
    )?;
    let (token, file) = (
        section.is_set("auth_token"),
        section.is_set("auth_token_file"),
    );
    section.require(
        !(token && file),
        "marathon_sd: at most one of auth_token & auth_token_file must be configured",
    )?;
    let other = [
        (
            "basic_auth",
            "marathon_sd: at most one of basic_auth, auth_token & auth_token_file must be configured",
        ),
        (
            "bearer_token",
            "marathon_sd: at most one of bearer_token, bearer_token_file, auth_token & auth_token_file must be configured",
        ),
        (
            "authorization",
            "marathon_sd: at most one of auth_token, auth_token_file & authorization must be configured",
        ),
    ];
    match other
        .into_iter()
        .find(|(way, _)| (token || file) && auths.contains(way))
    {
        Some((_, what)) => Err(what.to_owned()),
        None => Ok(()),
    }
}
