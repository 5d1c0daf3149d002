//! PodMonitors: one job for each endpoint.
use serde_json::{Map, Value};

use crate::{
    field::{Field, NameOrNumber, Result},
    job::Making,
    relabel::{Steps, sanitized},
    selector::Selector,
    service_monitor::{keep_port, name_endpoint},
};

/// The jobs of a PodMonitor.
pub(crate) fn jobs(making: &Making<'_>) -> Result<Vec<Map<String, Value>>> {
    let endpoints = making.spec.get("podMetricsEndpoints").items()?;
    let endpoints = endpoints.iter().enumerate();
    endpoints
        .map(|(i, endpoint)| job(making, i, endpoint))
        .collect()
}

fn job(making: &Making<'_>, i: usize, endpoint: &Field<'_>) -> Result<Map<String, Value>> {
    let (object, spec) = (making.object, &making.spec);
    let name = format!("podMonitor/{}/{}/{i}", object.namespace, object.name);
    let mut job = making.job(&name, endpoint)?;
    making.kubernetes(&mut job, "pod", &spec.get("namespaceSelector"), true)?;

    let mut steps = Steps::new();
    if endpoint.get("filterRunning").bool()? != Some(false) {
        steps.drop_ended_pods();
    }
    let selector = Selector::read(&spec.get("selector"))?.unwrap_or_default();
    steps.select("pod", &selector);
    let port = endpoint.get("port").text()?;
    let number = endpoint
        .get("portNumber")
        .number()?
        .map(NameOrNumber::Number);
    let target_port = number.or(endpoint.get("targetPort").name_or_number()?);
    keep_port(
        &mut steps,
        port,
        "__meta_kubernetes_pod_container_port_name",
        target_port,
    );
    steps.copy("__meta_kubernetes_namespace", "namespace");
    steps.copy("__meta_kubernetes_pod_container_name", "container");
    steps.copy("__meta_kubernetes_pod_name", "pod");
    making.pod_labels(&mut steps)?;
    steps.set("job", &format!("{}/{}", object.namespace, object.name));
    if let Some(label) = spec.get("jobLabel").text()? {
        let source = format!("__meta_kubernetes_pod_label_{}", sanitized(label));
        steps.copy_if_any(&source, "job");
    }
    name_endpoint(&mut steps, port, target_port);
    making.target_steps(&mut job, steps, &endpoint.get("relabelings"))?;
    making.limits(&mut job)?;
    making.sample_steps(&mut job, &endpoint.get("metricRelabelings"))?;
    Ok(job)
}
