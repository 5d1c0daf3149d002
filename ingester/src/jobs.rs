//! The scrape jobs that the committed configuration describes.
use std::sync::Arc;

use proto::v1;
use runtime::{Components, bundle_of, read_config};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{
    saved::Saved,
    scrape::{Job, Jobs},
    shared::Shared,
};

/// The jobs of `config`; those that are as they were in `before` keep their connections.
///
/// # Errors
/// If the configuration is refused, which discoverers do not commit.
pub(crate) fn jobs(
    config: &v1::ConfigBundle,
    before: &Jobs,
    max_body_size: u64,
    components: &Components,
) -> Result<Jobs, config::LoadError> {
    let jobs = read_config(&bundle_of(config))?.jobs.into_iter();
    Ok(jobs
        .map(|settings| {
            let kept = before.get(&settings.name);
            let kept = kept.filter(|job| *job.settings() == settings).cloned();
            let name = settings.name.clone();
            let new = || Arc::new(Job::new(settings, max_body_size, components));
            (name, kept.unwrap_or_else(new))
        })
        .collect())
}

/// Makes jobs of each configuration that is committed, and remembers it, for ever.
pub(crate) async fn follow(
    shared: Arc<Shared>,
    saved: Saved,
    max_body_size: u64,
    to: watch::Sender<Arc<Jobs>>,
) {
    let mut cluster = shared.cluster.clone();
    let mut version = None;
    loop {
        let config = cluster.borrow_and_update().config.clone();
        if let Some(config) = config.filter(|config| version != Some(config.version)) {
            version = Some(config.version);
            let before = to.borrow().clone();
            match jobs(&config, &before, max_body_size, &shared.components) {
                Ok(jobs) => {
                    info!(
                        version = config.version,
                        n_jobs = jobs.len(),
                        "configuration was taken"
                    );
                    to.send_replace(Arc::new(jobs));
                    let saved = saved.clone();
                    let save = shared.offload().run(move || saved.save_config(&config));
                    if let Err(error) = save.await {
                        warn!(error = %runtime::Chain(&error), "the configuration was not saved");
                    }
                }
                Err(error) => {
                    warn!(version = config.version, error = %runtime::Chain(&error), "configuration was refused");
                }
            }
        }
        if cluster.changed().await.is_err() {
            return;
        }
    }
}
