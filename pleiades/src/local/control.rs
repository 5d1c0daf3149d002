//! The socket between `pleiades local …` commands and the `local up` that runs: a line of JSON each way.
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};
use tracing::debug;

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "command")]
pub(super) enum Request {
    /// SIGKILL.
    Kill { id: String },
    /// SIGTERM, then wait for the end.
    Stop { id: String },
    /// SIGSTOP.
    Pause { id: String },
    /// SIGCONT.
    Resume { id: String },
    /// Start a member that is down.
    Start { id: String },
    /// Change the number of ingesters.
    Scale { ingesters: usize },
}

/// What was done, or why not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Done(String),
    Failed(String),
}

/// A request and where its answer goes.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<anyhow::Result<String>>,
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Sends `request` to the cluster in `data_dir`; gives what was done.
pub(super) async fn ask(data_dir: &Path, request: &Request) -> anyhow::Result<String> {
    let path = path(data_dir);
    let stream = UnixStream::connect(&path)
        .await
        .with_context(|| format!("no `pleiades local up` runs on {}", data_dir.display()))?;
    let mut stream = BufReader::new(stream);
    let mut line = serde_json::to_string(request).context("write the request as JSON")?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_line(&mut reply).await?;
    match serde_json::from_str(&reply).context("the cluster ended before it answered")? {
        Reply::Done(done) => Ok(done),
        Reply::Failed(why) => bail!(why),
    }
}

/// Listens for requests to the cluster in `data_dir`, one at a time, and passes them to `to`.
///
/// A socket that a dead cluster left behind is taken over; one that answers is refused.
pub(super) async fn listen(data_dir: &Path) -> anyhow::Result<UnixListener> {
    let path = path(data_dir);
    if UnixStream::connect(&path).await.is_ok() {
        bail!(
            "a `pleiades local up` runs on {} already",
            data_dir.display()
        );
    }
    // There is none, or nobody listens on it any more.
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).with_context(|| format!("listen on {}", path.display()))
}

/// Serves requests until `to` is closed.
pub(super) async fn serve(listener: UnixListener, to: mpsc::Sender<Asked>) {
    while let Ok((stream, _)) = listener.accept().await {
        if let Err(error) = serve_one(BufReader::new(stream), &to).await {
            debug!(error = format!("{error:#}"), "a request was not answered");
        }
        if to.is_closed() {
            return;
        }
    }
}

async fn serve_one(
    mut stream: BufReader<UnixStream>,
    to: &mpsc::Sender<Asked>,
) -> anyhow::Result<()> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let (answer, answered) = oneshot::channel();
    let request = serde_json::from_str(&line).context("read a request")?;
    to.send(Asked { request, answer }).await?;
    let reply = match answered.await? {
        Ok(done) => Reply::Done(done),
        Err(error) => Reply::Failed(format!("{error:#}")),
    };
    let mut line = serde_json::to_string(&reply).context("write the reply as JSON")?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    Ok(())
}
