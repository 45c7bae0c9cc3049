//! Accepts TLS on a TCP connection, with the present certificate.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
pub use tokio_rustls::server::TlsStream;

use super::TlsError;
use super::certificate::{Certificate, provider};

/// The only protocol offered. WebSockets over HTTP/2 work differently.
const HTTP1: &[u8] = b"http/1.1";
/// Offered by an authority that validates a name (RFC 8737), and by nobody else.
const ACME: &[u8] = b"acme-tls/1";

/// Accepts TLS. Clones share the certificate.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    resolver: Arc<Resolver>,
    http_challenges: HttpChallenges,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Acceptor")
    }
}

impl Acceptor {
    /// An acceptor with a certificate. `acme` lets an authority validate names.
    pub(super) fn new(certificate: &Certificate, acme: bool) -> Result<Self, TlsError> {
        let resolver = Arc::new(Resolver {
            present: RwLock::new(certificate.pair()),
            challenges: Mutex::default(),
        });
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Library(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(resolver.clone());
        config.alpn_protocols = vec![HTTP1.to_vec()];
        if acme {
            config.alpn_protocols.push(ACME.to_vec());
        }
        Ok(Self {
            tls: Arc::new(config).into(),
            resolver,
            http_challenges: HttpChallenges::default(),
        })
    }

    /// Performs the handshake. `None` when it was an authority's validation, which is then done.
    ///
    /// # Errors
    ///
    /// When the peer does not speak TLS, or no version or cipher that the server accepts.
    pub async fn accept<S>(&self, stream: S) -> io::Result<Option<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = self.tls.accept(stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(ACME) {
            stream.shutdown().await?;
            return Ok(None);
        }
        Ok(Some(stream))
    }

    /// Uses this certificate for new connections.
    pub(super) fn replace(&self, certificate: &Certificate) {
        let mut present = self
            .resolver
            .present
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *present = certificate.pair();
    }

    /// Presents `pair` to an authority that validates `domain`, until the guard is dropped.
    pub(super) fn add_challenge(&self, domain: &str, pair: CertifiedKey) -> ChallengeGuard {
        self.resolver
            .challenges()
            .insert(domain.to_owned(), Arc::new(pair));
        ChallengeGuard(Challenge::Tls(self.resolver.clone(), domain.to_owned()))
    }

    /// The responses to authorities that validate names by plain HTTP.
    pub fn http_challenges(&self) -> HttpChallenges {
        self.http_challenges.clone()
    }
}

struct Resolver {
    present: RwLock<Arc<CertifiedKey>>,
    /// By domain, while an authority validates it.
    challenges: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Resolver {
    fn challenges(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<CertifiedKey>>> {
        self.challenges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Resolver")
    }
}

impl ResolvesServerCert for Resolver {
    /// The certificate does not depend on the name that the client asks for: a server has one.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_validation = hello.alpn().is_some_and(|mut protocols| {
            protocols.next() == Some(ACME) && protocols.next().is_none()
        });
        if is_validation {
            return self.challenges().get(hello.server_name()?).cloned();
        }
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        Some(present.clone())
    }
}

/// What authorities ask for at `/.well-known/acme-challenge/TOKEN` (RFC 8555, section 8.3).
#[derive(Clone, Default, Debug)]
pub struct HttpChallenges(Arc<Mutex<HashMap<String, String>>>);

impl HttpChallenges {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response to a token.
    pub fn get(&self, token: &str) -> Option<String> {
        self.lock().get(token).cloned()
    }

    /// Responds to a token until the guard is dropped.
    pub(super) fn add(&self, token: &str, response: &str) -> ChallengeGuard {
        self.lock().insert(token.to_owned(), response.to_owned());
        ChallengeGuard(Challenge::Http(self.clone(), token.to_owned()))
    }
}

/// Removes a challenge when it is dropped.
pub(super) struct ChallengeGuard(Challenge);

enum Challenge {
    /// By domain.
    Tls(Arc<Resolver>, String),
    /// By token.
    Http(HttpChallenges, String),
}

impl Drop for ChallengeGuard {
    fn drop(&mut self) {
        match &self.0 {
            Challenge::Tls(resolver, domain) => {
                resolver.challenges().remove(domain);
            }
            Challenge::Http(challenges, token) => {
                challenges.lock().remove(token);
            }
        }
    }
}
