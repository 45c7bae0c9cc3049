//! Keeps a certificate by ACME: asks for the first one, renews it in time, pauses after failures.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{Account, CertificateIdentifier, Error};
use tokio::sync::Notify;

use super::order::{self, OrderError};
use super::schedule::{Life, pause_s, renew_at};
use super::storage::{Attempts, Method, Storage};
use crate::config::AcmeConfig;
use crate::tls::acceptor::Acceptor;
use crate::tls::certificate::Certificate;
use crate::tls::files::note_expiry;
use crate::tls::{TlsError, TlsMetrics, clock};

/// The longest wait in one piece: a clock that is set, or a machine that sleeps, is noticed then.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// Bounds of the time after which the authority is asked again when to renew.
const SUGGESTION_S: std::ops::RangeInclusive<i64> = 60 * 60..=24 * 60 * 60;
/// The pause when it could not be asked.
const SUGGESTION_RETRY_S: i64 = 6 * 60 * 60;
/// How long a whole attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The certificate that is served.
pub(in crate::tls) enum Present {
    /// One that the authority has issued.
    Issued(Certificate),
    /// A placeholder that no browser trusts, until the first one is issued.
    Placeholder(Certificate),
}

impl Present {
    pub(in crate::tls) fn certificate(&self) -> &Certificate {
        match self {
            Self::Issued(certificate) | Self::Placeholder(certificate) => certificate,
        }
    }
}

/// The stored certificate, if it is for the configured names, or a placeholder.
pub(in crate::tls) fn present_certificate(
    storage: &Storage,
    config: &AcmeConfig,
) -> Result<Present, TlsError> {
    let stored = storage.certificate().and_then(|pem| {
        Certificate::from_pem(&pem, &pem)
            .inspect_err(|error| tracing::error!(%error, "the stored certificate cannot be used; getting another one"))
            .ok()
    });
    let fits = |stored: &Certificate| config.domains.iter().all(|domain| stored.covers(domain));
    if let Some(stored) = stored.filter(fits) {
        return Ok(Present::Issued(stored));
    }
    let failed = |error: &dyn std::fmt::Display| TlsError::Library(error.to_string());
    let made = rcgen::generate_simple_self_signed(config.domains.clone())
        .map_err(|error| failed(&error))?;
    let key = made.signing_key.serialize_pem();
    Certificate::from_pem(made.cert.pem().as_bytes(), key.as_bytes())
        .map(Present::Placeholder)
        .map_err(|error| failed(&error))
}

/// Gets and renews certificates.
pub(in crate::tls) struct Renewer {
    config: AcmeConfig,
    storage: Storage,
    acceptor: Acceptor,
    /// Whether the authority can be answered at the plain listener.
    has_http_listener: bool,
    metrics: TlsMetrics,
    issued: Option<Certificate>,
    attempts: Attempts,
    suggestion: Suggestion,
    /// The authority does not know the account any more, so the next attempt makes another one.
    forget_account: bool,
}

/// What the authority suggests for the present certificate.
#[derive(Default)]
struct Suggestion {
    window: Option<(i64, i64)>,
    /// In `0..1`: this server's place in the window.
    place: f64,
    ask_again_at: i64,
}

impl Suggestion {
    fn new() -> Self {
        Self {
            place: rand::random_range(0.0..1.0),
            ..Self::default()
        }
    }
}

impl Renewer {
    pub(in crate::tls) fn new(
        config: AcmeConfig,
        storage: Storage,
        present: Present,
        acceptor: Acceptor,
        has_http_listener: bool,
        metrics: TlsMetrics,
    ) -> Self {
        let subject = format!("{} {}", config.directory, config.domains.join(" "));
        let attempts = storage.attempts();
        let attempts = attempts.filter(|attempts| attempts.subject == subject);
        let issued = match present {
            Present::Issued(certificate) => Some(certificate),
            Present::Placeholder(_) => None,
        };
        if let Some(issued) = &issued {
            note_expiry(&metrics, issued);
        }
        Self {
            config,
            storage,
            acceptor,
            has_http_listener,
            metrics,
            issued,
            attempts: attempts.unwrap_or(Attempts {
                subject,
                ..Attempts::default()
            }),
            suggestion: Suggestion::new(),
            forget_account: false,
        }
    }

    /// Works for as long as it is polled. What is lost when it stops within an attempt is that
    /// attempt.
    pub(in crate::tls) async fn run(mut self, reload: Arc<Notify>) {
        self.log_start();
        loop {
            let now = clock::now();
            let due = self.due_at();
            if due <= now {
                self.attempt().await;
                continue;
            }
            if self.issued.is_some() && self.suggestion.ask_again_at <= now {
                self.ask_for_suggestion().await;
                continue;
            }
            let mut wait_s = due - now;
            if self.issued.is_some() {
                wait_s = wait_s.min(self.suggestion.ask_again_at - now);
            }
            let wait = Duration::from_secs(u64::try_from(wait_s).unwrap_or(0)).min(LONGEST_WAIT);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = reload.notified() => self.retry_now(),
            }
        }
    }

    fn log_start(&self) {
        let domains = self.config.domains.join(", ");
        match &self.issued {
            Some(issued) => tracing::info!(
                domains,
                valid_until = clock::show(issued.not_after),
                "the certificate is renewed by ACME"
            ),
            None if self.attempts.next_at > clock::now() => tracing::warn!(
                domains,
                failures = self.attempts.failures,
                last_error = self.attempts.last_error,
                "there is no certificate yet; the next attempt is on {}, or at once with SIGHUP",
                clock::show(self.attempts.next_at)
            ),
            None => tracing::info!(domains, "there is no certificate yet, asking the authority"),
        }
    }

    /// When to make the next attempt.
    fn due_at(&self) -> i64 {
        let Some(issued) = &self.issued else {
            return self.attempts.next_at;
        };
        let life = Life {
            not_before: issued.not_before,
            not_after: issued.not_after,
            issued_at: self.attempts.issued_at,
            suggested: self.suggestion.window,
        };
        renew_at(life, self.suggestion.place).max(self.attempts.next_at)
    }

    /// SIGHUP ends a pause. While the certificate is good there is nothing to do.
    fn retry_now(&mut self) {
        if self.attempts.failures == 0 {
            tracing::info!("the certificate is renewed when it is due, there is nothing to reload");
        }
        self.attempts.next_at = 0;
    }

    async fn attempt(&mut self) {
        match self.note_begin().await {
            // Without a record, a server that keeps restarting would ask each time.
            Err(error) => self.failed(&error.into()),
            Ok(()) => {
                let method = self.attempts.method;
                let outcome = tokio::time::timeout(ATTEMPT_TIMEOUT, self.obtain(method)).await;
                match outcome.unwrap_or(Err(OrderError::Timeout)) {
                    Ok(certificate) => self.succeeded(certificate),
                    Err(error) => self.failed(&error),
                }
            }
        }
        let (attempts, forgotten) = (self.attempts.clone(), self.forget_account);
        let save = move |storage: &Storage| {
            if forgotten {
                storage.remove_account()?;
            }
            storage.save_attempts(&attempts)
        };
        self.forget_account = false;
        if let Err(error) = self.storage.blocking(save).await.flatten() {
            tracing::error!(%error, "cannot write to tls/ in the data directory; a restart will not know of this attempt");
        }
    }

    /// Writes down that an attempt was made, as one that failed: a kill within it counts as a
    /// failure.
    async fn note_begin(&self) -> std::io::Result<()> {
        let mut begun = self.attempts.clone();
        begun.failures = begun.failures.saturating_add(1);
        begun.next_at = clock::now() + pause_s(begun.failures);
        "the server stopped during the attempt".clone_into(&mut begun.last_error);
        let save = move |storage: &Storage| storage.save_attempts(&begun);
        self.storage.blocking(save).await.flatten()
    }

    async fn obtain(&self, method: Method) -> Result<Certificate, OrderError> {
        let account = order::account(&self.config, &self.storage).await?;
        let replaces = self.issued.as_ref();
        let replaces =
            replaces.and_then(|issued| CertificateIdentifier::try_from(issued.der()).ok());
        let pem = order::obtain(&account, &self.config, method, replaces, &self.acceptor).await?;
        let certificate = Certificate::from_pem(pem.as_bytes(), pem.as_bytes())
            .map_err(|error| OrderError::Unusable(error.to_string()))?;
        let now = clock::now();
        if certificate.not_after <= now {
            return Err(OrderError::Unusable(format!(
                "it has expired on {}; check the clock",
                clock::show(certificate.not_after)
            )));
        }
        self.storage
            .blocking(move |storage| storage.save_certificate(&pem))
            .await??;
        Ok(certificate)
    }

    fn succeeded(&mut self, certificate: Certificate) {
        self.acceptor.replace(&certificate);
        note_expiry(&self.metrics, &certificate);
        tracing::info!(
            domains = self.config.domains.join(", "),
            valid_until = clock::show(certificate.not_after),
            "got a certificate"
        );
        self.issued = Some(certificate);
        self.suggestion = Suggestion::new();
        self.attempts = Attempts {
            subject: std::mem::take(&mut self.attempts.subject),
            method: self.attempts.method,
            issued_at: clock::now(),
            ..Attempts::default()
        };
    }

    fn failed(&mut self, error: &OrderError) {
        self.metrics.renewal_failures.increment(1);
        if order::is_unknown_account(error) {
            self.forget_account = true;
        }
        let attempts = &mut self.attempts;
        attempts.failures = attempts.failures.saturating_add(1);
        attempts.next_at = clock::now() + pause_s(attempts.failures);
        attempts.last_error = error.to_string();
        let port = match attempts.method {
            Method::TlsAlpn => "port 443 of each name has to reach server.listen",
            Method::Http => "port 80 of each name has to reach server.http_listen",
        };
        if self.has_http_listener {
            attempts.method = match attempts.method {
                Method::TlsAlpn => Method::Http,
                Method::Http => Method::TlsAlpn,
            };
        }
        let next = clock::show(attempts.next_at);
        let failures = attempts.failures;
        match &self.issued {
            Some(issued) => tracing::error!(
                failures,
                "cannot renew the certificate, which is valid until {}: {error}; {port}; the next attempt is on {next}, or at once with SIGHUP",
                clock::show(issued.not_after)
            ),
            None => tracing::error!(
                failures,
                "cannot get a certificate for {}: {error}; {port}; the next attempt is on {next}, or at once with SIGHUP",
                self.config.domains.join(", ")
            ),
        }
    }

    /// Asks the authority when to renew. Without a suggestion the age decides.
    async fn ask_for_suggestion(&mut self) {
        let now = clock::now();
        let Some(issued) = &self.issued else { return };
        let Ok(id) = CertificateIdentifier::try_from(issued.der()) else {
            self.suggestion.ask_again_at = i64::MAX;
            return;
        };
        let asked = async {
            let account: Account = order::account(&self.config, &self.storage).await?;
            Ok::<_, OrderError>(account.renewal_info(&id).await?)
        };
        match asked.await {
            Ok((info, again)) => {
                let window = info.suggested_window;
                let window = (window.start.unix_timestamp(), window.end.unix_timestamp());
                self.suggestion.window = Some(window);
                let again_s = i64::try_from(again.as_secs()).unwrap_or(i64::MAX);
                let again_s = again_s.clamp(*SUGGESTION_S.start(), *SUGGESTION_S.end());
                self.suggestion.ask_again_at = now + again_s;
            }
            Err(OrderError::Acme(Error::Unsupported(_))) => {
                self.suggestion.ask_again_at = i64::MAX;
            }
            Err(error) => {
                tracing::debug!(%error, "cannot ask the authority when to renew");
                self.suggestion.ask_again_at = now + SUGGESTION_RETRY_S;
            }
        }
    }
}
