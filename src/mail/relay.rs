//! Hands mail to the relay.

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use super::compose::WrittenMail;
use super::trial::TrialFailure;
use crate::config::{MailLogin, MailSecurity, MailServer};

/// How long the relay may take for each step.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take for a mail.
const MAIL_TIMEOUT: Duration = Duration::from_secs(120);

/// How long it may take to say goodbye.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the relay did not take a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// It takes no mail at all now: it is away, or does not let us sign in.
    Relay(String),
    /// It may take this mail later.
    Later(String),
    /// The address does not exist, or takes no mail from us.
    Address(String),
    /// It will never take this mail.
    Never(String),
}

impl SendFailure {
    fn words(self) -> String {
        match self {
            Self::Relay(words) | Self::Later(words) | Self::Address(words) | Self::Never(words) => {
                words
            }
        }
    }
}

/// The relay that takes outgoing mail.
#[derive(Debug, Clone)]
pub(crate) struct Relay {
    server: MailServer,
    name: ClientId,
}

impl Relay {
    /// `name` is how this server introduces itself, a host name.
    pub(crate) fn new(server: MailServer, name: &str) -> Self {
        Self {
            server,
            name: ClientId::Domain(name.to_owned()),
        }
    }

    /// Sends a mail on a connection of its own. When this returns `Ok`, the relay has it.
    pub(crate) async fn send(&self, mail: &WrittenMail) -> Result<(), SendFailure> {
        match tokio::time::timeout(MAIL_TIMEOUT, self.exchange(mail)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SendFailure::Relay(format!(
                "{}:{} took longer than {MAIL_TIMEOUT:?}",
                self.server.host, self.server.port
            ))),
        }
    }

    async fn exchange(&self, mail: &WrittenMail) -> Result<(), SendFailure> {
        let mut connection = self.connect().await?;
        let sender = Mail::new(mail.envelope.from().cloned(), Vec::new());
        // What the relay says of the sender is about us, not about this mail.
        connection.command(sender).await.map_err(unusable)?;
        let recipient = Rcpt::new(mail.recipient.clone(), Vec::new());
        let about_address = |error| of_response(error, SendFailure::Address);
        connection.command(recipient).await.map_err(about_address)?;
        connection.command(Data).await.map_err(later)?;
        let about_mail = |error| of_response(error, SendFailure::Never);
        connection.message(&mail.bytes).await.map_err(about_mail)?;
        // It has the mail, whatever becomes of the farewell.
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, connection.quit()).await;
        Ok(())
    }

    /// Signs in and names a sender, and sends no mail.
    pub(crate) async fn try_out(&self, sender: Address) -> Result<(), TrialFailure> {
        let opened = self.open().await;
        let mut connection = opened.map_err(|failure| TrialFailure::Connection(failure.words()))?;
        if let Some(login) = &self.server.login {
            let signed_in = sign_in(&mut connection, login).await;
            signed_in.map_err(|failure| TrialFailure::SignIn(failure.words()))?;
        }
        let taken = connection.command(Mail::new(Some(sender), Vec::new()));
        let failed = |error: lettre::transport::smtp::Error| match error.is_permanent()
            || error.is_transient()
        {
            true => TrialFailure::Refused(words(&error)),
            false => TrialFailure::Connection(words(&error)),
        };
        taken.await.map_err(failed)?;
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, connection.quit()).await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendFailure> {
        let mut connection = self.open().await?;
        if let Some(login) = &self.server.login {
            sign_in(&mut connection, login).await?;
        }
        Ok(connection)
    }

    /// Connects, protected as it is configured.
    async fn open(&self) -> Result<AsyncSmtpConnection, SendFailure> {
        let MailServer { host, port, .. } = &self.server;
        let tls = match self.server.security {
            MailSecurity::Plain => None,
            MailSecurity::Tls | MailSecurity::StartTls => Some(tls(host).await?),
        };
        let at_once = tls
            .clone()
            .filter(|_| self.server.security == MailSecurity::Tls);
        let address = (host.as_str(), *port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            address,
            Some(STEP_TIMEOUT),
            &self.name,
            at_once,
            None,
        )
        .await
        .map_err(unusable)?;
        if let (MailSecurity::StartTls, Some(tls)) = (self.server.security, tls) {
            connection
                .starttls(tls, &self.name)
                .await
                .map_err(unusable)?;
        }
        Ok(connection)
    }
}

async fn sign_in(
    connection: &mut AsyncSmtpConnection,
    login: &MailLogin,
) -> Result<(), SendFailure> {
    let reading = {
        let login = login.clone();
        tokio::task::spawn_blocking(move || login.secret())
    };
    let secret = reading
        .await
        .map_err(std::io::Error::other)
        .and_then(|secret| secret)
        .map_err(|error| SendFailure::Relay(format!("cannot read the access token: {error}")))?;
    let mechanisms: &[Mechanism] = match login.is_token() {
        true => &[Mechanism::Xoauth2],
        false => &[Mechanism::Plain, Mechanism::Login],
    };
    let credentials = Credentials::new(login.user.clone(), secret.expose().to_owned());
    let outcome = connection.auth(mechanisms, &credentials).await;
    outcome.map(|_| ()).map_err(|error| {
        SendFailure::Relay(format!(
            "the relay does not let {} sign in: {error}",
            login.user
        ))
    })
}

/// Reading the system's authorities blocks.
async fn tls(host: &str) -> Result<TlsParameters, SendFailure> {
    let host = host.to_owned();
    let building = tokio::task::spawn_blocking(move || {
        let native = rustls_native_certs::load_native_certs();
        let store = match native.certs.is_empty() {
            true => CertificateStore::WebpkiRoots,
            false => CertificateStore::Default,
        };
        TlsParameters::builder(host)
            .certificate_store(store)
            .build_rustls()
    });
    match building.await {
        Ok(Ok(tls)) => Ok(tls),
        Ok(Err(error)) => Err(unusable(error)),
        Err(error) => Err(SendFailure::Relay(error.to_string())),
    }
}

fn unusable(error: lettre::transport::smtp::Error) -> SendFailure {
    SendFailure::Relay(words(&error))
}

fn later(error: lettre::transport::smtp::Error) -> SendFailure {
    SendFailure::Later(words(&error))
}

/// A refusal for good is what `refused` says; anything else is tried again.
fn of_response(
    error: lettre::transport::smtp::Error,
    refused: fn(String) -> SendFailure,
) -> SendFailure {
    match error.is_permanent() {
        true => refused(words(&error)),
        false => later(error),
    }
}

/// The error with its causes, which the library keeps apart.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words.chars().take(300).collect()
}
