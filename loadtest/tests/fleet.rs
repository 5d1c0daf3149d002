//! The fleet over HTTP, and the program that plays it.
use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use exposition::{Entry, Format, Parser};
use loadtest::fleet::{Addresses, Churn, Fleet, Server, Shape};
use model::Millis;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn start(addresses: Addresses) -> (SocketAddr, Value) {
    let fleet = Fleet::new(Shape {
        seed: 3,
        targets: 2,
        series: 20,
        churn: Churn {
            fraction: 0.0,
            every: Millis::from_seconds(60),
        },
        explicit_grid: None,
    });
    let any_port = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(Arc::new(fleet), any_port, addresses, true)
        .await
        .unwrap();
    let address = server.address();
    let targets = serde_json::from_str(&server.targets_json()).unwrap();
    tokio::spawn(server.run());
    (address, targets)
}

/// The head, in lower case, and the body of the answer.
async fn get(address: &str, path: &str, more: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    (head, answer.split_off(end + 4))
}

fn n_series(page: &[u8]) -> usize {
    let entries = Parser::new(page, Format::Text).map(Result::unwrap);
    entries
        .filter(|entry| matches!(entry, Entry::Series(_)))
        .count()
}

#[tokio::test]
async fn every_listed_target_can_be_scraped() {
    for addresses in [Addresses::PathPerTarget, Addresses::PortPerTarget] {
        let (address, targets) = start(addresses).await;
        let (head, listed) = get(&address.to_string(), "/targets", "").await;
        assert!(head.contains("application/json"), "{head}");
        assert_eq!(serde_json::from_slice::<Value>(&listed).unwrap(), targets);
        for (i, group) in targets.as_array().unwrap().iter().enumerate() {
            assert_eq!(group["labels"]["instance"], json!(format!("target-{i}")));
            let target = group["targets"][0].as_str().unwrap();
            let path = group["labels"]["__metrics_path__"].as_str().unwrap();
            let (head, page) = get(target, path, "").await;
            assert!(
                head.contains("content-type: text/plain; version=0.0.4"),
                "{head}"
            );
            assert_eq!(n_series(&page), 20);
        }
    }
}

#[tokio::test]
async fn a_target_that_does_not_exist_is_not_found() {
    let (address, _) = start(Addresses::PathPerTarget).await;
    for path in ["/t/2/metrics", "/metrics"] {
        let (head, _) = get(&address.to_string(), path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
}

#[tokio::test]
async fn pages_are_compressed_for_those_who_accept_it() {
    let (address, _) = start(Addresses::PathPerTarget).await;
    let accept = "Accept-Encoding: gzip\r\n";
    let (head, body) = get(&address.to_string(), "/t/1/metrics", accept).await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut page = Vec::new();
    flate2::bufread::GzDecoder::new(&body[..])
        .read_to_end(&mut page)
        .unwrap();
    assert_eq!(n_series(&page), 20);
}

/// A program that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_says_where_it_listens_and_writes_its_targets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.json");
    let child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(
            "fleet --targets 2 --series 20 --listen 127.0.0.1:0 --churn 0.5 --explicit-timestamps"
                .split(' '),
        )
        .arg("--write-file-sd")
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Program(child);
    let mut line = String::new();
    let out = program.0.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let targets: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(targets[1]["targets"], json!([address]));
    let (_, page) = get(address, "/t/1/metrics", "").await;
    assert_eq!(n_series(&page), 20);
    let timed = |entry| matches!(entry, Ok(Entry::Series(series)) if series.timestamp.is_some());
    assert_eq!(
        Parser::new(&page, Format::Text)
            .filter(|entry| timed(entry.clone()))
            .count(),
        20
    );
}

#[test]
fn contradicting_settings_are_refused() {
    for (args, reason) in [
        ("fleet --churn 2", "--churn 2 is not between 0 and 1"),
        ("fleet --grid 0", "--grid is zero"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(args.split(' '))
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && shown.contains(reason),
            "{shown}"
        );
    }
}
