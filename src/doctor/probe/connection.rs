//! A connection to the proxy, with TLS if the URL says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::origin_of;
use crate::doctor::Validity;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of the proxy, from a URL.
#[derive(Debug)]
pub struct Target {
    url: Url,
    tls: Option<Arc<ClientConfig>>,
}

/// Why a probe got no response.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The URL cannot be used.
    #[error("{0}")]
    Url(String),
    /// The address is unknown, or nobody listens there.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// The certificate was refused.
    #[error("the certificate is refused: {0}")]
    Certificate(String),
    /// The connection broke, or the response is not HTTP.
    #[error("no response: {0}")]
    Http(#[from] hyper::Error),
    /// No response came in time.
    #[error("no response within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// The response is not the expected one.
    #[error("unexpected status {0}")]
    Status(u16),
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection, and what is known of it.
pub(super) struct Connected {
    pub(super) stream: Box<dyn Stream>,
    /// The own end of it.
    pub(super) local_address: SocketAddr,
    /// How long the certificate is valid; without TLS there is none.
    pub(super) validity: Option<Validity>,
}

impl Target {
    /// Takes a URL, of which scheme, host and port count.
    ///
    /// # Errors
    ///
    /// When it is no http or https URL.
    pub fn new(url: &str) -> Result<Self, ProbeError> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
            .ok_or_else(|| {
                ProbeError::Url(format!(
                    "{url:?} is no URL of a server; write it like https://chat.example.com"
                ))
            })?;
        let tls = (url.scheme() == "https").then(tls_config).transpose()?;
        Ok(Self { url, tls })
    }

    /// Scheme, host and port, as browsers write them.
    pub fn origin(&self) -> String {
        origin_of(&self.url)
    }

    pub(super) fn is_https(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn host_header(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<Connected, ProbeError> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.connect_and_greet())
            .await
            .map_err(|_| ProbeError::Timeout(CONNECT_TIMEOUT))?
    }

    async fn connect_and_greet(&self) -> Result<Connected, ProbeError> {
        let host = self.url.host_str().unwrap_or_default();
        let host = host.trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(ProbeError::Connect)?;
        let local_address = stream.local_addr().map_err(ProbeError::Connect)?;
        let Some(config) = &self.tls else {
            return Ok(Connected {
                stream: Box::new(stream),
                local_address,
                validity: None,
            });
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| ProbeError::Url(format!("{host}: {error}")))?;
        let stream = TlsConnector::from(config.clone())
            .connect(name, stream)
            .await
            .map_err(|error| ProbeError::Certificate(error.to_string()))?;
        let (_, session) = stream.get_ref();
        let own = session.peer_certificates().and_then(<[_]>::first);
        Ok(Connected {
            validity: own.and_then(|own| validity(own)),
            stream: Box::new(stream),
            local_address,
        })
    }
}

/// How long a certificate in DER format is valid. `None` when it cannot be read.
fn validity(certificate: &[u8]) -> Option<Validity> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
    let now = ASN1Time::now().timestamp();
    Some(Validity::at(now, from.timestamp(), until.timestamp()))
}

/// The system's trusted authorities; Mozilla's list if the system has none, as in a container.
fn tls_config() -> Result<Arc<ClientConfig>, ProbeError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ProbeError::Url(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
