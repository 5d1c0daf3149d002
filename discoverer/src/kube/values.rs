//! Single keys of Secrets and ConfigMaps, read by name: the rest of a cluster's secrets is never seen.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use operator::{Reference, Store};
use runtime::Chain;
use tokio::time::Instant;
use tracing::warn;

use super::custom::Cluster;

/// How many are read at a time.
const AT_ONCE: usize = 8;

/// Where a value lies, but for its key.
type Place = (Store, String, String);

/// A value cannot be read now, though it may be there.
#[derive(Debug, thiserror::Error)]
#[error("read {store:?} {namespace}/{name}")]
pub(crate) struct ValueError {
    store: Store,
    namespace: String,
    name: String,
    source: Box<kube::Error>,
}

/// The values that were read, so that they need not be read for every change of an object.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// None for what is not there, or may not be seen.
    held: BTreeMap<Reference, Option<String>>,
    read: Option<Instant>,
    refused: BTreeSet<Place>,
}

impl Values {
    /// The values of `wanted`, those that there are; none is older than `age`, unless it cannot be read now.
    ///
    /// # Errors
    /// [`ValueError`] for one that was never read.
    pub(crate) async fn of(
        &mut self,
        wanted: &BTreeSet<Reference>,
        age: Duration,
        cluster: &Cluster,
    ) -> Result<BTreeMap<Reference, String>, ValueError> {
        self.held.retain(|reference, _| wanted.contains(reference));
        let is_old = self.read.is_none_or(|read| read.elapsed() >= age);
        let began = Instant::now();
        let mut due: BTreeMap<Place, Vec<Reference>> = BTreeMap::new();
        for reference in wanted {
            if is_old || !self.held.contains_key(reference) {
                let (namespace, name) = (reference.namespace.clone(), reference.name.clone());
                let place = (reference.store, namespace, name);
                due.entry(place).or_default().push(reference.clone());
            }
        }
        let mut reads = stream::iter(due)
            .map(|(place, references)| {
                let client = cluster.client.clone();
                async move {
                    let read = read(client, &place).await;
                    (place, references, read)
                }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((place, references, read)) = reads.next().await {
            let texts = match read {
                Ok(texts) => {
                    self.refused.remove(&place);
                    texts
                }
                Err(kube::Error::Api(status)) if status.code == 403 => {
                    let (store, namespace, name) = &place;
                    if !self.refused.contains(&place) {
                        warn!(?store, %namespace, %name, error = %status.message, "may not be read");
                    }
                    self.refused.insert(place);
                    BTreeMap::new()
                }
                Err(failed) => {
                    if references.iter().any(|one| !self.held.contains_key(one)) {
                        let (store, namespace, name) = place;
                        let source = Box::new(failed);
                        return Err(ValueError {
                            store,
                            namespace,
                            name,
                            source,
                        });
                    }
                    warn!(error = %Chain(&failed), "a value stays as it was read before");
                    continue;
                }
            };
            for reference in references {
                let text = texts.get(&reference.key).cloned();
                self.held.insert(reference, text);
            }
        }
        if is_old {
            self.read = Some(began);
        }
        let held = self.held.iter();
        Ok(held
            .filter_map(|(reference, text)| Some((reference.clone(), text.clone()?)))
            .collect())
    }
}

/// All texts of one object; none if it is not there.
async fn read(client: Client, place: &Place) -> Result<BTreeMap<String, String>, kube::Error> {
    let (store, namespace, name) = place;
    match store {
        Store::Secret => {
            let api = Api::<Secret>::namespaced(client, namespace);
            let data = api.get_opt(name).await?.and_then(|secret| secret.data);
            let texts = data.into_iter().flatten();
            let text = |(key, bytes): (String, k8s_openapi::ByteString)| {
                Some((key, String::from_utf8(bytes.0).ok()?))
            };
            Ok(texts.filter_map(text).collect())
        }
        Store::ConfigMap => {
            let api = Api::<ConfigMap>::namespaced(client, namespace);
            let data = api.get_opt(name).await?.and_then(|map| map.data);
            Ok(data.unwrap_or_default())
        }
    }
}
