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

/// What a committed configuration means in this process, with its environment.
///
/// What PromQL may hold was judged before it was committed: here all of it is read.
///
/// # Errors
/// [`LoadError`], with Prometheus' texts.
pub fn read_config(bundle: &Bundle) -> Result<Config, LoadError> {
    Config::from_bundle(bundle, &outside(promql::Options::ALL))
}

/// What reading a configuration needs from outside of it, where PromQL may hold what `language` says.
pub fn outside(language: promql::Options) -> Outside<'static> {
    Outside {
        variable: &|name| std::env::var(name).ok(),
        template: &|alert, text| {
            // Named and begun as when it is evaluated, so that a refusal reads the same.
            let name = format!("__alert_{alert}");
            let parsed = Template::parse(&name, &format!("{ALERT_DEFINITIONS}{text}"));
            parsed.map(drop).map_err(|refused| refused.to_string())
        },
        promql: language,
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
