//! turmoil's network as a [`Network`].
use std::{io, net::SocketAddr};

use futures::future::BoxFuture;
use runtime::{Connection, Listener, Network};
use turmoil::net::{TcpListener, TcpStream};

/// The network of the simulated host on which it is used; hosts are reached by their names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Simulated;

impl Network for Simulated {
    fn listen(&self, address: String) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(address).await?;
            Ok(Box::new(Accept(listener)) as Box<dyn Listener>)
        })
    }

    fn connect(&self, address: String) -> BoxFuture<'static, io::Result<Connection>> {
        Box::pin(async move { Ok(Connection::new(TcpStream::connect(address).await?)) })
    }
}

struct Accept(TcpListener);

impl Listener for Accept {
    fn accept(&mut self) -> BoxFuture<'_, Connection> {
        Box::pin(async move {
            match self.0.accept().await {
                Ok((stream, _)) => Connection::new(stream),
                // The host is gone.
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn local_addr(&self) -> SocketAddr {
        self.0
            .local_addr()
            .expect("a bound listener has an address")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn hosts_reach_each_other_by_name() {
        let mut sim = turmoil::Builder::new()
            .simulation_duration(Duration::from_secs(10))
            .build();
        sim.host("server", || async {
            let mut listener = Simulated.listen("0.0.0.0:80".to_owned()).await?;
            let mut connection = listener.accept().await;
            connection.write_all(b"hello").await?;
            Ok(())
        });
        sim.client("client", async {
            let mut connection = Simulated.connect("server:80".to_owned()).await?;
            let mut text = [0; 5];
            connection.read_exact(&mut text).await?;
            assert_eq!(&text, b"hello");
            Ok(())
        });
        sim.run().unwrap();
    }
}
