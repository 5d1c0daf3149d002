//! Listening and connecting, over TCP or over a simulated network.
use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of bytes both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One connection of a [`Network`].
pub struct Connection(Box<dyn Io>);

impl Connection {
    /// A connection over `io`.
    pub fn new(io: impl Io + 'static) -> Self {
        Self(Box::new(io))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

impl tonic::transport::server::Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

/// Accepts connections on one address.
pub trait Listener: Send {
    /// The next connection; errors of one connection are passed over.
    fn accept(&mut self) -> BoxFuture<'_, Connection>;

    /// The address, with the port that was given if 0 was asked for.
    fn local_addr(&self) -> SocketAddr;
}

/// Opens listeners and connections. Addresses are `host:port`.
pub trait Network: Send + Sync {
    /// Listens on `address`.
    fn listen(&self, address: String) -> BoxFuture<'static, io::Result<Box<dyn Listener>>>;

    /// Connects to `address`.
    fn connect(&self, address: String) -> BoxFuture<'static, io::Result<Connection>>;

    /// How Go calls what is connected to: `tcp a:80`.
    fn called(&self, address: &str) -> String {
        format!("tcp {address}")
    }
}

/// The machine's TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Network for Tcp {
    fn listen(&self, address: String) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            // Prometheus' form `:9090` means every interface.
            let address = match address.strip_prefix(':') {
                Some(port) => format!("0.0.0.0:{port}"),
                None => address,
            };
            let listener = tokio::net::TcpListener::bind(address).await?;
            Ok(Box::new(listener) as Box<dyn Listener>)
        })
    }

    fn connect(&self, address: String) -> BoxFuture<'static, io::Result<Connection>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Connection::new(stream))
        })
    }
}

/// One Unix socket, which all connections go to, whatever their address.
#[derive(Clone, Debug)]
pub struct UnixSocket(PathBuf);

impl UnixSocket {
    /// The one at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Network for UnixSocket {
    fn listen(&self, _: String) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let refused = io::Error::new(io::ErrorKind::Unsupported, "nothing listens on it");
        Box::pin(async { Err(refused) })
    }

    fn connect(&self, _: String) -> BoxFuture<'static, io::Result<Connection>> {
        let path = self.0.clone();
        Box::pin(async move {
            let stream = tokio::net::UnixStream::connect(path).await?;
            Ok(Connection::new(stream))
        })
    }

    fn called(&self, _: &str) -> String {
        format!("unix {}", self.0.display())
    }
}

impl Listener for tokio::net::TcpListener {
    fn accept(&mut self) -> BoxFuture<'_, Connection> {
        Box::pin(async move {
            loop {
                match Self::accept(self).await {
                    Ok((stream, _)) => {
                        // Without it small answers wait for the peer's acknowledgement; a socket that
                        // refuses is closed already and fails at its first read.
                        let _ = stream.set_nodelay(true);
                        return Connection::new(stream);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        // Out of file descriptors: others have to close first.
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        })
    }

    fn local_addr(&self) -> SocketAddr {
        Self::local_addr(self).expect("a bound listener has an address")
    }
}

/// A [`Listener`] as axum and tonic want it.
pub(crate) struct Incoming(pub(crate) Box<dyn Listener>);

impl axum::serve::Listener for Incoming {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let connection = self.0.accept().await;
        (connection, self.0.local_addr())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

/// A connector for hyper and tonic clients.
pub(crate) async fn connect(
    network: Arc<dyn Network>,
    uri: http::Uri,
) -> io::Result<hyper_util::rt::TokioIo<Connection>> {
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let connection = network.connect(authority).await?;
    Ok(hyper_util::rt::TokioIo::new(connection))
}
