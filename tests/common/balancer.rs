//! A balancer before several nodes: each connection goes to a random one.

use std::net::SocketAddr;

use rand::RngExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub struct Balancer(JoinHandle<()>);

impl Balancer {
    pub fn start(listener: TcpListener, nodes: Vec<SocketAddr>) -> Self {
        Self(tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let node = nodes[rand::rng().random_range(0..nodes.len())];
                tokio::spawn(async move {
                    // A node that has stopped refuses, as it would refuse the client.
                    if let Ok(mut node) = TcpStream::connect(node).await {
                        let _ = client.set_nodelay(true);
                        let _ = node.set_nodelay(true);
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut node).await;
                    }
                });
            }
        }))
    }

    /// Frees its port.
    pub async fn stop(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
