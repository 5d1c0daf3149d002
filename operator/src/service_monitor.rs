//! ServiceMonitors: one job for each endpoint.
use serde_json::{Map, Value, json};

use crate::{
    client::refuse_files,
    field::{Field, NameOrNumber, Result},
    job::Making,
    relabel::{Steps, sanitized},
};

/// The jobs of a ServiceMonitor.
pub(crate) fn jobs(making: &Making<'_>) -> Result<Vec<Map<String, Value>>> {
    let access = making.settings.spec().get("arbitraryFSAccessThroughSMs");
    let denied = access.get("deny").bool()? == Some(true);
    let endpoints = making.spec.get("endpoints").items()?;
    let jobs = endpoints.iter().enumerate().map(|(i, endpoint)| {
        if denied {
            refuse_files(endpoint)?;
        }
        job(making, i, endpoint)
    });
    jobs.collect()
}

/// The role that endpoints are found by: the monitor's word, or that of all.
fn role(making: &Making<'_>) -> Result<&'static str> {
    let (own, all) = (&making.spec, making.settings.spec());
    let field = own.get("serviceDiscoveryRole");
    match field.text()?.or(all.get("serviceDiscoveryRole").text()?) {
        None | Some("Endpoints") => Ok("endpoints"),
        Some("EndpointSlice") => Ok("endpointslice"),
        Some(_) => Err(field.reason("expected Endpoints or EndpointSlice")),
    }
}

fn job(making: &Making<'_>, i: usize, endpoint: &Field<'_>) -> Result<Map<String, Value>> {
    let (object, spec) = (making.object, &making.spec);
    let name = format!("serviceMonitor/{}/{}/{i}", object.namespace, object.name);
    let mut job = making.job(&name, endpoint)?;
    let role = role(making)?;
    making.timing(
        &mut job,
        &endpoint.get("interval"),
        &endpoint.get("scrapeTimeout"),
    )?;
    let mut steps = Steps::new();
    let selectors = making.select(&mut steps, "service", &[role, "service"])?;
    let namespaces = spec.get("namespaceSelector");
    making.kubernetes(&mut job, role, &namespaces, true, selectors)?;
    let prefix = match role {
        "endpointslice" => "__meta_kubernetes_endpointslice",
        _ => "__meta_kubernetes_endpoint",
    };
    let port = endpoint.get("port").text()?;
    let target_port = endpoint.get("targetPort").name_or_number()?;
    keep_port(
        &mut steps,
        port,
        &format!("{prefix}_port_name"),
        target_port,
    );

    let kind = format!("{prefix}_address_target_kind");
    let name = format!("{prefix}_address_target_name");
    for (of, target) in [("Node", "node"), ("Pod", "pod")] {
        steps.push(json!({
            "source_labels": [kind, name], "separator": ";", "regex": format!("{of};(.*)"),
            "replacement": "${1}", "target_label": target,
        }));
    }
    steps.copy("__meta_kubernetes_namespace", "namespace");
    steps.copy("__meta_kubernetes_service_name", "service");
    steps.copy("__meta_kubernetes_pod_name", "pod");
    steps.copy("__meta_kubernetes_pod_container_name", "container");
    if endpoint.get("filterRunning").bool()? != Some(false) {
        steps.drop_ended_pods();
    }
    for label in spec.get("targetLabels").strings()? {
        let label = sanitized(label);
        let source = format!("__meta_kubernetes_service_label_{label}");
        steps.copy_if_any(&source, &label);
    }
    making.pod_labels(&mut steps)?;
    steps.push(json!({
        "source_labels": ["__meta_kubernetes_service_name"], "target_label": "job", "replacement": "${1}",
    }));
    if let Some(label) = spec.get("jobLabel").text()? {
        let source = format!("__meta_kubernetes_service_label_{}", sanitized(label));
        steps.copy_if_any(&source, "job");
    }
    name_endpoint(&mut steps, port, target_port);
    making.target_steps(&mut job, steps, &endpoint.get("relabelings"))?;
    making.limits(&mut job)?;
    making.sample_steps(&mut job, &endpoint.get("metricRelabelings"))?;
    Ok(job)
}

/// Only targets of the endpoint's port are kept: by the port's name, or else by the container's port.
pub(crate) fn keep_port(
    steps: &mut Steps,
    port: Option<&str>,
    port_label: &str,
    target_port: Option<NameOrNumber<'_>>,
) {
    match (port, target_port) {
        (Some(port), _) => steps.keep(&[port_label], port),
        (None, Some(NameOrNumber::Name(name))) => {
            steps.keep(&["__meta_kubernetes_pod_container_port_name"], name);
        }
        (None, Some(number)) => {
            let label = "__meta_kubernetes_pod_container_port_number";
            steps.keep(&[label], &number.to_string());
        }
        (None, None) => {}
    }
}

/// The label `endpoint` tells the port, by its name or else by its number.
pub(crate) fn name_endpoint(
    steps: &mut Steps,
    port: Option<&str>,
    target_port: Option<NameOrNumber<'_>>,
) {
    match (port, target_port) {
        (Some(port), _) => steps.set("endpoint", port),
        (None, Some(port)) => steps.set("endpoint", &port.to_string()),
        (None, None) => {}
    }
}
