//! What `deploy/` renders to is checked: its objects, its command lines against clap, its configuration.
use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clap::{CommandFactory as _, Parser as _};
use serde_json::Value;

use crate::Cli;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

const OVERLAYS: [&str; 2] = ["default", "operator"];

/// The objects of an overlay, as `kubectl kustomize` renders it; scripts/kubectl makes sure that there is one.
fn rendered(overlay: &str) -> Vec<Value> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/kubectl");
    let kubectl = if own.exists() { own } else { "kubectl".into() };
    let overlay = deploy().join("overlays").join(overlay);
    let output = Command::new(&kubectl)
        .arg("kustomize")
        .arg(&overlay)
        .output();
    let output = output.unwrap_or_else(|e| panic!("{}: {e}: run `make test`", kubectl.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

fn workloads(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects
        .iter()
        .filter(|o| matches!(o["kind"].as_str(), Some("StatefulSet" | "Deployment")))
}

fn container(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn each_role_has_its_workload_service_and_disruption_budget() {
    let objects = rendered("default");
    for (role, kind) in [
        ("discoverer", "StatefulSet"),
        ("ingester", "StatefulSet"),
        ("querier", "Deployment"),
        ("ruler", "StatefulSet"),
    ] {
        for kind in [kind, "Service", "PodDisruptionBudget"] {
            let found = objects
                .iter()
                .filter(|o| o["kind"] == kind && o["metadata"]["name"] == role)
                .count();
            assert_eq!(found, 1, "{kind} {role}");
        }
    }
    for workload in workloads(&objects) {
        let name = &workload["metadata"]["name"];
        let container = container(workload);
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert!(
                container[probe]["httpGet"]["path"].is_string(),
                "{name}: {probe}"
            );
        }
        assert_eq!(
            container["securityContext"]["readOnlyRootFilesystem"], true,
            "{name}"
        );
        assert_eq!(
            workload["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"],
            true
        );
        assert!(
            container["resources"]["requests"]["memory"].is_string(),
            "{name}"
        );
    }
}

#[test]
fn each_command_line_is_one_that_the_program_takes() {
    for workload in workloads(&OVERLAYS.map(rendered).concat()) {
        let container = container(workload);
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_array().expect("a list");
            list.iter()
                .map(|text| text.as_str().expect("a text").to_owned())
                .collect()
        };
        let mut line = vec!["pleiades".to_owned()];
        line.extend(texts(&container["args"]));
        let cli = Cli::command();
        let role = cli
            .find_subcommand(&line[1])
            .unwrap_or_else(|| panic!("no role {}", line[1]));
        // What the environment sets stands for the flag beside it.
        for variable in container["env"].as_array().expect("a list") {
            let name = variable["name"].as_str().expect("a name");
            if !name.starts_with("PLEIADES_") {
                continue;
            }
            let flag = role
                .get_arguments()
                .find(|arg| arg.get_env().is_some_and(|env| env == name))
                .and_then(clap::Arg::get_long)
                .unwrap_or_else(|| panic!("{}: no flag reads {name}", line[1]));
            let value = variable["value"].as_str().unwrap_or("pod-0");
            line.push(format!("--{flag}={value}"));
        }
        if let Err(error) = Cli::try_parse_from(&line) {
            panic!("{line:?}: {error}");
        }
    }
}

#[test]
fn its_configuration_is_good() {
    let file = deploy().join("base/prometheus.yml");
    let report = config::check_config(
        &[file],
        &config::CheckOptions::default(),
        &runtime::outside(promql::Options::default()),
    );
    assert_eq!(report.exit_code, 0, "{:?}", report.lines);
}

#[test]
fn its_manifest_for_the_operators_objects_is_good() {
    let file = deploy().join("components/operator/prometheus.yaml");
    let settings = operator::Settings::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(settings.warnings().is_empty(), "{:?}", settings.warnings());
}
