//! One look at what the mechanisms of a job find, for people.
use std::{sync::Arc, time::Duration};

use config::{Config, ScrapeJob, TargetGroup};
use runtime::Components;
use tokio::sync::Notify;

use super::provider::Providers;

/// What the mechanisms of `job` have found after `within`, in their order; nothing for those that have not told by then.
pub async fn once(job: &ScrapeJob, within: Duration, components: &Components) -> Vec<TargetGroup> {
    let config = Config {
        jobs: vec![job.clone()],
        ..Config::default()
    };
    let mut providers = Providers::new(components.clone(), Arc::new(Notify::new()), Arc::default());
    providers.use_those_of(&config);
    tokio::time::sleep(within).await;
    let found = providers.found(&config).into_iter().flatten().flatten();
    found.flat_map(|groups| groups.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use config::{Bundle, Outside};

    use super::*;

    #[tokio::test]
    async fn what_mechanisms_tell_in_time_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.json");
        std::fs::write(&file, r#"[{"targets": ["b:1"]}]"#).unwrap();
        let main = format!(
            "scrape_configs: [{{job_name: j, static_configs: [{{targets: [a:1]}}], \
             file_sd_configs: [{{files: ['{}']}}]}}]",
            file.display()
        );
        let bundle = Bundle {
            main,
            ..Bundle::default()
        };
        let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
        let within = Duration::from_millis(500);
        let groups = once(&config.jobs[0], within, &Components::system()).await;
        let targets = groups.iter().flat_map(|group| &group.targets);
        let mut addresses: Vec<&str> = targets.map(|t| t.value("__address__")).collect();
        addresses.sort_unstable();
        assert_eq!(addresses, ["a:1", "b:1"]);
    }
}
