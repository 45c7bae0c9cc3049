//! A throwaway authority for certificates, and a client that trusts it alone.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::DEADLINE;

/// Signs certificates that only a [`TlsClient`] of the same authority accepts.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key in PEM format.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// The authority's own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate that is valid from yesterday until `days` from now.
    pub fn issue(&self, names: &[&str], days: i64) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("valid names");
        let now = std::time::SystemTime::now();
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let span = day * u32::try_from(days.unsigned_abs()).expect("few days");
        params.not_before = (now - 30 * day).into();
        params.not_after = match days < 0 {
            true => (now - span).into(),
            false => (now + span).into(),
        };
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.0).expect("a certificate");
        Pair {
            cert: cert.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client that offers these protocols by ALPN.
    pub fn client(&self, protocols: &[&str]) -> TlsClient {
        TlsClient::trusting(&self.pem(), protocols)
    }
}

impl TlsClient {
    /// Trusts the authority with this certificate.
    pub fn trusting(pem: &str, protocols: &[&str]) -> Self {
        let root = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(root).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults")
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Each connection shows the certificate that the server has then.
        config.resumption = rustls::client::Resumption::disabled();
        config.alpn_protocols = protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        Self(Arc::new(config).into())
    }
}

impl Pair {
    /// Writes `cert.pem` and `key.pem`, the key first, as a careful tool does.
    pub fn write(&self, directory: &Path) -> (PathBuf, PathBuf) {
        let paths = (directory.join("cert.pem"), directory.join("key.pem"));
        std::fs::write(&paths.1, &self.key).expect("written");
        std::fs::write(&paths.0, &self.cert).expect("written");
        paths
    }
}

/// Connects by TLS.
#[derive(Clone)]
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// Connects and asks for `name`.
    pub async fn connect(&self, addr: SocketAddr, name: &str) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connecting = async {
            let stream = TcpStream::connect(addr).await?;
            self.0.connect(name, stream).await
        };
        let connected = tokio::time::timeout(DEADLINE, connecting).await;
        connected.expect("it connects or fails in time")
    }

    /// One request on a connection of its own, and the whole response.
    pub async fn get(&self, addr: SocketAddr, name: &str, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        self.request(addr, name, &request).await
    }

    /// The same with the request as it is written.
    pub async fn request(&self, addr: SocketAddr, name: &str, request: &str) -> String {
        let exchange = async {
            let mut stream = self.connect(addr, name).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut response = String::new();
            stream.read_to_string(&mut response).await?;
            Ok::<_, io::Error>(response)
        };
        let response = tokio::time::timeout(DEADLINE, exchange).await;
        response.expect("in time").expect("a response")
    }

    /// The certificate that the server shows, in DER format.
    pub async fn certificate(&self, addr: SocketAddr, name: &str) -> Vec<u8> {
        let stream = self.connect(addr, name).await.expect("a handshake");
        let (_, connection) = stream.get_ref();
        let chain = connection.peer_certificates().expect("certificates");
        chain[0].to_vec()
    }
}
