//! A small HTTPS client for the server's own needs: authorities for certificates, push services, the
//! shop's cards, and the health of a server. One connection per request, HTTP/1.1, no redirects, no
//! proxy.

mod network;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::http::header::HOST;
use hyper::http::uri::PathAndQuery;
use hyper::http::{HeaderValue, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::network::Network;
pub use self::network::{Reach, is_public};

/// How long a request may take, its response included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a response's headers before no more are read; what one read brings may exceed them.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Bytes of a response's body, at most, unless the caller allows fewer.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Whose certificates a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Those of the system's authorities, which `SSL_CERT_FILE` and `SSL_CERT_DIR` replace. Without
    /// any, as in an empty container, Mozilla's as they are compiled in.
    Authorities,
    /// Any certificate: to ask a server of this machine about its health.
    Anyone,
}

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be used.
    #[error(
        "{0} is not a URL with http or https and a host; write it like https://chat.example.com"
    )]
    Url(String),
    /// The host has private addresses only.
    #[error("{0} has no public address, and others are not allowed")]
    Private(String),
    /// The server was not reached.
    #[error(
        "cannot connect to {0}: {1}; check the name and the port, and that no firewall is in the way"
    )]
    Connect(String, std::io::Error),
    /// The server's certificate was refused, or it does not speak TLS.
    #[error(
        "TLS with {0} failed: {1}; check that https is spoken there, the certificate, the clock here, and whom this machine trusts (SSL_CERT_FILE)"
    )]
    Tls(String, std::io::Error),
    /// The connection failed.
    #[error("the connection to {0} failed: {1}; try again, and look into its log if it is yours")]
    Connection(String, hyper::Error),
    /// The response is larger than this client reads.
    #[error("the response of {0} is larger than {1} bytes; have it send less")]
    TooLarge(String, usize),
    /// The response is unreadable.
    #[error("the response of {0} is unreadable: {1}; check that it is the right server")]
    Body(String, Box<dyn std::error::Error + Send + Sync>),
    /// No response in time.
    #[error("no response from {0} within {1:?}; try again, and look into its log if it is yours")]
    Timeout(String, Duration),
}

/// Sends requests. Clones share the trusted authorities.
#[derive(Clone)]
pub struct HttpsClient {
    tls: TlsConnector,
    network: Network,
    max_body_bytes: usize,
}

impl std::fmt::Debug for HttpsClient {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("HttpsClient")
    }
}

impl HttpsClient {
    /// Reads the system's authorities if it needs them, so this blocks on the disk.
    ///
    /// # Panics
    ///
    /// If the TLS library refuses its own defaults.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the library supports its own defaults");
        let mut config = match trust {
            Trust::Authorities => builder.with_root_certificates(authorities()),
            Trust::Anyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAny(provider))),
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            tls: Arc::new(config).into(),
            network: Network::default(),
            max_body_bytes: MAX_BODY_BYTES,
        }
    }

    /// The same client for these addresses alone.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.network.reach = reach;
        self
    }

    /// The same client for responses of at most this size.
    #[must_use]
    pub fn with_max_body_bytes(self, max_body_bytes: usize) -> Self {
        Self {
            max_body_bytes,
            ..self
        }
    }

    /// Sends a request whose URI is absolute. `connect_to` is where to connect instead of the
    /// URI's host.
    ///
    /// # Errors
    ///
    /// When there is no response; one with an error status is a response.
    pub async fn send<B>(
        &self,
        request: Request<B>,
        connect_to: Option<SocketAddr>,
    ) -> Result<Response<Bytes>, ClientError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let target = Target::of(request.uri())?;
        let authority = target.authority.clone();
        let exchange = self.exchange(request, target, connect_to);
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::Timeout(authority, TIMEOUT)),
        }
    }

    async fn connect(
        &self,
        target: &Target,
        connect_to: Option<SocketAddr>,
    ) -> Result<TcpStream, ClientError> {
        let name = &target.authority;
        let failed = |error| ClientError::Connect(name.clone(), error);
        if let Some(address) = connect_to {
            return TcpStream::connect(address).await.map_err(failed);
        }
        let connecting = self.network.connect(&target.host, target.port);
        connecting
            .await
            .map_err(failed)?
            .ok_or_else(|| ClientError::Private(name.clone()))
    }

    async fn exchange<B>(
        &self,
        request: Request<B>,
        target: Target,
        connect_to: Option<SocketAddr>,
    ) -> Result<Response<Bytes>, ClientError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let name = target.authority.clone();
        let stream = self.connect(&target, connect_to).await?;
        let request = target.origin_form(request);
        if !target.is_https {
            return exchange_over(stream, request, name, self.max_body_bytes).await;
        }
        let host = ServerName::try_from(target.host).map_err(|_| ClientError::Url(name.clone()))?;
        let stream = self
            .tls
            .connect(host, stream)
            .await
            .map_err(|error| ClientError::Tls(name.clone(), error))?;
        exchange_over(stream, request, name, self.max_body_bytes).await
    }
}

/// Where a request goes.
struct Target {
    is_https: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    authority: String,
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, ClientError> {
        let unusable = || ClientError::Url(uri.to_string());
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(unusable()),
        };
        let authority = uri.authority().ok_or_else(unusable)?;
        Ok(Self {
            is_https,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_https { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
        })
    }

    /// The request as it is written to a server: a path, and the host as a header.
    fn origin_form<B>(&self, mut request: Request<B>) -> Request<B> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path
            .unwrap_or_else(|| PathAndQuery::from_static("/"))
            .into();
        if let Ok(host) = HeaderValue::from_str(&self.authority) {
            request.headers_mut().insert(HOST, host);
        }
        request
    }
}

async fn exchange_over<S, B>(
    stream: S,
    request: Request<B>,
    name: String,
    max_body_bytes: usize,
) -> Result<Response<Bytes>, ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let failed = |error| ClientError::Connection(name.clone(), error);
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, max_body_bytes)
            .collect()
            .await
            .map_err(|error| match error.is::<LengthLimitError>() {
                true => ClientError::TooLarge(name.clone(), max_body_bytes),
                false => ClientError::Body(name.clone(), error),
            })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    let mut exchange = std::pin::pin!(exchange);
    // The connection works for as long as it is polled, and its failure is the exchange's.
    tokio::select! {
        outcome = exchange.as_mut() => outcome,
        _ = connection => exchange.await,
    }
}

/// TLS with servers whose certificates the system's authorities have signed. It reads them, so this
/// blocks on the disk.
///
/// # Panics
///
/// If the TLS library refuses its own defaults.
pub(crate) fn trusting_authorities() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the library supports its own defaults")
        .with_root_certificates(authorities())
        .with_no_client_auth()
}

fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::debug!(%error, "some of the system's authorities are unreadable");
    }
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Accepts every certificate. The signatures are checked all the same.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let supported = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, supported)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let supported = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, supported)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
