//! Values that the configuration gives or that lie in files. Files are read each time, so that they may be rotated.
use std::{io, sync::Arc};

use config::{Pem, Source};
use runtime::Offload;

/// The value of `source`.
pub(crate) async fn read_source(source: &Source, offload: Offload) -> io::Result<Arc<str>> {
    match source {
        Source::Inline(secret) => Ok(secret.reveal().into()),
        Source::File(path) => read_file(path, offload).await,
        Source::Reference(name) => Err(io::Error::other(format!(
            "unable to read secret {name}: there is no secret manager"
        ))),
    }
}

/// The text of `pem`.
pub(crate) async fn read_pem(pem: &Pem, offload: Offload) -> io::Result<Arc<str>> {
    match pem {
        Pem::Inline(secret) => Ok(secret.reveal().into()),
        Pem::File(path) => read_file(path, offload).await,
    }
}

/// The content of a file, without space around it; an error names the file.
pub(crate) async fn read_file(path: &str, offload: Offload) -> io::Result<Arc<str>> {
    let path = path.to_owned();
    let named = |path: String, error: io::Error| {
        let text = format!("unable to read file {path}: {error}");
        io::Error::new(error.kind(), text)
    };
    offload
        .run(move || match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().into()),
            Err(error) => Err(named(path, error)),
        })
        .await
}
