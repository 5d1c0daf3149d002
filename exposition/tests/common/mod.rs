//! Where the recorded pages lie.
use std::path::{Path, PathBuf};

/// The folder of recorded pages, in the nearest folder above that has `shared/testdata`.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join("shared/testdata/exposition"))
        .find(|folder| folder.is_dir())
        .expect("shared/testdata lies above this crate")
}
