//! PodMonitors: one job for each endpoint.
use serde_json::{Map, Value};

use crate::{
    field::{Field, NameOrNumber, Result},
    job::Making,
    relabel::{Steps, sanitized},
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
    making.timing(
        &mut job,
        &endpoint.get("interval"),
        &endpoint.get("scrapeTimeout"),
    )?;
    let mut steps = Steps::new();
    if endpoint.get("filterRunning").bool()? != Some(false) {
        steps.drop_ended_pods();
    }
    let selectors = making.select(&mut steps, "pod", &["pod"])?;
    let namespaces = spec.get("namespaceSelector");
    making.kubernetes(&mut job, "pod", &namespaces, true, selectors)?;
    let port = endpoint.get("port").text()?;
    let number = endpoint.get("portNumber").number()?.filter(|n| *n != 0);
    let target_port = endpoint.get("targetPort").name_or_number()?;
    keep_port(
        &mut steps,
        port,
        "__meta_kubernetes_pod_container_port_name",
        number.map(NameOrNumber::Number).or(target_port),
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
    // As in the operator, `portNumber` gives no such label.
    name_endpoint(&mut steps, port, target_port);
    making.target_steps(&mut job, steps, &endpoint.get("relabelings"))?;
    making.limits(&mut job)?;
    making.sample_steps(&mut job, &endpoint.get("metricRelabelings"))?;
    Ok(job)
}
