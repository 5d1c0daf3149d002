//! The instances of one service.
use std::{collections::BTreeMap, sync::Arc};

use config::TargetGroup;
use model::Labels;
use runtime::Chain;
use serde::Deserialize;
use tokio::time::sleep;
use tracing::error;

use super::{RETRY, Shared, pauses};
use crate::names::{host_port, sanitized};

/// What `health/service` tells of an instance.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Instance {
    node: Node,
    service: Service,
    checks: Vec<Check>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    node: String,
    address: String,
    meta: Option<BTreeMap<String, String>>,
    tagged_addresses: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    tags: Option<Vec<String>>,
    address: String,
    port: i64,
    meta: Option<BTreeMap<String, String>>,
    namespace: String,
    partition: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Check {
    #[serde(rename = "CheckID")]
    id: String,
    status: String,
}

/// Watches the instances of the service `name`, until it is dropped.
pub(super) async fn watch(shared: Arc<Shared>, name: String) {
    let discovery = &shared.agent.discovery;
    let path: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let path = format!("health/service/{}", path.replace('+', "%20"));
    let mut with: Vec<(&str, &str)> = (discovery.tags.iter())
        .map(|tag| ("tag", tag.as_str()))
        .collect();
    with.push(("filter", &discovery.health_filter));
    let mut index = 0;
    let mut pause = pauses(discovery).await;
    loop {
        match shared
            .agent
            .ask::<Vec<Instance>>(&path, &with, Some(index))
            .await
        {
            Ok((instances, next)) => {
                if next != index {
                    index = next;
                    let group = group(&shared, &name, &instances);
                    shared.found(|found| {
                        // The list of services may have lost it meanwhile.
                        if let Some(service) = found.services.get_mut(&name) {
                            *service = Some(group);
                        }
                    });
                }
                pause.tick().await;
            }
            Err(failed) => {
                error!(service = name, error = %Chain(&failed), "Error refreshing service");
                index = 0;
                if failed.is_answer() {
                    // The others need not wait for one that cannot be told of.
                    let nothing = group(&shared, &name, &[]);
                    shared.found(|found| {
                        if let Some(service @ None) = found.services.get_mut(&name) {
                            *service = Some(nothing);
                        }
                    });
                }
                sleep(RETRY).await;
            }
        }
    }
}

fn group(shared: &Shared, name: &str, instances: &[Instance]) -> TargetGroup {
    let separator = &shared.agent.discovery.tag_separator;
    let common = [
        ("__meta_consul_service", name),
        ("__meta_consul_dc", &shared.datacenter),
    ];
    TargetGroup {
        source: name.to_owned(),
        targets: instances.iter().map(|i| target(i, separator)).collect(),
        labels: Labels::from_pairs(common),
    }
}

fn target(instance: &Instance, separator: &str) -> Labels {
    let Instance {
        node,
        service,
        checks,
    } = instance;
    // A separator on either side lets rules match whole tags wherever they stand.
    let tags = service.tags.as_deref().unwrap_or_default().join(separator);
    let host = match service.address.is_empty() {
        true => &node.address,
        false => &service.address,
    };
    let mut pairs = vec![
        ("__address__".to_owned(), host_port(host, service.port)),
        meta("address", &node.address),
        meta("node", &node.node),
        meta("namespace", &service.namespace),
        meta("partition", &service.partition),
        meta("tags", &format!("{separator}{tags}{separator}")),
        meta("service_address", &service.address),
        meta("service_port", &service.port.to_string()),
        meta("service_id", &service.id),
        meta("health", health(checks)),
    ];
    let named = [
        ("metadata_", &node.meta),
        ("service_metadata_", &service.meta),
        ("tagged_address_", &node.tagged_addresses),
    ];
    for (prefix, values) in named {
        for (name, value) in values.iter().flatten() {
            pairs.push(meta(&format!("{prefix}{}", sanitized(name)), value));
        }
    }
    Labels::from_pairs(pairs)
}

fn meta(name: &str, value: &str) -> (String, String) {
    (format!("__meta_consul_{name}"), value.to_owned())
}

/// The worst of all checks; nothing if one is in a state that is not known.
///
/// Source: `HealthChecks.AggregatedStatus` in Consul's API client.
fn health(checks: &[Check]) -> &'static str {
    let mut worst = 0;
    for check in checks {
        let is_maintenance =
            check.id == "_node_maintenance" || check.id.starts_with("_service_maintenance:");
        let rank = match check.status.as_str() {
            _ if is_maintenance => 3,
            "passing" => 0,
            "warning" => 1,
            "critical" => 2,
            _ => return "",
        };
        worst = worst.max(rank);
    }
    ["passing", "warning", "critical", "maintenance"][worst]
}
