//! The configuration's files: read where the user edits them, committed when they change.
//!
//! Every discoverer watches its own files; the leader commits. What a follower saw change it commits itself if it comes to
//! lead before the group has it, so that no change is lost between two leaders, and no leader goes back to what its own
//! disk happens to hold.
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use config::{Bundle, Config, LoadError, Unsupported};
use runtime::{Chain, Offload};
use tokio::sync::watch;
use tracing::{error, info};

use crate::{
    metrics::Metrics,
    raft::{Group, Leadership, WriteError},
    state::{Command, ConfigBundle, Outcome},
};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(5);

/// Why what the user edits is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The files are refused as Prometheus refuses them.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// They name discovery mechanisms that Prometheus has and we do not.
    #[error("{path}: {}; --config.skip-unsupported-sd leaves such mechanisms out", listed(.unsupported))]
    Unsupported {
        /// The main file.
        path: String,
        /// Each of them.
        unsupported: Vec<Unsupported>,
    },
}

fn listed(unsupported: &[Unsupported]) -> String {
    let all: Vec<String> = unsupported.iter().map(Unsupported::to_string).collect();
    all.join("; ")
}

/// The configuration cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    /// The files are refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The group did not commit it.
    #[error("commit the configuration")]
    Write(#[from] WriteError),
}

/// The files where the user edits them.
#[derive(Clone)]
pub(crate) struct Edited {
    /// The main file's place.
    pub(crate) path: PathBuf,
    /// What the PromQL of rules may hold.
    pub(crate) language: promql::Options,
    /// Whether unsupported mechanisms are left out rather than refused.
    pub(crate) skip_unsupported_sd: bool,
    pub(crate) offload: Offload,
}

/// The files of one discoverer, and the group that they are committed to. Clones share nothing but settings.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) edited: Edited,
    pub(crate) group: Group,
    pub(crate) metrics: Arc<Metrics>,
}

/// The texts of a bundle as they are read.
fn texts(bundle: &ConfigBundle) -> Bundle {
    Bundle {
        path: PathBuf::from(&bundle.path),
        main: bundle.main.clone(),
        files: bundle.files.clone(),
        generated: bundle.generated.clone(),
    }
}

/// What a committed `bundle` means.
pub(crate) fn parse(bundle: &ConfigBundle) -> Result<Config, LoadError> {
    runtime::read_config(&texts(bundle))
}

impl Edited {
    /// Reads the files and checks them, unless they are what was `seen` before.
    pub(crate) async fn load(&self, seen: Option<ConfigBundle>) -> Result<ConfigBundle, Refused> {
        let edited = self.clone();
        let load = move || {
            let bundle = Bundle::load(&edited.path)?;
            let loaded = ConfigBundle {
                version: 0,
                path: bundle.path.display().to_string(),
                main: bundle.main,
                files: bundle.files,
                generated: BTreeMap::new(),
            };
            if !seen.is_some_and(|seen| seen.same_text(&loaded)) {
                edited.check(&loaded)?;
            }
            Ok(loaded)
        };
        self.offload.run(load).await
    }

    /// Refuses what must not be committed.
    fn check(&self, loaded: &ConfigBundle) -> Result<(), Refused> {
        let config = Config::from_bundle(&texts(loaded), &runtime::outside(self.language))?;
        let unsupported = config.unsupported();
        match unsupported.is_empty() || self.skip_unsupported_sd {
            true => Ok(()),
            false => Err(Refused::Unsupported {
                path: loaded.path.clone(),
                unsupported,
            }),
        }
    }
}

impl Files {
    /// Reads the files and commits them; gives the version that holds now.
    pub(crate) async fn reload(&self) -> Result<u64, ReloadError> {
        let loaded = self.edited.load(None).await;
        self.metrics.reloaded(loaded.is_ok());
        self.commit(loaded?).await
    }

    async fn commit(&self, bundle: ConfigBundle) -> Result<u64, ReloadError> {
        let outcome = self.group.write(&Command::SetConfig(bundle)).await?;
        let state = self.group.state().borrow().clone();
        let version = state.config.as_ref().map_or(0, |config| config.version);
        if outcome == Outcome::Changed {
            info!(version, "a new configuration is committed");
        }
        Ok(version)
    }

    /// Commits the files whenever they change while this discoverer leads.
    pub(crate) async fn watch(&self, mut leadership: watch::Receiver<Leadership>) {
        let mut seen: Option<ConfigBundle> = None;
        // The first reading counts as a change: the files may have changed while no discoverer ran.
        let mut pending = true;
        let mut complaint = String::new();
        loop {
            match self.edited.load(seen.clone()).await {
                Ok(loaded) => {
                    if seen.is_none() || !complaint.is_empty() {
                        // Also where there is nothing to commit: what is there is good.
                        self.metrics.reloaded(true);
                    }
                    complaint.clear();
                    if !seen.as_ref().is_some_and(|seen| seen.same_text(&loaded)) {
                        (seen, pending) = (Some(loaded), true);
                    }
                }
                Err(refused) => {
                    let text = Chain(&refused).to_string();
                    if text != complaint {
                        error!(error = %text, "the configuration's files are refused");
                        self.metrics.reloaded(false);
                        complaint = text;
                    }
                }
            }
            if let Some(seen) = &seen {
                pending &= !self.is_committed(seen);
                let leads = matches!(*leadership.borrow_and_update(), Leadership::Own(_));
                if pending && leads {
                    match self.commit(seen.clone()).await {
                        Ok(_) => {
                            self.metrics.reloaded(true);
                            pending = false;
                        }
                        Err(failed) => info!(error = %Chain(&failed), "not committed yet"),
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                changed = leadership.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    fn is_committed(&self, bundle: &ConfigBundle) -> bool {
        let state = self.group.state().borrow().clone();
        state.config.as_ref().is_some_and(|c| c.same_text(bundle))
    }
}
