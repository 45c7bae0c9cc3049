//! A certificate in two files that somebody else renews, such as certbot or the hoster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::TlsMetrics;
use super::acceptor::Acceptor;
use super::certificate::{Certificate, CertificateError};
use super::clock;

/// How often the files are read. They are small, and reading them is the only way to notice a link
/// that points elsewhere now.
const POLL: Duration = Duration::from_secs(5);
/// How long before its expiry a certificate is warned about.
pub(super) const WARN_BEFORE_S: i64 = 14 * 24 * 60 * 60;
/// How often the warning is repeated.
const WARN_EVERY_S: i64 = 24 * 60 * 60;

/// The paths of the two files.
#[derive(Clone)]
pub(super) struct CertificateFiles {
    cert: PathBuf,
    key: PathBuf,
}

/// The contents of the two files.
#[derive(PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// One of them cannot be read.
    #[error("{setting}: cannot read {path}: {error}")]
    Unreadable {
        /// The setting with its name.
        setting: &'static str,
        /// The file.
        path: String,
        /// What failed.
        error: std::io::Error,
    },
    /// One of them has not what it should have.
    #[error("{setting}: {path}: {error}")]
    Bad {
        /// The setting with its name.
        setting: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        error: CertificateError,
    },
}

impl CertificateFiles {
    pub(super) fn new(cert: &Path, key: &Path) -> Self {
        Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Reads the pair. Blocks on the disk.
    pub(super) fn load(&self) -> Result<Certificate, LoadError> {
        self.parse(&self.read()?)
    }

    fn read(&self) -> Result<Contents, LoadError> {
        let read = |setting, path: &Path| {
            std::fs::read(path).map_err(|error| LoadError::Unreadable {
                setting,
                path: path.display().to_string(),
                error,
            })
        };
        Ok(Contents {
            cert: read("server.tls_cert", &self.cert)?,
            key: read("server.tls_key", &self.key)?,
        })
    }

    fn parse(&self, contents: &Contents) -> Result<Certificate, LoadError> {
        Certificate::from_pem(&contents.cert, &contents.key).map_err(|error| {
            let (setting, path) = match error.is_about_key() {
                true => ("server.tls_key", &self.key),
                false => ("server.tls_cert", &self.cert),
            };
            LoadError::Bad {
                setting,
                path: path.display().to_string(),
                error,
            }
        })
    }
}

/// Notices new files and expiry.
pub(super) struct Follower {
    files: CertificateFiles,
    /// The certificate that is served.
    present: Contents,
    not_after: i64,
    refused: Option<Refused>,
    warned_at: Option<i64>,
    metrics: TlsMetrics,
}

/// Why the last reading was refused. It is logged once, when two readings are refused alike.
struct Refused {
    problem: String,
    is_logged: bool,
}

/// What follows from a reading of the files.
enum Look {
    Unchanged,
    Replace(Certificate, Contents),
    Refuse(String),
}

impl Follower {
    /// Reads the files for the first time.
    pub(super) fn start(
        files: CertificateFiles,
        metrics: TlsMetrics,
    ) -> Result<(Self, Certificate), LoadError> {
        let present = files.read()?;
        let certificate = files.parse(&present)?;
        note_expiry(&metrics, &certificate);
        let follower = Self {
            files,
            present,
            not_after: certificate.not_after,
            refused: None,
            warned_at: None,
            metrics,
        };
        Ok((follower, certificate))
    }

    /// Follows the files for as long as it is polled.
    pub(super) async fn run(mut self, acceptor: Acceptor, reload: Arc<Notify>) {
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let requested = tokio::select! {
                _ = poll.tick() => false,
                () = reload.notified() => true,
            };
            let look = tokio::task::spawn_blocking(move || {
                let look = self.look(clock::now());
                (self, look)
            });
            let Ok((follower, look)) = look.await else {
                tracing::error!(
                    "the certificate files are not followed any more; restart the server"
                );
                return;
            };
            self = follower;
            self.apply(look, requested, &acceptor);
            self.warn_of_expiry(clock::now());
        }
    }

    fn look(&self, now: i64) -> Look {
        let contents = match self.files.read() {
            Ok(contents) if contents == self.present => return Look::Unchanged,
            Ok(contents) => contents,
            Err(error) => return Look::Refuse(error.to_string()),
        };
        match self.files.parse(&contents) {
            Err(error) => Look::Refuse(error.to_string()),
            // An expired one in use cannot get worse.
            Ok(new) if new.not_after <= now && self.not_after > now => Look::Refuse(format!(
                "server.tls_cert: {}: the new certificate has expired on {}",
                self.files.cert.display(),
                clock::show(new.not_after)
            )),
            Ok(new) => Look::Replace(new, contents),
        }
    }

    fn apply(&mut self, look: Look, requested: bool, acceptor: &Acceptor) {
        match look {
            Look::Unchanged => {
                self.refused = None;
                if requested {
                    tracing::info!("the certificate files have not changed");
                }
            }
            Look::Replace(certificate, contents) => {
                acceptor.replace(&certificate);
                note_expiry(&self.metrics, &certificate);
                self.present = contents;
                self.not_after = certificate.not_after;
                (self.refused, self.warned_at) = (None, None);
                tracing::info!(
                    names = certificate.names(),
                    valid_until = clock::show(certificate.not_after),
                    "new connections get the new certificate"
                );
            }
            Look::Refuse(problem) => {
                let before = self.refused.take();
                let before = before.filter(|before| before.problem == problem);
                // A pair is seen half written while it is replaced.
                let is_due = before.as_ref().is_some_and(|before| !before.is_logged);
                if is_due || requested {
                    self.metrics.renewal_failures.increment(1);
                    tracing::error!(
                        "the new certificate is not used, the server continues with the one that is valid until {}: {problem}; \
                         put a certificate and the key that belongs to it in place, they are read within seconds",
                        clock::show(self.not_after)
                    );
                }
                self.refused = Some(Refused {
                    problem,
                    is_logged: before.is_some() || requested,
                });
            }
        }
    }

    fn warn_of_expiry(&mut self, now: i64) {
        let Some(warning) = expiry_warning(self.not_after, now) else {
            return;
        };
        if self.warned_at.is_none_or(|at| now - at >= WARN_EVERY_S) {
            self.warned_at = Some(now);
            tracing::warn!("{warning}; renew {}", self.files.cert.display());
        }
    }
}

/// What to say about a certificate that ends soon or has ended.
pub(super) fn expiry_warning(not_after: i64, now: i64) -> Option<String> {
    let left = not_after - now;
    if left <= 0 {
        return Some(format!(
            "the certificate has expired on {}, and browsers refuse it",
            clock::show(not_after)
        ));
    }
    (left <= WARN_BEFORE_S)
        .then(|| format!("the certificate expires on {}", clock::show(not_after)))
}

/// Tells the metrics until when the certificate is valid.
#[allow(clippy::cast_precision_loss)]
pub(super) fn note_expiry(metrics: &TlsMetrics, certificate: &Certificate) {
    metrics.certificate_expiry.set(certificate.not_after as f64);
}
