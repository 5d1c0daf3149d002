//! Connections to targets: over the process's network, with TLS and a proxy where asked for.
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::ReadBufCursor;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use runtime::Network;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::client::TlsStream;

use super::{proxy::proxy_for, tls::Tls};

/// A stream to a target.
pub(crate) enum Stream {
    Plain {
        io: TokioIo<runtime::Connection>,
        /// Requests name their whole URL.
        proxied: bool,
    },
    Tls(TokioIo<Box<TlsStream<runtime::Connection>>>),
}

/// No connection came about; the text is Go's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConnectError(String);

/// Opens streams for hyper.
#[derive(Clone)]
pub(crate) struct Connector {
    network: Arc<dyn Network>,
    tls: Arc<Tls>,
    proxy: Arc<config::Proxy>,
}

impl Connector {
    pub(crate) fn new(network: Arc<dyn Network>, tls: Tls, proxy: config::Proxy) -> Self {
        Self {
            network,
            tls: Arc::new(tls),
            proxy: Arc::new(proxy),
        }
    }

    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let address = format!("{host}:{port}");
        let proxy = proxy_for(&self.proxy, secure, host, port);
        let first = proxy.as_deref().unwrap_or(&address);
        let mut connection = match self.network.connect(first.to_owned()).await {
            Ok(connection) => connection,
            Err(error) => {
                let called = self.network.called(first);
                return Err(ConnectError(dial_error(&called, first, &error)));
            }
        };
        if !secure {
            return Ok(Stream::Plain {
                io: TokioIo::new(connection),
                proxied: proxy.is_some(),
            });
        }
        if proxy.is_some() {
            let tunnel = open_tunnel(&mut connection, &address, &self.proxy).await;
            tunnel.map_err(|e| ConnectError(format!("proxyconnect tcp: {e}")))?;
        }
        let stream = self.tls.handshake(host, connection).await;
        let stream = stream.map_err(|e| ConnectError(format!("tls: {e}")))?;
        Ok(Stream::Tls(TokioIo::new(Box::new(stream))))
    }
}

/// Longest answer to CONNECT that is read.
const TUNNEL_ANSWER_BYTES: usize = 8 << 10;

async fn open_tunnel(
    proxy: &mut runtime::Connection,
    address: &str,
    settings: &config::Proxy,
) -> io::Result<()> {
    let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, values) in &settings.connect_header {
        for value in values {
            request.push_str(&format!("{name}: {}\r\n", value.reveal()));
        }
    }
    request.push_str("\r\n");
    proxy.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte: what follows the empty line belongs to TLS.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= TUNNEL_ANSWER_BYTES {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
        answer.push(proxy.read_u8().await?);
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(io::Error::other(line.to_owned())),
    }
}

/// What Go says when it cannot connect.
fn dial_error(called: &str, address: &str, error: &io::Error) -> String {
    use io::ErrorKind as K;
    let reason = match error.kind() {
        K::ConnectionRefused => "connect: connection refused",
        K::ConnectionReset => "connect: connection reset by peer",
        K::HostUnreachable => "connect: no route to host",
        K::NetworkUnreachable => "connect: network is unreachable",
        K::TimedOut => "i/o timeout",
        K::NotFound => "connect: no such file or directory",
        K::PermissionDenied => "connect: permission denied",
        _ if error.to_string().contains("failed to lookup") => {
            let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
            return format!("dial tcp: lookup {host}: no such host");
        }
        _ => return format!("dial {called}: {error}"),
    };
    format!("dial {called}: {reason}")
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Stream, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Plain { proxied, .. } => Connected::new().proxy(*proxied),
            Self::Tls(stream) => match stream.inner().get_ref().1.alpn_protocol() {
                Some(b"h2") => Connected::new().negotiated_h2(),
                _ => Connected::new(),
            },
        }
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { io, .. } => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { io, .. } => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { io, .. } => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { io, .. } => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_asked_for_a_tunnel_with_its_own_headers() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let asked = runtime.unwrap().block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(1 << 10);
            let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
            theirs.write_all(answer).await.unwrap();
            let settings = config::Proxy {
                connect_header: [("X-Team".to_owned(), vec![config::Secret::new("one")])].into(),
                ..Default::default()
            };
            let mut connection = runtime::Connection::new(ours);
            open_tunnel(&mut connection, "a:443", &settings)
                .await
                .unwrap();
            drop(connection);
            let mut asked = String::new();
            theirs.read_to_string(&mut asked).await.unwrap();
            asked
        });
        assert_eq!(
            asked,
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nX-Team: one\r\n\r\n"
        );
    }

    #[test]
    fn errors_read_as_in_go() {
        let text =
            |kind: io::ErrorKind| dial_error("tcp 10.0.0.1:9100", "10.0.0.1:9100", &kind.into());
        assert_eq!(
            text(io::ErrorKind::ConnectionRefused),
            "dial tcp 10.0.0.1:9100: connect: connection refused"
        );
        let lookup = io::Error::other("failed to lookup address information: Name not known");
        assert_eq!(
            dial_error("tcp no.such:80", "no.such:80", &lookup),
            "dial tcp: lookup no.such: no such host"
        );
    }
}
