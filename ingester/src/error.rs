//! Why an ingester cannot run, and how errors of a call are told over gRPC.
use runtime::ListenError;
use tonic::Status;
use tsdb::{Kind, StoreError, TsdbError};

/// Why an ingester ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The database cannot be opened.
    #[error("open the database")]
    Open(#[source] TsdbError),
    /// What a former process left cannot be read.
    #[error("read the last assignment")]
    Former(#[source] StoreError),
    /// The last rows could not be made durable.
    #[error("sync the database")]
    Sync(#[source] TsdbError),
    /// A part of it failed.
    #[error("run the ingester")]
    Task(#[from] runtime::TaskError),
}

/// The status that tells the caller of `error` what it can do.
pub(crate) fn status(error: &TsdbError) -> Status {
    let text = runtime::Chain(error).to_string();
    match error.kind() {
        Kind::Invalid => Status::invalid_argument(text),
        Kind::Unavailable => Status::unavailable(text),
        Kind::Limit => Status::resource_exhausted(text),
        Kind::Corrupt => Status::data_loss(text),
    }
}
