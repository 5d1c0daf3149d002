//! Probes: one job that asks a prober about static targets or ingresses.
use serde_json::{Map, Value, json};

use crate::{
    client::put,
    field::{Field, Result},
    job::Making,
    relabel::Steps,
    selector::Selector,
};

/// Where probers are asked.
const PROBE_PATH: &str = "/probe";

/// The job of a Probe.
pub(crate) fn jobs(making: &Making<'_>) -> Result<Vec<Map<String, Value>>> {
    let (object, spec) = (making.object, &making.spec);
    let prober = spec.get("prober");
    let url = host(&prober.object()?.get("url"))?;
    let mut job = Map::new();
    let name = format!("probe/{}/{}", object.namespace, object.name);
    job.insert("job_name".to_owned(), name.into());
    let overridden = making.settings.spec().get("overrideHonorTimestamps");
    let honor = overridden.bool()? != Some(true);
    job.insert("honor_timestamps".to_owned(), honor.into());
    let path = prober.get("path").text()?.unwrap_or(PROBE_PATH);
    job.insert("metrics_path".to_owned(), path.into());
    making.timing(&mut job, &spec.get("interval"), &spec.get("scrapeTimeout"))?;
    making.scheme(&mut job, &prober.get("scheme"))?;
    making.client.proxy(&mut job, &prober)?;
    making.reached_by(&mut job, spec)?;
    put(&mut job, "params", params(spec)?);
    making.limits(&mut job)?;

    let mut steps = Steps::new();
    if let Some(name) = spec.get("jobName").text()? {
        steps.set("job", name);
    }
    let targets = spec.get("targets");
    let (fixed, ingress) = (
        targets.object()?.get("staticConfig"),
        targets.get("ingress"),
    );
    // Where both are there, the operator takes the first.
    let own = if fixed.is_there() {
        static_targets(making, &mut job, &mut steps, &fixed, url)?;
        fixed
    } else if ingress.is_there() {
        ingresses(making, &mut job, &mut steps, &ingress, url)?;
        ingress
    } else {
        return Err(targets.reason(
            "at least one of .spec.targets.staticConfig and .spec.targets.ingress is required",
        ));
    };
    making.target_steps(&mut job, steps, &own.get("relabelingConfigs"))?;
    making.sample_steps(&mut job, &spec.get("metricRelabelings"))?;
    Ok(vec![job])
}

/// The prober's module, and further parameters.
fn params(spec: &Field<'_>) -> Result<Option<Value>> {
    let mut params = Map::new();
    for param in spec.get("params").items()? {
        let Some(name) = param.get("name").text()? else {
            return Err(param.get("name").reason("a parameter needs a name"));
        };
        params.insert(name.to_owned(), json!(param.get("values").strings()?));
    }
    if let Some(module) = spec.get("module").text()? {
        params.insert("module".to_owned(), json!([module]));
    }
    Ok((!params.is_empty()).then_some(Value::Object(params)))
}

/// `host` or `host:port`.
fn host<'v>(field: &Field<'v>) -> Result<&'v str> {
    let url = field.str()?.unwrap_or("");
    let (host, port) = match url.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (url, None),
    };
    let good =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    match !host.is_empty() && host.chars().all(good) && good_port {
        true => Ok(url),
        false => Err(field.reason(format!(
            "{url:?} url specified in proberSpec is invalid, it should be of the format `hostname` or `hostname:port`"
        ))),
    }
}

fn static_targets(
    making: &Making<'_>,
    job: &mut Map<String, Value>,
    steps: &mut Steps,
    fixed: &Field<'_>,
    url: &str,
) -> Result<()> {
    let targets = fixed.object()?.get("static").strings()?;
    if targets.is_empty() {
        return Err(fixed
            .get("static")
            .reason("at least one target is required"));
    }
    let mut labels = fixed.get("labels").labels()?;
    let namespace = making.object.namespace.to_owned();
    labels.entry("namespace".to_owned()).or_insert(namespace);
    let group = json!([{"targets": targets, "labels": labels}]);
    job.insert("static_configs".to_owned(), group);
    steps.copy("__address__", "__param_target");
    steps.copy("__param_target", "instance");
    steps.set("__address__", url);
    Ok(())
}

fn ingresses(
    making: &Making<'_>,
    job: &mut Map<String, Value>,
    steps: &mut Steps,
    ingress: &Field<'_>,
    url: &str,
) -> Result<()> {
    let selector = Selector::read(&ingress.object()?.get("selector"))?.unwrap_or_default();
    steps.select("ingress", &selector);
    let namespaces = ingress.get("namespaceSelector");
    making.kubernetes(job, "ingress", &namespaces, false, Vec::new())?;
    steps.push(json!({
        "source_labels": ["__meta_kubernetes_ingress_scheme", "__address__", "__meta_kubernetes_ingress_path"],
        "separator": ";", "regex": "(.+);(.+);(.+)", "target_label": "__param_target",
        "replacement": "${1}://${2}${3}", "action": "replace",
    }));
    steps.copy("__meta_kubernetes_namespace", "namespace");
    steps.copy("__meta_kubernetes_ingress_name", "ingress");
    steps.push(json!({
        "source_labels": ["__address__"], "separator": ";", "regex": "(.*)",
        "target_label": "__tmp_ingress_address", "replacement": "$1", "action": "replace",
    }));
    steps.copy("__param_target", "instance");
    steps.set("__address__", url);
    Ok(())
}
