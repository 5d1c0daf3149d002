//! ScrapeConfigs: one job with discovery of its own.
use serde_json::{Map, Value, json};

use crate::{
    client::put,
    field::{Field, Result},
    job::Making,
    relabel::Steps,
};

/// Mechanisms: the field of an object, and that of a job.
const MECHANISMS: [(&str, &str); 7] = [
    ("staticConfigs", "static_configs"),
    ("fileSDConfigs", "file_sd_configs"),
    ("httpSDConfigs", "http_sd_configs"),
    ("kubernetesSDConfigs", "kubernetes_sd_configs"),
    ("consulSDConfigs", "consul_sd_configs"),
    ("dnsSDConfigs", "dns_sd_configs"),
    ("dockerSDConfigs", "docker_sd_configs"),
];

/// The job of a ScrapeConfig.
pub(crate) fn jobs(making: &Making<'_>) -> Result<Vec<Map<String, Value>>> {
    let (object, spec) = (making.object, &making.spec);
    let name = format!("scrapeConfig/{}/{}", object.namespace, object.name);
    let mut job = making.job(&name, spec)?;
    // What other objects call `interval` and `path` has other names here.
    making.timing(
        &mut job,
        &spec.get("scrapeInterval"),
        &spec.get("scrapeTimeout"),
    )?;
    put(&mut job, "metrics_path", spec.get("metricsPath").text()?);
    put(
        &mut job,
        "enable_compression",
        spec.get("enableCompression").bool()?,
    );
    for (name, field) in spec.fields()? {
        let Some((_, written)) = MECHANISMS.iter().find(|(known, _)| *known == name) else {
            if name.ends_with("SDConfigs") && !field.items()?.is_empty() {
                let what =
                    "this discovery is not supported; http_sd or file_sd can stand in for it";
                return Err(field.reason(what));
            }
            continue;
        };
        let sections = field.items()?;
        let sections: Result<Vec<Value>> = sections
            .iter()
            .map(|section| mechanism(making, name, section))
            .collect();
        put(
            &mut job,
            written,
            Some(sections?).filter(|all| !all.is_empty()),
        );
    }
    let mut steps = Steps::new();
    // The operator has the class's steps before the job's name.
    steps.extend(&making.class.get("relabelings"))?;
    if let Some(name) = spec.get("jobName").text()? {
        steps.push(json!({"target_label": "job", "action": "replace", "replacement": name}));
    }
    let own = spec.get("relabelings");
    if !own.items()?.is_empty() {
        steps.extend(&own)?;
        // As in the operator: what has no steps of its own gets none that enforces either.
        steps.enforce(making.settings.enforced_label(object)?, object.namespace);
    }
    job.insert("relabel_configs".to_owned(), steps.into_value());
    making.limits(&mut job)?;
    making.sample_steps(&mut job, &spec.get("metricRelabelings"))?;
    Ok(vec![job])
}

/// One section of a mechanism in the words of `prometheus.yml`.
fn mechanism(making: &Making<'_>, name: &str, from: &Field<'_>) -> Result<Value> {
    let mut section = Map::new();
    match name {
        "staticConfigs" => {
            section.insert(
                "targets".to_owned(),
                json!(from.object()?.get("targets").strings()?),
            );
            let labels = from.get("labels").labels()?;
            put(
                &mut section,
                "labels",
                (!labels.is_empty()).then(|| json!(labels)),
            );
            return Ok(Value::Object(section));
        }
        "kubernetesSDConfigs" => kubernetes(&mut section, from)?,
        "consulSDConfigs" => {
            let token = making
                .client
                .vault
                .secret(making.object.namespace, &from.get("tokenRef"))?;
            put(&mut section, "token", token);
        }
        _ => {}
    }
    for (name, field) in from.fields()? {
        if let Some((written, kind)) = plain(name) {
            put(&mut section, written, kind.read(&field)?);
        }
    }
    if name != "fileSDConfigs" && name != "dnsSDConfigs" {
        making.client.credentials(&mut section, from)?;
        making.client.proxy(&mut section, from)?;
        making
            .client
            .tls(&mut section, &from.get("tlsConfig"), None)?;
    }
    Ok(Value::Object(section))
}

/// What a field that is taken over holds.
enum Holds {
    Text,
    /// Written in capitals by newer objects.
    Word,
    Flag,
    Number,
    Texts,
    TextsByName,
    /// `{name, values}`, by their names.
    Filters,
}

impl Holds {
    /// The field's value; none if it is absent or says nothing.
    fn read(&self, field: &Field<'_>) -> Result<Option<Value>> {
        Ok(match self {
            Self::Text => field.text()?.map(Value::from),
            Self::Word => field.text()?.map(|word| word.to_lowercase().into()),
            Self::Flag => field.bool()?.map(Value::from),
            Self::Number => field.number()?.map(Value::from),
            Self::Texts => Some(field.strings()?)
                .filter(|texts| !texts.is_empty())
                .map(Value::from),
            Self::TextsByName => Some(field.labels()?)
                .filter(|texts| !texts.is_empty())
                .map(|texts| json!(texts)),
            Self::Filters => {
                let mut filters = Vec::new();
                for filter in field.items()? {
                    let name = filter.object()?.get("name").text()?.unwrap_or("");
                    filters.push((name, filter.get("values").strings()?));
                }
                filters.sort_by_key(|(name, _)| *name);
                let filter = |(name, values)| json!({"name": name, "values": values});
                Some(filters.into_iter().map(filter).collect::<Vec<Value>>())
                    .filter(|filters| !filters.is_empty())
                    .map(Value::from)
            }
        })
    }
}

/// The name in `prometheus.yml` of a field that is taken over, and what it holds.
fn plain(name: &str) -> Option<(&'static str, Holds)> {
    Some(match name {
        "files" => ("files", Holds::Texts),
        "url" => ("url", Holds::Text),
        "names" => ("names", Holds::Texts),
        "type" => ("type", Holds::Text),
        "port" => ("port", Holds::Number),
        "host" => ("host", Holds::Text),
        "filters" => ("filters", Holds::Filters),
        "hostNetworkingHost" => ("host_networking_host", Holds::Text),
        "matchFirstNetwork" => ("match_first_network", Holds::Flag),
        "refreshInterval" => ("refresh_interval", Holds::Text),
        "followRedirects" => ("follow_redirects", Holds::Flag),
        "enableHTTP2" | "enableHttp2" => ("enable_http2", Holds::Flag),
        "server" => ("server", Holds::Text),
        "pathPrefix" => ("path_prefix", Holds::Text),
        "datacenter" => ("datacenter", Holds::Text),
        "namespace" => ("namespace", Holds::Text),
        "partition" => ("partition", Holds::Text),
        "scheme" => ("scheme", Holds::Word),
        "services" => ("services", Holds::Texts),
        "tags" => ("tags", Holds::Texts),
        "tagSeparator" => ("tag_separator", Holds::Text),
        "nodeMeta" => ("node_meta", Holds::TextsByName),
        "filter" => ("filter", Holds::Text),
        "healthFilter" => ("health_filter", Holds::Text),
        "allowStale" => ("allow_stale", Holds::Flag),
        "apiServer" => ("api_server", Holds::Text),
        _ => return None,
    })
}

fn kubernetes(section: &mut Map<String, Value>, from: &Field<'_>) -> Result<()> {
    let role = from.get("role").text()?.map(str::to_lowercase);
    let attaches = matches!(role.as_deref(), Some("pod" | "endpoints" | "endpointslice"));
    put(section, "role", role);
    let namespaces = from.get("namespaces");
    if namespaces.is_there() {
        let mut written = Map::new();
        written.insert(
            "names".to_owned(),
            json!(namespaces.object()?.get("names").strings()?),
        );
        let own = namespaces.get("ownNamespace").bool()?;
        put(&mut written, "own_namespace", own);
        section.insert("namespaces".to_owned(), Value::Object(written));
    }
    let mut selectors = Vec::new();
    for selector in from.get("selectors").items()? {
        let mut written = Map::new();
        let role = selector.get("role").text()?.map(str::to_lowercase);
        put(&mut written, "role", role);
        put(&mut written, "label", selector.get("label").text()?);
        put(&mut written, "field", selector.get("field").text()?);
        selectors.push(Value::Object(written));
    }
    put(
        section,
        "selectors",
        (!selectors.is_empty()).then_some(selectors),
    );
    let attach = from.get("attachMetadata");
    if attaches && attach.is_there() {
        let node = attach.object()?.get("node").bool()? == Some(true);
        section.insert("attach_metadata".to_owned(), json!({"node": node}));
    }
    Ok(())
}
