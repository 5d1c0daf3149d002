//! Directories that a role must not use: each is refused in one line that names it, the reason and the cure.
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use crate::support::{Api, Process, equal, free_address, pleiades, until, without_privileges};

const SOON: Duration = Duration::from_secs(20);

/// What `pleiades` says last on a data directory that it refuses.
async fn refusal(args: &[String]) -> String {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    said(&args, &pleiades(&args).await)
}

fn said(args: &[&str], output: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
    let mut lines = text.lines().filter(|line| line.starts_with("pleiades: "));
    let line = lines.next().unwrap_or_default().to_owned();
    assert_eq!(lines.next(), None, "more than one line: {text}");
    line
}

/// The command lines of every role that has a store, for the directory `data`, and where in it the store is.
fn roles(dir: &Path, data: &Path) -> [(Vec<String>, String); 3] {
    let config = dir.join("prometheus.yml");
    fs::write(&config, "").unwrap();
    let (web, grpc) = (free_address(), free_address());
    let addresses = [
        format!("--web.listen-address={web}"),
        format!("--grpc.listen-address={grpc}"),
    ];
    let data = data.display();
    let config = format!("--config.file={}", config.display());
    let of = |args: &[&str], more: &[String]| {
        let args = args.iter().map(|arg| (*arg).to_owned());
        args.chain(more.iter().cloned()).collect::<Vec<_>>()
    };
    let dir_flag = format!("--data-dir={data}");
    [
        (
            of(
                &["all", &config, &format!("--storage.tsdb.path={data}")],
                &addresses[..1],
            ),
            "--storage.tsdb.path".to_owned(),
        ),
        (
            of(
                &[
                    "ingester",
                    "--id=ingester-0",
                    "--discoverers=127.0.0.1:1",
                    &dir_flag,
                ],
                &addresses,
            ),
            "--data-dir".to_owned(),
        ),
        (
            of(
                &[
                    "discoverer",
                    "--id=discoverer-0",
                    &format!("--raft.peers=discoverer-0={grpc}"),
                    &config,
                    &dir_flag,
                ],
                &addresses,
            ),
            "--data-dir".to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_a_foreign_directory_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    for name in ["chunks_head", "wal"] {
        fs::create_dir(foreign.join(name)).unwrap();
    }
    for (args, flag) in roles(dir.path(), &file) {
        let line = refusal(&args).await;
        assert!(
            line.starts_with(&format!("pleiades: use {flag} {}: ", file.display()))
                && line.ends_with("it is not a directory: name another one"),
            "{line}"
        );
    }
    for (args, flag) in roles(dir.path(), &foreign) {
        let line = refusal(&args).await;
        assert!(
            line.starts_with(&format!("pleiades: use {flag} {}: ", foreign.display()))
                && line.ends_with(
                    "it holds something else (chunks_head, wal): name an empty directory"
                ),
            "{line}"
        );
    }
    // Nothing was left behind in it.
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    for (args, flag) in roles(dir.path(), &data) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let line = said(&args, &without_privileges(&args).await);
        let where_ = format!("pleiades: use {flag} {}: ", data.display());
        let why = "it cannot be written, Permission denied (os error 13): let this user write there, or name another directory";
        assert!(line.starts_with(&where_) && line.ends_with(why), "{line}");
    }
    // A directory that was ours and can now only be read is refused as well, not used half.
    let owned = dir.path().join("owned");
    fs::create_dir(&owned).unwrap();
    fs::write(owned.join("CURRENT"), "MANIFEST-000001\n").unwrap();
    fs::set_permissions(&owned, fs::Permissions::from_mode(0o555)).unwrap();
    let [_, (args, _), _] = roles(dir.path(), &owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let line = said(&args, &without_privileges(&args).await);
    assert!(line.contains("it cannot be written"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_use_or_of_another_role_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let [(all, _), ..] = roles(dir.path(), &data);
    let web = all.last().unwrap().split_once('=').unwrap().1.to_owned();
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let _process = Process::start(&args);
    let api = Api::new(&web);
    until("it is ready", SOON, async || {
        equal(api.send(http::Method::GET, "/-/ready").await?.0, 200)
    })
    .await;
    let why = "another process has it open: end that one, or name another directory";
    let [(second, _), ..] = roles(dir.path(), &data);
    let line = refusal(&second).await;
    assert!(
        line.contains("discoverer: ") && line.ends_with(why),
        "{line}"
    );
    for (i, folder) in [(1, "ingester"), (2, "discoverer")] {
        let (args, _) = roles(dir.path(), &data.join(folder))[i].clone();
        let line = refusal(&args).await;
        assert!(line.ends_with(why), "{line}");
    }
    // The whole directory of `all` is nobody's own.
    for (args, _) in &roles(dir.path(), &data)[1..] {
        let line = refusal(args).await;
        let why = "it holds something else (discoverer, ingester): name an empty directory";
        assert!(line.ends_with(why), "{line}");
    }
    drop(_process);
    for (i, other) in [(1, "discoverer"), (2, "ingester")] {
        until("the killed process is gone", SOON, async || {
            let (args, _) = roles(dir.path(), &data.join(other))[i].clone();
            let line = refusal(&args).await;
            let why = format!("it belongs to a role {other}: name another directory");
            line.ends_with(&why).then_some(()).ok_or(line)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_a_later_release_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let found = ": its format is 9, this release knows ";
    let why = ": start the release that wrote it, or name another directory";
    // The directory's own format, and the database's inside it.
    let newer = |path: &Path, family: &str| {
        let store = kv::Db::open(path, kv::Tuning::default()).unwrap();
        let mut batch = kv::Batch::new();
        batch.put(family, "format", "9");
        if family != "default" {
            tsdb::Store::create_family(&store, family).unwrap();
        }
        tsdb::Store::write(&store, batch).unwrap();
    };
    for (family, roles_of) in [("default", [0, 1, 2].as_slice()), ("meta", &[0, 1])] {
        for i in roles_of {
            let data = dir.path().join(format!("{family}-{i}"));
            newer(
                &if *i == 0 {
                    data.join("ingester")
                } else {
                    data.clone()
                },
                family,
            );
            let (args, flag) = roles(dir.path(), &data)[*i].clone();
            let line = refusal(&args).await;
            let begin = format!("pleiades: use {flag} {}: ", data.display());
            assert!(line.starts_with(&begin) && line.ends_with(why), "{line}");
            assert!(line.contains(found), "{line}");
        }
    }
}
