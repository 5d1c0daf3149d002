//! Ingresses: one target for each path of each host.
//!
//! Source: `discovery/kubernetes/ingress.go` in Prometheus.
use config::{AttachMetadata, TargetGroup};
use k8s_openapi::api::networking::v1::{Ingress, IngressRule};

use super::{Objects, objects::key, pairs::Pairs};

/// The group of one ingress.
pub(crate) fn group(ingress: &Ingress, attach: AttachMetadata, objects: &Objects) -> TargetGroup {
    let (namespace, name) = key(&ingress.metadata);
    let mut labels = Pairs::default();
    labels.object("ingress", &ingress.metadata);
    labels.meta("namespace", &namespace);
    let spec = ingress.spec.clone().unwrap_or_default();
    labels.meta_if("ingress_class_name", spec.ingress_class_name.as_ref());
    if attach.namespace {
        labels.namespace(Some(&namespace), objects);
    }
    let secured: Vec<String> = spec
        .tls
        .into_iter()
        .flatten()
        .flat_map(|tls| tls.hosts.unwrap_or_default())
        .collect();
    let mut targets = Vec::new();
    for rule in spec.rules.iter().flatten() {
        let host = rule.host.clone().unwrap_or_default();
        let scheme = match secured.iter().any(|pattern| matches(pattern, &host)) {
            true => "https",
            false => "http",
        };
        for path in paths(rule) {
            let mut target = Pairs::default();
            target.set("__address__", &host);
            target.meta("ingress_scheme", scheme);
            target.meta("ingress_host", &host);
            target.meta("ingress_path", path);
            targets.push(target.labels());
        }
    }
    TargetGroup {
        source: format!("ingress/{namespace}/{name}"),
        targets,
        labels: labels.labels(),
    }
}

/// The paths of a rule; without any it is the root.
fn paths(rule: &IngressRule) -> Vec<String> {
    let root = || "/".to_owned();
    let Some(http) = &rule.http else {
        return vec![root()];
    };
    let paths = http.paths.iter().map(|path| path.path.clone());
    paths
        .map(|path| path.filter(|path| !path.is_empty()).unwrap_or_else(root))
        .collect()
}

/// True if the host is the pattern, or fits its `*` in the first place.
fn matches(pattern: &str, host: &str) -> bool {
    let split = |name| -> (&str, Option<&str>) {
        let parts = str::split_once(name, '.');
        parts.map_or((name, None), |(first, rest)| (first, Some(rest)))
    };
    let ((star, of_pattern), (_, of_host)) = (split(pattern), split(host));
    pattern == host || star == "*" && of_pattern == of_host
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_one_part() {
        for (pattern, host) in [("a.b", "a.b"), ("*.b.c", "a.b.c"), ("*", "a"), ("*", "")] {
            assert!(matches(pattern, host), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("*.b.c", "b.c"),
            ("*.b.c", "x.a.b.c"),
            ("*.b.c", "a.b.d"),
            ("*", "a.b"),
            ("a.*", "a.b"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, host), "{pattern} {host}");
        }
    }
}
