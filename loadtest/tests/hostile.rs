//! The hostile targets do what they say.
use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, loadtest::hostile::router()).await });
    address
}

/// The first `limit` bytes of the answer, or fewer if it ends before.
async fn get(address: SocketAddr, path: &str, limit: usize) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(limit as u64).read_to_end(&mut answer).await?;
    Ok(answer)
}

async fn text(address: SocketAddr, path: &str) -> String {
    String::from_utf8(get(address, path, 1 << 20).await.unwrap()).unwrap()
}

#[tokio::test]
async fn pages_are_bad_in_the_way_they_promise() {
    let address = start().await;
    let good = text(address, "/good").await;
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("good_total{a=\"c\"} 2\n"));
    let bad = text(address, "/bad-line").await;
    assert!(bad.ends_with("c{d=\"e\" 3\n"), "{bad}");
    let page = text(address, "/no-type").await;
    assert!(!page.to_lowercase().contains("content-type"), "{page}");
    assert!(text(address, "/wrong-type").await.contains("text/html"));
    assert!(
        text(address, "/status/503")
            .await
            .starts_with("HTTP/1.1 503")
    );
    assert!(
        text(address, "/redirect-loop")
            .await
            .contains("location: /redirect-loop")
    );
    let huge = text(address, "/huge-labels?bytes=1000&labels=2").await;
    assert!(huge.len() > 2000 && huge.ends_with("x\",} 1\n"));
    let garbage = get(address, "/garbage?bytes=5000", 1 << 20).await.unwrap();
    assert!(garbage.len() > 5000);
}

#[tokio::test]
async fn bodies_come_slowly_endlessly_broken_or_not_at_all() {
    let address = start().await;
    let endless = get(address, "/endless", 5 << 20).await.unwrap();
    assert_eq!(endless.len(), 5 << 20);
    let slow = get(address, "/slow?millis=1", 500).await.unwrap();
    assert_eq!(slow.len(), 500);
    // A body in chunks that is whole ends in an empty one.
    let broken = get(address, "/broken", 1 << 20).await.unwrap_or_default();
    assert!(!broken.ends_with(b"0\r\n\r\n"));
    let never = tokio::time::timeout(Duration::from_millis(50), get(address, "/never", 1)).await;
    assert!(never.is_err(), "{never:?}");
}

#[tokio::test]
async fn a_bomb_begins_as_gzip() {
    let address = start().await;
    let bomb = get(address, "/gzip-bomb", 64 << 10).await.unwrap();
    let head = String::from_utf8_lossy(&bomb[..200]).to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(bomb.windows(3).any(|bytes| bytes == [0x1f, 0x8b, 8]));
}
