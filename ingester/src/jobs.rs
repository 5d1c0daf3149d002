//! The scrape jobs that the committed configuration describes.
use std::sync::Arc;

use config::Config;
use runtime::{Chain, Configurations};
use tokio::sync::watch;
use tracing::{info, warn};
use tsdb::Retention;

use crate::{
    retention,
    saved::Saved,
    scrape::{Job, Jobs},
    shared::Shared,
};

/// The jobs of `config`; those that are as they were in `before` keep their connections.
pub(crate) fn jobs(config: Config, before: &Jobs, max_body_size: u64, shared: &Shared) -> Jobs {
    let jobs = config.jobs.into_iter();
    jobs.map(|settings| {
        let kept = before.get(&settings.name);
        let kept = kept.filter(|job| *job.settings() == settings).cloned();
        let name = settings.name.clone();
        let new = || {
            Arc::new(Job::new(
                settings,
                max_body_size,
                shared.extras,
                &shared.components,
            ))
        };
        (name, kept.unwrap_or_else(new))
    })
    .collect()
}

/// Makes jobs of each configuration that is committed, keeps what it says, and remembers it, for ever.
pub(crate) async fn follow(
    shared: Arc<Shared>,
    saved: Saved,
    retention_flags: Retention,
    max_body_size: u64,
    to: watch::Sender<Arc<Jobs>>,
) {
    let mut configurations = Configurations::of(shared.cluster.clone(), shared.offload());
    while let Some(committed) = configurations.next().await {
        // One that cannot be read here changes nothing.
        let Some(config) = committed.config else {
            continue;
        };
        retention::configure(&shared, retention_flags, &config.storage);
        let (of_resize, max) = (Arc::clone(&shared), config.storage.max_exemplars);
        let resize = move || of_resize.resize_exemplars(max);
        if let Err(error) = shared.offload().run(resize).await {
            warn!(error = %Chain(&error), "the oldest exemplars were not let go");
        }
        let before = to.borrow().clone();
        let jobs = jobs(config, &before, max_body_size, &shared);
        let (version, n_jobs) = (committed.message.version, jobs.len());
        info!(version, n_jobs, "configuration was taken");
        to.send_replace(Arc::new(jobs));
        let saved = saved.clone();
        let save = move || saved.save_config(&committed.message);
        if let Err(error) = shared.offload().run(save).await {
            warn!(error = %Chain(&error), "the configuration was not saved");
        }
    }
}
