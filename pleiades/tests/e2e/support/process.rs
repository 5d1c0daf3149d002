//! Processes that end with the test that started them.
use std::{
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// The binary that is tested.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_pleiades");

fn command() -> Command {
    clean(Command::new(BINARY))
}

/// `command` as processes of a test are to run.
pub(crate) fn clean(mut command: Command) -> Command {
    command.stdin(Stdio::null()).kill_on_drop(true);
    // What the developer's shell says is not for the processes of a test.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PLEIADES_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `pleiades` with `args` to its end.
pub(crate) async fn pleiades(args: &[&str]) -> Output {
    output(command(), args).await
}

/// [`pleiades`] as a user to whom the permissions of files mean something, which they do not to root.
pub(crate) async fn without_privileges(args: &[&str]) -> Output {
    if !rustix::process::geteuid().is_root() {
        return pleiades(args).await;
    }
    let mut command = clean(Command::new("setpriv"));
    command.args(["--bounding-set=-all", "--inh-caps=-all", "--"]);
    command.arg(BINARY);
    output(command, args).await
}

async fn output(mut command: Command, args: &[&str]) -> Output {
    let run = command.args(args).output();
    let limit = Duration::from_secs(150);
    let ended = tokio::time::timeout(limit, run).await;
    ended
        .unwrap_or_else(|_| panic!("pleiades {args:?} did not end within {limit:?}"))
        .expect("run pleiades")
}

/// A `pleiades` that runs; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts `pleiades` with `args`; what it complains of is shown with the test's own output.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::within(command(), args)
    }

    /// The same by `command`, which runs it.
    pub(crate) fn within(mut command: Command, args: &[&str]) -> Self {
        command.args(args).stdout(Stdio::piped());
        let mut child = command.spawn().expect("start pleiades");
        let stdout = child.stdout.take().expect("it is piped");
        Self {
            child,
            stdout: BufReader::new(stdout).lines(),
        }
    }

    /// Waits until the process prints `line`.
    pub(crate) async fn prints(&mut self, line: &str, limit: Duration) {
        let read = async {
            while let Some(printed) = self.stdout.next_line().await.expect("read its output") {
                if printed == line {
                    return;
                }
            }
            panic!("pleiades ended before it printed {line:?}");
        };
        let read = tokio::time::timeout(limit, read).await;
        read.unwrap_or_else(|_| panic!("pleiades did not print {line:?} within {limit:?}"));
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it was not waited for")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self::signal(self.pid(), signal);
    }

    /// Waits for its end; true if it ended well.
    pub(crate) async fn ended(mut self, limit: Duration) -> bool {
        let status = tokio::time::timeout(limit, self.child.wait()).await;
        status
            .unwrap_or_else(|_| panic!("pleiades did not end within {limit:?}"))
            .expect("wait for pleiades")
            .success()
    }
}

/// True if a process has ended, its files closed and its locks free; it may wait to be reaped.
pub(crate) fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    matches!(state, None | Some('Z' | 'X'))
}

/// Sends `signal` to the process `pid`, if there is one.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // It may have ended by itself.
    let _ = kill_process(pid.expect("a process has a number above zero"), signal);
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> String {
    let listener = runtime::free_listener().expect("find a free port");
    listener.local_addr().expect("it is bound").to_string()
}
