//! Work off the reactor that nobody waits for any more ends by itself.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Tells work whether it is still wanted. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canceled(Arc<AtomicBool>);

impl Canceled {
    /// True once nobody waits for the result.
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Cancels the work when it is dropped: to be held by who waits.
    pub(crate) fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// Whoever waits holds this.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(Canceled);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
