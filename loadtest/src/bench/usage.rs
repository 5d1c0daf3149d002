//! What a process has used, as `/proc` tells it.
use std::{fs, io, path::Path};

use anyhow::Context as _;

/// The clock of `/proc/PID/stat`: Linux tells user space 100 ticks a second, whatever the kernel's own.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one process used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// User and system time of all its threads.
    pub(super) cpu_seconds: f64,
    /// What it holds in memory now …
    pub(super) rss_bytes: u64,
    /// … and the most that it ever held, or has since [`forget_peak`].
    pub(super) peak_rss_bytes: u64,
    /// What it caused to be written to disks.
    pub(super) written_bytes: u64,
}

impl Usage {
    /// That of the process `pid`.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            fs::read_to_string(&path).with_context(|| format!("read {path}"))
        };
        let (stat, status, io) = (read("stat")?, read("status")?, read("io")?);
        Self::parse(&stat, &status, &io).with_context(|| format!("understand /proc/{pid}"))
    }

    fn parse(stat: &str, status: &str, io: &str) -> Option<Self> {
        // The name, in parentheses, may hold blanks; the times are the 12th and 13th fields after it.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let cpu = ticks.next()?.ok()? + ticks.next()?.ok()?;
        let field = |text: &str, name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            cpu_seconds: cpu as f64 / TICKS_PER_SECOND,
            rss_bytes: field(status, "VmRSS:")? << 10,
            peak_rss_bytes: field(status, "VmHWM:")? << 10,
            written_bytes: field(io, "write_bytes:")?,
        })
    }
}

/// Lets the peak of the process `pid` begin anew with what it holds now.
pub(super) fn forget_peak(pid: u32) -> anyhow::Result<()> {
    // Source: proc_pid_clear_refs(5).
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").with_context(|| format!("write {path}"))
}

/// What the files below `folder` take on disk. Files that vanish meanwhile count as nothing.
pub(super) fn disk_bytes(folder: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                // A file may have room in reserve, and holes.
                Ok(found) => bytes += found.len().min(found.blocks() * 512),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_understood() {
        let stat = "17 (a (b) c) S 1 17 17 0 -1 4194560 9 0 1 0 250 50 0 0 20 0 4 0 100 1 1";
        let status = "Name:\ta\nVmHWM:\t   30 kB\nVmRSS:\t   20 kB\n";
        let io = "rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 7\n";
        let usage = Usage::parse(stat, status, io).unwrap();
        assert_eq!(
            usage,
            Usage {
                cpu_seconds: 3.0,
                rss_bytes: 20 << 10,
                peak_rss_bytes: 30 << 10,
                written_bytes: 4096,
            }
        );
        assert_eq!(Usage::parse("17 (a", status, io), None);
        assert!(Usage::of(std::process::id()).unwrap().rss_bytes > 0);
    }

    #[test]
    fn a_peak_that_is_forgotten_is_over() {
        let own = std::process::id();
        let filled = std::hint::black_box(vec![1_u8; 256 << 20]);
        let with = Usage::of(own).unwrap().peak_rss_bytes;
        drop(filled);
        forget_peak(own).unwrap();
        assert!(Usage::of(own).unwrap().peak_rss_bytes + (128 << 20) < with);
    }

    #[test]
    fn files_are_counted_in_all_folders() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), [1; 5000]).unwrap();
        fs::write(folder.path().join("c"), [1; 300]).unwrap();
        assert_eq!(disk_bytes(folder.path()).unwrap(), 5300);
    }
}
