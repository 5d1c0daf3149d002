//! A network inside one process, for roles that share it; every other address goes out by TCP.
use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{Connection, Listener, Network, Tcp};

/// The suffix of host names that lie inside the process: `ingester.inside:1`.
const INSIDE: &str = ".inside:";
/// Bytes under way on one connection.
const BUFFER_BYTES: usize = 1 << 20;
/// Connections that wait to be accepted.
const BACKLOG: usize = 64;

/// Addresses of the form `name.inside:port` lie inside the process, all others on the machine's network.
#[derive(Clone, Debug, Default)]
pub struct InProcess {
    listening: Arc<Mutex<HashMap<String, mpsc::Sender<Connection>>>>,
}

impl Network for InProcess {
    fn listen(&self, address: String) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        if !address.contains(INSIDE) {
            return Tcp.listen(address);
        }
        let (to, incoming) = mpsc::channel(BACKLOG);
        self.listening.lock().insert(address, to);
        Box::pin(async move { Ok(Box::new(Inside { incoming }) as Box<dyn Listener>) })
    }

    fn connect(&self, address: String) -> BoxFuture<'static, io::Result<Connection>> {
        if !address.contains(INSIDE) {
            return Tcp.connect(address);
        }
        let listener = self.listening.lock().get(&address).cloned();
        Box::pin(async move {
            let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, address.clone());
            let (here, there) = tokio::io::duplex(BUFFER_BYTES);
            let listener = listener.ok_or_else(refused)?;
            let sent = listener.send(Connection::new(there)).await;
            sent.map_err(|_| refused())?;
            Ok(Connection::new(here))
        })
    }
}

struct Inside {
    incoming: mpsc::Receiver<Connection>,
}

impl Listener for Inside {
    fn accept(&mut self) -> BoxFuture<'_, Connection> {
        Box::pin(async move {
            match self.incoming.recv().await {
                Some(connection) => connection,
                // The network is gone, and with it all who could connect.
                None => std::future::pending().await,
            }
        })
    }

    fn local_addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_is_written_inside_arrives_inside() {
        let network = InProcess::default();
        let mut listener = network.listen("a.inside:1".to_owned()).await.unwrap();
        let mut here = network.connect("a.inside:1".to_owned()).await.unwrap();
        let mut there = listener.accept().await;
        here.write_all(b"hello").await.unwrap();
        let mut bytes = [0; 5];
        there.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
    }

    #[tokio::test]
    async fn nobody_listens_nobody_connects() {
        let network = InProcess::default();
        let refused = network.connect("b.inside:1".to_owned()).await;
        assert_eq!(
            refused.err().unwrap().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }
}
