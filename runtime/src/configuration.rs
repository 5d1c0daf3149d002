//! The configuration as it was committed, read as each role needs it.
use std::{collections::HashMap, sync::Arc};

use config::{Bundle, Config, LoadError, Outside};
use proto::v1;
use template::{ALERT_DEFINITIONS, Template};
use tokio::sync::watch;
use tracing::warn;

use crate::{Chain, Cluster, Offload};

/// The configurations that the cluster commits, one after the other as they are noticed.
#[derive(Clone, Debug)]
pub struct Configurations {
    cluster: watch::Receiver<Arc<Cluster>>,
    offload: Offload,
    version: Option<u64>,
}

/// A configuration that was committed.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Its texts and its version.
    pub message: Arc<v1::ConfigBundle>,
    /// What it means; none if that cannot be read here, which was logged.
    pub config: Option<Config>,
}

impl Configurations {
    /// The configurations of the cluster that is followed, the one that holds now first.
    pub fn of(cluster: watch::Receiver<Arc<Cluster>>, offload: Offload) -> Self {
        Self {
            cluster,
            offload,
            version: None,
        }
    }

    /// Waits for a configuration that was not given before; none when the cluster is followed no more.
    ///
    /// If it is cancelled, the next call gives what this one would have.
    pub async fn next(&mut self) -> Option<Committed> {
        let known = self.version;
        let is_new = |cluster: &Arc<Cluster>| {
            let version = cluster.config.as_ref().map(|config| config.version);
            version.is_some() && version != known
        };
        let message = self.cluster.wait_for(is_new).await.ok()?.config.clone()?;
        let texts = Arc::clone(&message);
        let read = move || read_config(&bundle_of(&texts));
        let config = self.offload.run(read).await;
        self.version = Some(message.version);
        // The leader has read it, so this is a matter of versions or of this process' environment.
        let complain = |error: &LoadError| {
            let (version, error) = (message.version, Chain(error));
            warn!(version, %error, "the committed configuration cannot be read here");
        };
        let config = config.inspect_err(complain).ok();
        Some(Committed { message, config })
    }
}

/// The texts of a committed configuration.
pub fn bundle_of(message: &v1::ConfigBundle) -> Bundle {
    let owned = |files: &HashMap<String, String>| {
        let files = files.iter();
        files
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect()
    };
    Bundle {
        path: message.path.clone().into(),
        main: message.main.clone(),
        files: owned(&message.files),
        generated: owned(&message.generated),
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

    #[tokio::test]
    async fn each_configuration_is_given_once() {
        let cluster = |version, main: &str| {
            let config = v1::ConfigBundle {
                version,
                main: main.to_owned(),
                ..Default::default()
            };
            Arc::new(Cluster {
                version,
                config: Some(Arc::new(config)),
                ..Cluster::default()
            })
        };
        let (to, followed) = watch::channel(Arc::default());
        let mut configurations = Configurations::of(followed, Offload::Inline);
        let given = |committed: Committed| {
            let jobs = committed.config.map(|config| config.jobs.len());
            (committed.message.version, jobs)
        };
        to.send_replace(cluster(3, "scrape_configs: [{job_name: a}]"));
        assert_eq!(configurations.next().await.map(given), Some((3, Some(1))));
        to.send_replace(cluster(3, ""));
        to.send_replace(cluster(4, "scrape_configs: [{}]"));
        assert_eq!(configurations.next().await.map(given), Some((4, None)));
        drop(to);
        assert_eq!(configurations.next().await.map(given), None);
    }

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
                ..v1::ConfigBundle::default()
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
