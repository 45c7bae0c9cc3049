//! TLS without a proxy: the certificate, where it comes from, and how it is replaced while the
//! server runs. Nothing here exists while TLS is off.
//!
//! `certificate` reads and judges a pair of certificate and key. `acceptor` makes TLS out of a TCP
//! stream with the present one, which can be replaced at any time: open connections keep theirs.
//! `files` follows two files; `acme` gets certificates from an authority and renews them. `check`
//! is what the command line asks before it starts a server.

mod acceptor;
mod acme;
mod certificate;
mod check;
mod clock;
mod files;

use std::path::Path;
use std::sync::Arc;

use ::metrics::{Counter, Gauge};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use self::acceptor::{Acceptor, HttpChallenges, TlsStream};
pub use self::certificate::{Certificate, CertificateError};
pub use self::check::{certificate_in_files, check};
use self::files::CertificateFiles;
pub use self::files::LoadError;
use crate::config::TlsConfig;

/// Metrics of TLS.
#[derive(Clone)]
pub struct TlsMetrics {
    /// When the certificate expires, in seconds since 1970; 0 without TLS.
    pub certificate_expiry: Gauge,
    /// Attempts to get a certificate that failed, and new files that were refused.
    pub renewal_failures: Counter,
}

/// The TLS of one server.
pub struct Tls {
    acceptor: Acceptor,
    reload: Arc<Notify>,
    source: Source,
}

/// How the certificate is kept current.
enum Source {
    Files(Box<files::Follower>),
    Acme(Box<acme::Renewer>),
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The files of `server.tls_cert` and `server.tls_key`.
    #[error(transparent)]
    Files(#[from] LoadError),
    /// What ACME keeps in the data directory.
    #[error("cannot use {path}: {error}")]
    Storage {
        /// The directory.
        path: String,
        /// What failed.
        error: std::io::Error,
    },
    /// The TLS library refused its own defaults.
    #[error("cannot set up TLS: {0}")]
    Library(String),
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tls")
    }
}

impl Tls {
    /// Reads the certificate. With ACME and without one yet, a placeholder that no browser trusts
    /// is used, so that the server can be checked and the authority can reach it.
    ///
    /// Blocks on the disk.
    ///
    /// # Errors
    ///
    /// When the files cannot be used. One that has expired can: the next one is read without a
    /// restart.
    pub fn load(
        config: &TlsConfig,
        data_dir: &Path,
        has_http_listener: bool,
        metrics: TlsMetrics,
    ) -> Result<Self, TlsError> {
        let reload = Arc::new(Notify::new());
        match config {
            TlsConfig::Files { cert, key } => {
                let files = CertificateFiles::new(cert, key);
                let (follower, certificate) = files::Follower::start(files, metrics)?;
                Ok(Self {
                    acceptor: Acceptor::new(&certificate, false)?,
                    reload,
                    source: Source::Files(Box::new(follower)),
                })
            }
            TlsConfig::Acme(config) => {
                let storage = acme::Storage::open(data_dir)?;
                let certificate = acme::present_certificate(&storage, config)?;
                let acceptor = Acceptor::new(certificate.certificate(), true)?;
                let renewer = acme::Renewer::new(
                    config.clone(),
                    storage,
                    certificate,
                    acceptor.clone(),
                    has_http_listener,
                    metrics,
                );
                Ok(Self {
                    acceptor,
                    reload,
                    source: Source::Acme(Box::new(renewer)),
                })
            }
        }
    }

    /// Accepts TLS on TCP streams.
    pub fn acceptor(&self) -> Acceptor {
        self.acceptor.clone()
    }

    /// Notified by SIGHUP: the files are read again; with ACME, an attempt that waits is made now.
    pub fn reload(&self) -> Arc<Notify> {
        self.reload.clone()
    }

    /// Keeps the certificate current until the server drains.
    pub async fn run(self, drain: CancellationToken) {
        let Self {
            acceptor,
            reload,
            source,
        } = self;
        match source {
            Source::Files(follower) => {
                drain
                    .run_until_cancelled(follower.run(acceptor, reload))
                    .await;
            }
            Source::Acme(renewer) => {
                drain.run_until_cancelled(renewer.run(reload)).await;
            }
        }
    }
}
