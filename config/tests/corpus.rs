//! Prometheus' own configurations and rule files: what it takes is taken, what it refuses is refused for its reasons.
use std::{
    fs,
    path::{Path, PathBuf},
};

use config::{Bundle, CheckOptions, Config, Outside, check_config, parse_rules};
use expect_test::expect;
use serde_json::Value;

/// The folder of test data, in one of the folders around the crate.
fn testdata() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .map(|folder| folder.join("shared/testdata/config"))
        .find(|folder| folder.is_dir())
        .expect("there is a folder with test data")
}

struct Case {
    path: PathBuf,
    file: String,
    good: Option<bool>,
    /// What an older promtool said.
    said: String,
}

fn cases(kind: &str) -> Vec<Case> {
    let folder = testdata();
    let index = fs::read_to_string(folder.join("index.jsonl")).unwrap();
    let entries = index
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries
        .filter(|entry| entry["kind"] == kind)
        .map(|entry| {
            let file = entry["file"].as_str().unwrap().to_owned();
            Case {
                path: folder.join(&file),
                good: entry["expect"].as_str().map(|verdict| verdict == "good"),
                said: entry["promtool_2_42"]["message"]
                    .as_str()
                    .unwrap_or("")
                    .to_owned(),
                file,
            }
        })
        .collect()
}

fn load(path: &Path) -> Result<(), String> {
    let bundle = Bundle::load(path).map_err(|error| error.to_string())?;
    Config::from_bundle(&bundle, &Outside::default())
        .map(drop)
        .map_err(|error| error.to_string())
}

/// What `check config` fails with, which looks at more than loading does.
fn check(path: &Path) -> Result<(), String> {
    let report = check_config(&[path], &CheckOptions::default(), &Outside::default());
    let failed = report
        .lines
        .iter()
        .find(|line| line.text().contains("FAILED"));
    failed.map_or(Ok(()), |line| Err(line.text().to_owned()))
}

/// The reason in promtool's output, without the file's name and what a newer version would not say.
fn reason(said: &str) -> Option<String> {
    let reason = said
        .split("FAILED:")
        .nth(1)?
        .split(" Checking ")
        .next()?
        .trim();
    let reason = reason.strip_prefix("parsing YAML file ").unwrap_or(reason);
    let (_, reason) = reason.split_once(": ")?;
    let reason = reason.trim_start_matches("yaml: unmarshal errors:").trim();
    (!reason.is_empty()).then(|| reason.to_owned())
}

#[test]
fn configurations_are_taken_and_refused_as_by_prometheus() {
    let (mut wrong, mut otherwise) = (Vec::new(), Vec::new());
    for case in cases("config") {
        let mut verdict = load(&case.path);
        if case.good == Some(false) {
            verdict = verdict.and_then(|()| check(&case.path));
        }
        match (case.good, verdict) {
            (Some(true), Err(error)) => wrong.push(format!("{}: refused: {error}", case.file)),
            (Some(false), Ok(())) => wrong.push(format!("{}: taken", case.file)),
            (Some(false), Err(error)) => {
                if let Some(reason) = reason(&case.said).filter(|reason| !error.contains(reason)) {
                    otherwise.push(format!("{}: {error} | {reason}", case.file));
                }
            }
            (None, _) | (Some(true), Ok(())) => {}
        }
    }
    let folder = testdata().display().to_string();
    // Both lists may only shrink: files judged otherwise, and files refused in other words than an older promtool's.
    let shown = |lines: &[String]| lines.join("\n").replace(&folder, "");
    expect![[r#"
        prometheus-config/scrape_config_files_duplicate.bad.yml: taken
        prometheus-config/scrape_config_files_global_duplicate.bad.yml: taken"#]]
    .assert_eq(&shown(&wrong));
    expect![[r#"
        prometheus-config/azure_authentication_method.bad.yml: parsing YAML file /prometheus-config/azure_authentication_method.bad.yml: unknown authentication_type "invalid". Supported types are "OAuth", "ManagedIdentity", "SDK" or "WorkloadIdentity" | unknown authentication_type "invalid". Supported types are "OAuth" or "ManagedIdentity"
        prometheus-config/jobname_dup.bad.yml: parsing YAML file /prometheus-config/jobname_dup.bad.yml: found multiple scrape configs with job name "prometheus" | line 3: field metric_name_validation_scheme not found in type config.plain
        prometheus-config/kubernetes_api_server_with_own_namespace.bad.yml: parsing YAML file /prometheus-config/kubernetes_api_server_with_own_namespace.bad.yml: cannot use 'api_server' and 'namespaces.own_namespace' simultaneously | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_bearertoken.bad.yml: parsing YAML file /prometheus-config/kubernetes_bearertoken.bad.yml: at most one of bearer_token & bearer_token_file must be configured | line 4: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_bearertoken_basicauth.bad.yml: parsing YAML file /prometheus-config/kubernetes_bearertoken_basicauth.bad.yml: at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured | line 4: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_http_config_without_api_server.bad.yml: parsing YAML file /prometheus-config/kubernetes_http_config_without_api_server.bad.yml: to use custom HTTP client configuration please provide the 'api_server' URL explicitly | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_kubeconfig_with_http_config.bad.yml: parsing YAML file /prometheus-config/kubernetes_kubeconfig_with_http_config.bad.yml: cannot use a custom HTTP client configuration together with 'kubeconfig_file' | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_kubeconfig_with_own_namespace.bad.yml: parsing YAML file /prometheus-config/kubernetes_kubeconfig_with_own_namespace.bad.yml: cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_namespace_discovery.bad.yml: parsing YAML file /prometheus-config/kubernetes_namespace_discovery.bad.yml: yaml: unmarshal errors:
          line 6: field foo not found in type kubernetes.plain | line 2: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_selectors_duplicated_role.bad.yml: parsing YAML file /prometheus-config/kubernetes_selectors_duplicated_role.bad.yml: duplicated selector role: pod | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_selectors_endpoints.bad.yml: parsing YAML file /prometheus-config/kubernetes_selectors_endpoints.bad.yml: endpoints role supports only pod, service, endpoints selectors | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_selectors_incorrect_selector.bad.yml: parsing YAML file /prometheus-config/kubernetes_selectors_incorrect_selector.bad.yml: invalid selector: 'metadata.status-Running'; can't understand 'metadata.status-Running' | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_selectors_ingress.bad.yml: parsing YAML file /prometheus-config/kubernetes_selectors_ingress.bad.yml: ingress role supports only ingress selectors | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/kubernetes_selectors_service.bad.yml: parsing YAML file /prometheus-config/kubernetes_selectors_service.bad.yml: service role supports only service selectors | line 3: field kubernetes_sd_configs not found in type config.ScrapeConfig
        prometheus-config/labelname.bad.yml: parsing YAML file /prometheus-config/labelname.bad.yml: !!binary is no text | "\xff" is not a valid label name
        prometheus-config/metric_name_validation_scheme.bad.yml: parsing YAML file /prometheus-config/metric_name_validation_scheme.bad.yml: unrecognized ValidationScheme: "invalid_scheme" | line 2: field metric_name_validation_scheme not found in type config.plain
        prometheus-config/oci_authentication_method.bad.yml: parsing YAML file /prometheus-config/oci_authentication_method.bad.yml: oci_sd: unknown auth method "invalid", expected "api_key" or "instance_principal" | line 2: field oci_sd_configs not found in type config.ScrapeConfig
        prometheus-config/otlp_allow_utf8.incompatible.yml: parsing YAML file /prometheus-config/otlp_allow_utf8.incompatible.yml: OTLP translation strategy "NoUTF8EscapingWithSuffixes" is not allowed when UTF8 is disabled | line 2: field metric_name_validation_scheme not found in type config.plain line 3: field otlp not found in type config.plain
        prometheus-config/otlp_ignore_resource_attributes_without_promote_all.bad.yml: parsing YAML file /prometheus-config/otlp_ignore_resource_attributes_without_promote_all.bad.yml: 'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true | line 1: field otlp not found in type config.plain
        prometheus-config/otlp_no_translation.incompatible.yml: parsing YAML file /prometheus-config/otlp_no_translation.incompatible.yml: OTLP translation strategy "NoTranslation" is not allowed when UTF8 is disabled | line 2: field metric_name_validation_scheme not found in type config.plain line 3: field otlp not found in type config.plain
        prometheus-config/otlp_promote_all_resource_attributes.bad.yml: parsing YAML file /prometheus-config/otlp_promote_all_resource_attributes.bad.yml: 'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously | line 1: field otlp not found in type config.plain
        prometheus-config/otlp_sanitize_promote_resource_attributes.bad.yml: parsing YAML file /prometheus-config/otlp_sanitize_promote_resource_attributes.bad.yml: invalid 'promote_resource_attributes': duplicated promoted OTel resource attribute "k8s.job.name"
        empty promoted OTel resource attribute | line 1: field otlp not found in type config.plain
        prometheus-config/outscale_no_secret.bad.yml: parsing YAML file /prometheus-config/outscale_no_secret.bad.yml: one of secret_key & secret_key_file must be configured | line 3: field outscale_sd_configs not found in type config.ScrapeConfig
        prometheus-config/regex.bad.yml: parsing YAML file /prometheus-config/regex.bad.yml: error parsing regexp: missing closing ): `abc(def` | error parsing regexp: missing closing ): `^(?:abc(def)$`
        prometheus-config/scrape_config_files_fallback_scrape_protocol2.bad.yml: parsing YAML file /prometheus-config/scrape_config_files_fallback_scrape_protocol2.bad.yml: yaml: unmarshal errors:
          line 3: cannot unmarshal !!seq into string | line 3: field fallback_scrape_protocol not found in type config.ScrapeConfig
        prometheus-config/scrape_config_files_glob.bad.yml: parsing YAML file /prometheus-config/scrape_config_files_glob.bad.yml: invalid scrape config file path "scrape_configs/*/*" | line 1: field scrape_config_files not found in type config.plain
        prometheus-config/scrape_config_files_global.bad.yml: error loading scrape configs: "/prometheus-config/scrape_config_files.bad.yml": scrape timeout greater than scrape interval for scrape config with job name "prometheus" | line 1: field scrape_config_files not found in type config.plain
        prometheus-config/scrape_config_files_scrape_protocols.bad.yml: parsing YAML file /prometheus-config/scrape_config_files_scrape_protocols.bad.yml: scrape_protocols: unknown scrape protocol prometheusproto, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] for scrape config with job name "node" | line 3: field scrape_protocols not found in type config.ScrapeConfig
        prometheus-config/stackit_endpoint.bad.yml: parsing YAML file /prometheus-config/stackit_endpoint.bad.yml: stackit_sd: invalid endpoint "://invalid": parse "://invalid": missing protocol scheme | line 3: field stackit_sd_configs not found in type config.ScrapeConfig
        prometheus-config/static_config.bad.yml: parsing YAML file /prometheus-config/static_config.bad.yml: !!binary is no text | line 1: field targets not found in type config.plain line 2: field labels not found in type config.plain
        prometheus-config/tsdb_chunk_encoding_floats_wrong_case.bad.yml: parsing YAML file /prometheus-config/tsdb_chunk_encoding_floats_wrong_case.bad.yml: 'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got "XOR" | line 3: field chunk_encoding not found in type config.plain
        prometheus-config/tsdb_chunk_encoding_floats_wrong_case_xor2.bad.yml: parsing YAML file /prometheus-config/tsdb_chunk_encoding_floats_wrong_case_xor2.bad.yml: 'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got "XOR2" | line 3: field chunk_encoding not found in type config.plain
        prometheus-config/tsdb_retention_percentage.bad.yml: parsing YAML file /prometheus-config/tsdb_retention_percentage.bad.yml: 'storage.tsdb.retention.percentage' must be in the range [0, 100], got 101 | line 3: field retention not found in type config.plain
        prometheus-config/tsdb_retention_size.bad.yml: parsing YAML file /prometheus-config/tsdb_retention_size.bad.yml: 'storage.tsdb.retention.size' must be greater than or equal to 0, got -1073741824B | line 3: field retention not found in type config.plain
        prometheus-config/tsdb_retention_time.bad.yml: parsing YAML file /prometheus-config/tsdb_retention_time.bad.yml: not a valid duration string: "-1h" | line 3: field retention not found in type config.plain"#]].assert_eq(&shown(&otherwise));
}

#[test]
fn rule_files_are_taken_and_refused_as_by_prometheus() {
    let (mut wrong, mut otherwise) = (Vec::new(), Vec::new());
    for case in cases("rules") {
        let text = fs::read_to_string(&case.path).unwrap();
        let names = match case.file.contains("legacy_validation") {
            true => model::NameValidation::Legacy,
            false => model::NameValidation::Utf8,
        };
        let verdict = parse_rules(&case.file, &text, names, &Outside::default());
        let errors = verdict.map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        });
        match (case.good, errors) {
            (Some(true), Err(error)) => wrong.push(format!("{}: refused: {error}", case.file)),
            (Some(false), Ok(_)) => wrong.push(format!("{}: taken", case.file)),
            (Some(false), Err(error)) => {
                if let Some(reason) = reason(&case.said).filter(|reason| !error.contains(reason)) {
                    otherwise.push(format!("{}: {error} | {reason}", case.file));
                }
            }
            (None, _) | (Some(true), Ok(_)) => {}
        }
    }
    expect!["promtool/bad-rules-error.yml: taken"].assert_eq(&wrong.join("\n"));
    expect![[r#"
        prometheus-rules/model-bad_field.bad.yaml: yaml: unmarshal errors:
          line 8: field annotation not found in type rulefmt.Rule | line 8: field annotation not found in type rulefmt.RuleNode
        prometheus-rules/model-invalid_record_name.bad.yaml: 4:17: group "yolo", rule 1, "strawberry{flavor=\"sweet\"}": braces present in the recording rule name; should it be in expr?: strawberry{flavor="sweet"} | 4:17: group "yolo", rule 1, "strawberry{flavor=\"sweet\"}": invalid recording rule name: strawberry{flavor="sweet"}"#]].assert_eq(&otherwise.join("\n"));
}
