//! Paths in configuration: relative ones begin where the file lies that names them.
use std::path::Path;

/// `path` below `directory`, unless it is absolute or empty.
///
/// Source: `JoinDir` in prometheus/common, `config/config.go`.
pub(crate) fn joined(directory: &Path, path: &str) -> String {
    if path.is_empty() || Path::new(path).is_absolute() {
        return path.to_owned();
    }
    directory.join(path).to_string_lossy().into_owned()
}

/// Changes `path` to lie below `directory`.
pub(crate) fn join(directory: &Path, path: &mut String) {
    *path = joined(directory, path);
}

/// Changes `path`, if there is one, to lie below `directory`.
pub(crate) fn join_option(directory: &Path, path: &mut Option<String>) {
    if let Some(path) = path {
        join(directory, path);
    }
}
