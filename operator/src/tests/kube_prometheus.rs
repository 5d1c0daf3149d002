//! kube-prometheus as it is.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::objects;
use crate::{Kind, Objects, Settings, generate};

/// The samples, which lie above the repository.
fn testdata(path: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut above = here.ancestors().map(|above| above.join("shared/testdata"));
    above.find(|data| data.is_dir()).unwrap().join(path)
}

fn manifests(part: &str) -> Vec<String> {
    let files = fs::read_dir(testdata("config/kube-prometheus")).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.is_file() && path.to_str().unwrap().contains(part));
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

fn settings() -> Settings {
    Settings::parse(&manifests("prometheus-prometheus.yaml")[0]).unwrap()
}

#[test]
fn all_its_objects_are_taken() {
    let (monitors, rules) = (manifests("erviceMonitor"), manifests("prometheusRule"));
    let texts: Vec<&str> = monitors.iter().chain(&rules).map(String::as_str).collect();
    let settings = settings();
    assert_eq!(
        settings.warnings(),
        ["spec.alerting is not honoured: it has its place in prometheus.yml"]
    );
    let generated = generate(&settings, &objects(&texts), &BTreeMap::new());
    assert_eq!(generated.refused, []);
    assert_eq!(generated.selected[&Kind::ServiceMonitor], monitors.len());
    assert_eq!(generated.selected[&Kind::PrometheusRule], rules.len());
    assert_eq!(generated.files.len(), rules.len() + 1);
    let names: Vec<String> = super::jobs(&generated)
        .iter()
        .map(|job| job["job_name"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        names.contains(&"serviceMonitor/monitoring/kubelet/3".to_owned()),
        "{names:?}"
    );
}

#[test]
fn what_an_api_server_tells_is_taken_too() {
    let mut all = Objects::default();
    for kind in [Kind::ServiceMonitor, Kind::PrometheusRule] {
        let path = testdata(&format!("kubernetes/crd/{}.json", kind.plural()));
        let list: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for object in list["items"].as_array().unwrap() {
            let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
            all.namespaces.insert(namespace, BTreeMap::new());
            all.objects.entry(kind).or_default().push(object.clone());
        }
    }
    let generated = generate(&settings(), &all, &BTreeMap::new());
    assert_eq!(generated.refused, []);
    assert_eq!(generated.selected[&Kind::ServiceMonitor], 13);
    assert_eq!(generated.selected[&Kind::PrometheusRule], 8);
    // In another order they give the same bytes.
    all.objects
        .values_mut()
        .for_each(|objects| objects.reverse());
    assert_eq!(generate(&settings(), &all, &BTreeMap::new()), generated);
}
