use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{ClientError, HttpsClient, Reach, Trust, is_public};

/// Instead of the machine's network: what names resolve to, one reply after another, and one server
/// that is behind every address.
#[derive(Clone)]
pub(super) struct Simulated {
    replies: Arc<Mutex<VecDeque<&'static [&'static str]>>>,
    /// Where connections were made to.
    connected: Arc<Mutex<Vec<SocketAddr>>>,
    server: SocketAddr,
}

impl Simulated {
    /// A network in which a name resolves to these addresses the first time, then to the next ones.
    async fn start(replies: &[&'static [&'static str]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        });
        Self {
            replies: Arc::new(Mutex::new(replies.iter().copied().collect())),
            connected: Arc::default(),
            server,
        }
    }

    pub(super) fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let reply = self.replies.lock().expect("not poisoned").pop_front();
        let reply = reply.unwrap_or_else(|| panic!("{host} is resolved once more"));
        let address = |text: &&str| SocketAddr::new(text.parse().expect("an address"), 80);
        Ok(reply.iter().map(address).collect())
    }

    pub(super) fn connect(
        &self,
        addresses: &[SocketAddr],
    ) -> impl Future<Output = io::Result<TcpStream>> + use<> {
        let mut connected = self.connected.lock().expect("not poisoned");
        connected.extend(addresses);
        TcpStream::connect(self.server)
    }

    fn connected(&self) -> Vec<String> {
        let connected = self.connected.lock().expect("not poisoned");
        let ips = connected.iter().map(|address| address.ip().to_string());
        ips.collect()
    }

    async fn get(&self, url: &str) -> Result<Response<Bytes>, ClientError> {
        let mut client = HttpsClient::new(Trust::Anyone).reaching(Reach::PublicAddresses);
        client.network.simulated = Some(self.clone());
        get(&client, url).await
    }
}

async fn get(client: &HttpsClient, url: &str) -> Result<Response<Bytes>, ClientError> {
    let request = Request::get(url).body(Empty::<Bytes>::new());
    client.send(request.expect("a request"), None).await
}

#[test]
fn public_addresses_are_those_of_the_internet() {
    let public = |text: &str| is_public(text.parse().expect("an address"));
    for address in [
        "1.1.1.1",
        "100.63.0.1",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "2606:4700::1111",
        "64:ff9b::1.1.1.1",
        "::ffff:1.1.1.1",
    ] {
        assert!(public(address), "{address}");
    }
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2001::1",
        "2001:db8::1",
        "2002:0a00:0001::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!public(address), "{address}");
    }
}

#[tokio::test]
async fn a_name_that_is_private_the_next_time_is_connected_to_where_it_was_checked() {
    let network = Simulated::start(&[&["1.1.1.1"], &["127.0.0.1"]]).await;
    network
        .get("http://shop.example/")
        .await
        .expect("a response");
    assert_eq!(network.connected(), ["1.1.1.1"]);
    let refused = network.get("http://shop.example/").await;
    assert!(
        matches!(refused, Err(ClientError::Private(_))),
        "{refused:?}"
    );
    assert_eq!(network.connected(), ["1.1.1.1"], "no further connection");
}

#[tokio::test]
async fn of_several_addresses_only_public_ones_are_connected_to() {
    let network = Simulated::start(&[&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111"]]).await;
    network
        .get("http://shop.example/")
        .await
        .expect("a response");
    assert_eq!(network.connected(), ["1.1.1.1", "2606:4700::1111"]);
}

#[tokio::test]
async fn a_private_address_is_refused_however_its_host_is_written() {
    for host in [
        "localhost",
        "localhost.",
        "LOCALHOST",
        "shop.example.",
        "10.0.0.1.",
        "user@10.0.0.1",
    ] {
        let network = Simulated::start(&[&["10.0.0.1", "fd12::1", "169.254.169.254"]]).await;
        let refused = network.get(&format!("http://{host}/")).await;
        assert!(
            matches!(refused, Err(ClientError::Private(_))),
            "{host}: {refused:?}"
        );
        assert!(network.connected().is_empty(), "{host}");
    }
}

/// With the machine's own resolver, which reads forms that a URL parser would have changed.
#[tokio::test]
async fn a_private_address_is_refused_when_it_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("one").port();
    let public = HttpsClient::new(Trust::Anyone).reaching(Reach::PublicAddresses);
    for host in [
        "localhost",
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
    ] {
        let refused = get(&public, &format!("http://{host}:{port}/")).await;
        assert!(
            matches!(refused, Err(ClientError::Private(_))),
            "{host}: {refused:?}"
        );
    }
    let reached = tokio::spawn(async move { listener.accept().await.map(drop) });
    // The listener hangs up, but it was reached.
    let anywhere = HttpsClient::new(Trust::Anyone);
    let _ = get(&anywhere, &format!("http://localhost:{port}/")).await;
    reached.await.expect("no panic").expect("a connection");
}
