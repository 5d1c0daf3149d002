//! The systems that are compared: how each is found, asked for its version and started.
use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// A system under measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum System {
    /// This project's `pleiades all`.
    Pleiades,
    /// The distribution's `prometheus`.
    Prometheus,
    /// The distribution's `victoria-metrics`, a single node.
    #[value(name = "victoria-metrics")]
    VictoriaMetrics,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pleiades => "pleiades",
            Self::Prometheus => "prometheus",
            Self::VictoriaMetrics => "victoria-metrics",
        })
    }
}

/// A system that was found on this machine.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    pub(super) system: System,
    binary: PathBuf,
    /// As it tells itself.
    pub(super) version: String,
}

impl Installed {
    /// Finds `system`; `pleiades` is where that is, if not beside this program.
    pub(super) async fn find(system: System, pleiades: Option<&Path>) -> anyhow::Result<Self> {
        let binary = match system {
            System::Pleiades => match pleiades {
                Some(path) => path.to_owned(),
                None => std::env::current_exe()?.with_file_name("pleiades"),
            },
            System::Prometheus | System::VictoriaMetrics => PathBuf::from(system.to_string()),
        };
        let flag = match system {
            System::VictoriaMetrics => "-version",
            System::Pleiades | System::Prometheus => "--version",
        };
        let told = match Command::new(&binary).arg(flag).output().await {
            Ok(told) => told,
            Err(e) if e.kind() == io::ErrorKind::NotFound => bail!(
                "{} is not on this machine: {}",
                binary.display(),
                match system {
                    System::Pleiades => "build it beside this program, or name it by --pleiades",
                    _ =>
                        "`make bench` installs the distribution's package; --systems leaves it out",
                }
            ),
            Err(e) => return Err(e).with_context(|| format!("run {}", binary.display())),
        };
        let text = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
        let version = match version(&text) {
            Some(version) => version.to_owned(),
            None => packaged(system).await.unwrap_or("unknown".to_owned()),
        };
        Ok(Self {
            system,
            binary,
            version,
        })
    }

    /// Its program.
    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    /// The call that starts it over the folder `data`, with `config` in Prometheus' format and otherwise its defaults.
    pub(super) fn command(&self, config: &Path, data: &Path, listen: SocketAddr) -> Command {
        let (config, data) = (config.display(), data.display());
        let mut command = Command::new(&self.binary);
        match self.system {
            System::Pleiades => command.args([
                "all".to_owned(),
                format!("--config.file={config}"),
                format!("--storage.tsdb.path={data}"),
                format!("--web.listen-address={listen}"),
            ]),
            System::Prometheus => command.args([
                format!("--config.file={config}"),
                format!("--storage.tsdb.path={data}"),
                format!("--web.listen-address={listen}"),
            ]),
            System::VictoriaMetrics => command.args([
                format!("-promscrape.config={config}"),
                format!("-storageDataPath={data}"),
                format!("-httpListenAddr={listen}"),
                // Its default refuses questions about all series of the larger runs.
                "-search.maxUniqueTimeseries=10000000".to_owned(),
            ]),
        };
        command
    }
}

/// The version of the distribution's package, for programs that do not know theirs.
async fn packaged(system: System) -> Option<String> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f=${Version}", &system.to_string()]);
    let told = query.output().await.ok()?;
    let version = String::from_utf8(told.stdout).ok()?;
    (!version.is_empty()).then_some(version)
}

/// The first word that begins with a digit, as in "prometheus, version 2.42.0+ds" or "victoria-metrics-1.79.5".
fn version(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || c == '-' || c == ',');
    let mut words = words.map(|word| word.trim_start_matches('v'));
    words.find(|word| {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && word[digits..].starts_with('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_tell() {
        for (text, expected) in [
            ("pleiades 0.1.0\n", "0.1.0"),
            (
                "prometheus, version 2.42.0+ds (branch: debian/sid)",
                "2.42.0+ds",
            ),
            ("victoria-metrics-20220101-tags-v1.79.5", "1.79.5"),
        ] {
            assert_eq!(version(text), Some(expected));
        }
        assert_eq!(version("no number here"), None);
    }
}
