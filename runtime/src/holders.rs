//! What the ingesters of a process hold, for the other roles of the same process: read as it stands, without a wire between.
//!
//! Where all roles share one process, encoding samples for gRPC and decoding them again would cost more than all else
//! of a query. A role that asks looks here first, and calls over the network whoever is not here.
use std::{collections::HashMap, num::NonZeroUsize, sync::Arc};

use model::{GroupSlice, Labels, Matcher, TimeRange};
use parking_lot::Mutex;
use proto::v1;
use tonic::Status;

/// Takes one group; says whether to go on.
pub type TakeGroup<'t> = dyn Fn(GroupSlice) -> bool + Sync + 't;

/// Something that answers questions about series at once, each as the ingesters' call of that name does; blocks until then.
pub trait Holder: Send + Sync {
    /// Hands every group with series on which all of `matchers` pass to `take`, as far as it lies in `range`, in no
    /// order and from up to `n_threads` threads at once, until that says no. Blocks until then. Gives what cannot be read.
    ///
    /// # Errors
    /// As the ingesters' `Select`; groups may have been handed over before.
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        n_threads: NonZeroUsize,
        take: &TakeGroup<'_>,
    ) -> Result<Vec<v1::Damage>, Status>;

    /// True if `select` of these is tens of microseconds' work, which need not leave the reactor.
    fn selects_little(&self, matchers: &[Matcher], range: TimeRange) -> bool;

    /// The names of labels, sorted.
    ///
    /// # Errors
    /// As the ingesters' `LabelNames`.
    fn label_names(&self, request: v1::LabelsRequest) -> Result<Vec<String>, Status>;

    /// The values of a label, sorted.
    ///
    /// # Errors
    /// As the ingesters' `LabelValues`.
    fn label_values(&self, request: v1::LabelValuesRequest) -> Result<Vec<String>, Status>;

    /// True if `label_values` of this is tens of microseconds' work, which need not leave the reactor.
    fn has_few_values(&self, request: &v1::LabelValuesRequest) -> bool;

    /// The label sets of series, sorted.
    ///
    /// # Errors
    /// As the ingesters' `Series`.
    fn series(&self, request: v1::LabelsRequest) -> Result<Vec<Labels>, Status>;
}

/// The holders of this process by their gRPC addresses. Clones share them.
#[derive(Clone, Default)]
pub struct Holders(Arc<Mutex<HashMap<String, Arc<dyn Holder>>>>);

impl Holders {
    /// Makes `holder` known under `address` for as long as what comes back lives.
    #[must_use]
    pub fn offer(&self, address: String, holder: Arc<dyn Holder>) -> Offer {
        self.0.lock().insert(address.clone(), holder);
        Offer {
            holders: self.clone(),
            address,
        }
    }

    /// The holder at `address`, if it is in this process.
    pub fn at(&self, address: &str) -> Option<Arc<dyn Holder>> {
        self.0.lock().get(address).cloned()
    }
}

/// A holder is known while this lives.
pub struct Offer {
    holders: Holders,
    address: String,
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.holders.0.lock().remove(&self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Holder for Nothing {
        fn select(
            &self,
            _: &[Matcher],
            _: TimeRange,
            _: NonZeroUsize,
            _: &TakeGroup<'_>,
        ) -> Result<Vec<v1::Damage>, Status> {
            Ok(Vec::new())
        }

        fn selects_little(&self, _: &[Matcher], _: TimeRange) -> bool {
            true
        }

        fn label_names(&self, _: v1::LabelsRequest) -> Result<Vec<String>, Status> {
            Ok(Vec::new())
        }

        fn has_few_values(&self, _: &v1::LabelValuesRequest) -> bool {
            true
        }

        fn label_values(&self, _: v1::LabelValuesRequest) -> Result<Vec<String>, Status> {
            Ok(Vec::new())
        }

        fn series(&self, _: v1::LabelsRequest) -> Result<Vec<Labels>, Status> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_holder_is_known_while_it_is_offered() {
        let holders = Holders::default();
        let offer = holders.clone().offer("a:1".to_owned(), Arc::new(Nothing));
        assert!(holders.at("a:1").is_some() && holders.at("b:1").is_none());
        drop(offer);
        assert!(holders.at("a:1").is_none());
    }
}
