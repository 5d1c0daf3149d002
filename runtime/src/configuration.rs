//! The configuration as it was committed, read as each role needs it.
use config::{Bundle, Config, LoadError, Outside};
use proto::v1;
use template::{ALERT_DEFINITIONS, Template};

/// The texts of a committed configuration.
pub fn bundle_of(message: &v1::ConfigBundle) -> Bundle {
    let files = message.files.iter();
    Bundle {
        path: message.path.clone().into(),
        main: message.main.clone(),
        files: files
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect(),
    }
}

/// What a configuration means in this process: its environment, its templates, its PromQL.
///
/// # Errors
/// [`LoadError`], with Prometheus' texts.
pub fn read_config(bundle: &Bundle) -> Result<Config, LoadError> {
    Config::from_bundle(bundle, &outside())
}

/// What reading a configuration needs from outside of it.
pub fn outside() -> Outside<'static> {
    Outside {
        variable: &|name| std::env::var(name).ok(),
        template: &|name, text| {
            let text = format!("{ALERT_DEFINITIONS}{text}");
            Template::parse(name, &text)
                .map(drop)
                .map_err(|error| error.to_string())
        },
        promql: promql::Options::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_file_is_read_with_its_templates() {
        let read = |summary: &str| {
            let rules = format!(
                "groups:\n- name: a\n  rules:\n  - alert: B\n    expr: up == 0\n    annotations:\n      summary: '{summary}'\n"
            );
            let message = v1::ConfigBundle {
                version: 1,
                path: "/etc/prometheus.yml".to_owned(),
                main: "rule_files: [a.yml]\n".to_owned(),
                files: [("/etc/a.yml".to_owned(), rules)].into(),
            };
            read_config(&bundle_of(&message)).map_err(|error| error.to_string())
        };
        assert_eq!(read("{{ $labels.job }}").unwrap().rule_groups.len(), 1);
        assert!(
            read("{{ $labels.job ")
                .unwrap_err()
                .contains("unclosed action")
        );
    }
}
