//! What is looked at before RocksDB is let into a directory: whether it can hold a store at all.
//!
//! Nothing is made or changed in a directory that is refused.
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

use tsdb::{StoreError, StoreErrorKind};

/// The file that tells where the store's state stands; without it there is no store.
const CURRENT: &str = "CURRENT";
/// The file that the process which has the store open keeps locked.
const LOCK: &str = "LOCK";
/// A file that is made and taken away, to see whether that is allowed. The lock's own file must not be touched for it:
/// to close it once is to give up every lock that this process has on it.
const PROBE: &str = ".probe";
/// How many foreign names are told.
const SHOWN: usize = 3;

/// True if the directory `path`, which is made if it is not there, has a store.
///
/// # Errors
/// One line with the path, the reason and the cure: it is no directory, cannot be written, or holds something else.
pub(crate) fn has_store(path: &Path) -> Result<bool, StoreError> {
    match fs::create_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(no_directory(path)),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(no_directory(path)),
        made => made.map_err(|error| unusable(path, &error))?,
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| unusable(path, &error))? {
        let entry = entry.map_err(|error| unusable(path, &error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    let has_store = names.iter().any(|name| name == CURRENT);
    if !has_store {
        let tables = shown(&names, |name| name.ends_with(".sst"));
        if !tables.is_empty() {
            let why = format!(
                "{CURRENT} is missing beside its tables ({tables}): bring the whole directory back, or name another one"
            );
            return Err(refused(path, &why));
        }
        let foreign = shown(&names, |name| !is_of_a_beginning(name));
        if !foreign.is_empty() {
            let why = format!("it holds something else ({foreign}): name an empty directory");
            return Err(refused(path, &why));
        }
    }
    // RocksDB would say the same, but in words that differ from file to file.
    let probe = path.join(PROBE);
    let probed = File::create(&probe).and_then(|_| fs::remove_file(&probe));
    probed.map_err(|error| unusable(path, &error))?;
    Ok(has_store)
}

/// The refusal of a directory because of `why`.
pub(crate) fn refused(path: &Path, why: &str) -> StoreError {
    let attempt = format!("open the store at {}: {why}", path.display());
    StoreError::new(StoreErrorKind::Unusable, attempt)
}

/// The names of those files that do not belong to a directory in which only `ours` are expected, three at most; or nothing.
///
/// # Errors
/// What the system says.
pub fn foreign_files(path: &Path, ours: &[&str]) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(shown(&names, |name| {
        !ours.contains(&name) && !is_of_the_system(name)
    }))
}

fn no_directory(path: &Path) -> StoreError {
    refused(path, "it is not a directory: name another one")
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    let cure = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "let this user write there, or name another directory"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room",
        _ => "name another directory",
    };
    refused(path, &format!("it cannot be written, {error}: {cure}"))
}

/// The first of the `names` that are `wanted`, in their order.
fn shown(names: &[String], wanted: impl Fn(&str) -> bool) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.retain(|name| wanted(name));
    names.sort_unstable();
    let more = match names.len() > SHOWN {
        true => ", …",
        false => "",
    };
    names.truncate(SHOWN);
    names.join(", ") + more
}

/// True for what a process that was killed while it made the store leaves behind.
fn is_of_a_beginning(name: &str) -> bool {
    let begins = ["LOG", "MANIFEST-", "OPTIONS-"];
    let ends = [".dbtmp", ".log"];
    name == LOCK
        || name == "IDENTITY"
        || begins.iter().any(|begin| name.starts_with(begin))
        || ends.iter().any(|end| name.ends_with(end))
        || is_of_the_system(name)
}

/// True for what file systems and people's tools put everywhere.
fn is_of_the_system(name: &str) -> bool {
    name == "lost+found" || name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a directory with `files`, without its path.
    #[track_caller]
    fn check(files: &[&str], expected: Result<bool, &str>) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let found = has_store(folder.path()).map_err(|error| {
            let begin = format!("open the store at {}: ", folder.path().display());
            assert!(!folder.path().join(LOCK).exists() || files.contains(&LOCK));
            error.to_string().replace(&begin, "")
        });
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn a_directory_is_empty_or_a_store() {
        check(&[], Ok(false));
        check(&["lost+found", ".keep"], Ok(false));
        check(&["CURRENT", "000009.sst", "notes.txt"], Ok(true));
        check(&["LOCK", "LOG", "MANIFEST-000001", "000004.log"], Ok(false));
        check(
            &["wal", "queries.active", "chunks_head", "lock"],
            Err(
                "it holds something else (chunks_head, lock, queries.active, …): name an empty directory",
            ),
        );
        check(
            &["MANIFEST-000001", "000009.sst"],
            Err(
                "CURRENT is missing beside its tables (000009.sst): bring the whole directory back, or name another one",
            ),
        );
    }

    #[test]
    fn a_file_is_no_directory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let text = has_store(&path).unwrap_err().to_string();
            assert!(
                text.ends_with("it is not a directory: name another one"),
                "{text}"
            );
        }
    }
}
