//! The manifest of a `Prometheus` object, which says what is selected and how it is scraped.
use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use runtime::{Chain, Offload};
use tokio::sync::watch;
use tracing::{error, info, warn};

/// How often the file is looked at.
const POLL: Duration = Duration::from_secs(5);

/// Why a manifest is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("read the file")]
    Read(#[from] io::Error),
    /// It is no manifest of a `Prometheus` object.
    #[error(transparent)]
    Refused(#[from] operator::Error),
}

/// The file, and what it said when it was read last.
pub(crate) struct Manifest {
    path: PathBuf,
    text: String,
    offload: Offload,
    settings: watch::Sender<Arc<operator::Settings>>,
}

fn settings(text: &str) -> Result<Arc<operator::Settings>, ManifestError> {
    let settings = operator::Settings::parse(text)?;
    for warning in settings.warnings() {
        warn!(%warning, "the manifest of the Prometheus object");
    }
    Ok(Arc::new(settings))
}

impl Manifest {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ManifestError`]
    pub(crate) async fn read(path: PathBuf, offload: Offload) -> Result<Self, ManifestError> {
        let from = path.clone();
        let text = offload.run(move || fs::read_to_string(from)).await?;
        let (settings, _) = watch::channel(settings(&text)?);
        Ok(Self {
            path,
            text,
            offload,
            settings,
        })
    }

    /// What the file says, now and later.
    pub(crate) fn settings(&self) -> watch::Receiver<Arc<operator::Settings>> {
        self.settings.subscribe()
    }

    /// Takes over what the file comes to say, for ever; what is refused changes nothing.
    pub(crate) async fn watch(mut self) {
        let mut complaint = String::new();
        loop {
            tokio::time::sleep(POLL).await;
            match self.look().await {
                Ok(()) => complaint.clear(),
                Err(refused) => {
                    let text = Chain(&refused).to_string();
                    if text != complaint {
                        let path = self.path.display();
                        error!(%path, error = %text, "the manifest is refused, the last good one stays");
                        complaint = text;
                    }
                }
            }
        }
    }

    async fn look(&mut self) -> Result<(), ManifestError> {
        let from = self.path.clone();
        let text = (self.offload).run(move || fs::read_to_string(from)).await?;
        if text != self.text {
            let settings = settings(&text)?;
            self.settings.send_replace(settings);
            self.text = text;
            info!(path = %self.path.display(), "a new manifest holds");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: k8s, namespace: monitoring}\nspec: {serviceMonitorSelector: {}}\n";

    #[tokio::test(start_paused = true)]
    async fn a_bad_manifest_is_refused_at_the_start_and_changes_nothing_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prometheus.yaml");
        let read = async || Manifest::read(path.clone(), Offload::Inline).await;
        assert!(matches!(read().await, Err(ManifestError::Read(_))));
        fs::write(&path, "kind: Pod").unwrap();
        assert!(matches!(read().await, Err(ManifestError::Refused(_))));
        fs::write(&path, GOOD).unwrap();
        let mut manifest = read().await.unwrap();
        let mut settings = manifest.settings();
        fs::write(&path, "kind: Pod").unwrap();
        assert!(manifest.look().await.is_err());
        assert!(!settings.has_changed().unwrap());
        // The same again is no change either; another is noticed.
        fs::write(&path, GOOD).unwrap();
        manifest.look().await.unwrap();
        assert!(!settings.has_changed().unwrap());
        let watching = tokio::spawn(manifest.watch());
        fs::write(&path, GOOD.replace("k8s", "other")).unwrap();
        settings.changed().await.unwrap();
        watching.abort();
    }
}
