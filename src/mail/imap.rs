//! Reads replies from a mailbox by IMAP.
//!
//! It never changes the mailbox: how far it was read is kept in the store, after each mail. A mailbox
//! that is read for the first time is read from then on; one that numbers its mails anew is read
//! again for the last days, which does no harm, since the same mail is one message.

use std::sync::Arc;
use std::time::Duration;

use async_imap::types::UnsolicitedResponse;
use async_imap::{Authenticator, Client, Session};
use futures_util::TryStreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;

use super::incoming::{AcceptError, Incoming};
use super::metrics::MailMetrics;
use super::received::MAIL_BYTES;
use super::trial::TrialFailure;
use crate::config::{MailSecurity, MailServer, Secret};
use crate::https_client;
use crate::persistence::{MailboxPosition, Store, StoreError, WriteError};

/// How long a step may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a goodbye may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for news before asking again. Servers hang up after half an hour, and routers
/// forget idle connections earlier.
const IDLE_RENEW: Duration = Duration::from_secs(5 * 60);
/// How long to wait after a failure, at first and at most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// Days of a mailbox that are read again when it numbers its mails anew.
const DAYS_AGAIN: i64 = 7;

/// Reads a mailbox.
pub(crate) struct Reader {
    pub(crate) server: MailServer,
    pub(crate) store: Store,
    pub(crate) incoming: Arc<Incoming>,
    pub(crate) metrics: MailMetrics,
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("cannot read the access token: {0}")]
    Token(std::io::Error),
    #[error("the mail server does not let {0} sign in: {1}")]
    SignIn(String, async_imap::error::Error),
    #[error("{0}")]
    Imap(#[from] async_imap::error::Error),
    #[error("the mail server did not respond in time")]
    Timeout(#[from] tokio::time::error::Elapsed),
    #[error("the mail server says nothing of {0}")]
    Missing(&'static str),
    #[error(transparent)]
    Accept(#[from] AcceptError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Stream for S {}

type Connection = Session<Box<dyn Stream>>;

impl Reader {
    /// Reads until `stop`; a failure is tried again after a pause that grows.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let outcome = tokio::select! {
                outcome = self.read(&mut failures) => outcome,
                () = stop.cancelled() => break,
            };
            self.metrics.imap_up.set(0.0);
            if let Err(error) = outcome {
                let server = &self.server.host;
                tracing::warn!(%error, server, "cannot read the mailbox of mail.imap_url; replies wait there; `shoptalk doctor` says what to change");
            }
            let pause = PAUSE.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
            failures += 1;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => break,
            }
        }
        self.metrics.imap_up.set(0.0);
    }

    /// Reads on one connection until it fails.
    async fn read(&self, failures: &mut u32) -> Result<(), ReadError> {
        let mut session = tokio::time::timeout(STEP_TIMEOUT, sign_in(&self.server)).await??;
        let name = self.name();
        let mailbox =
            tokio::time::timeout(STEP_TIMEOUT, session.examine(&self.server.mailbox)).await??;
        let uid_validity = mailbox
            .uid_validity
            .ok_or(ReadError::Missing("UIDVALIDITY"))?;
        let uid_next = mailbox.uid_next.ok_or(ReadError::Missing("UIDNEXT"))?;
        self.metrics.imap_up.set(1.0);
        *failures = 0;
        let known = self.store.mailbox_position(name.clone()).await?;
        let mut position = match known {
            Some(position) if position.uid_validity == uid_validity => position,
            Some(_) => {
                let uid = first_of_days(&mut session, uid_next).await?;
                MailboxPosition { uid_validity, uid }
            }
            None => MailboxPosition {
                uid_validity,
                uid: uid_next.saturating_sub(1),
            },
        };
        self.store
            .save_mailbox_position(name.clone(), position)
            .await?;
        loop {
            while session.unsolicited_responses.try_recv().is_ok() {}
            self.take_new(&mut session, &name, &mut position).await?;
            session = wait_for_news(session).await?;
        }
    }

    /// Hands in what has arrived, in order, and remembers how far it has come after each mail.
    async fn take_new(
        &self,
        session: &mut Connection,
        name: &str,
        position: &mut MailboxPosition,
    ) -> Result<(), ReadError> {
        let range = format!("UID {}:*", position.uid.saturating_add(1));
        let found = tokio::time::timeout(STEP_TIMEOUT, session.uid_search(range)).await??;
        // `n:*` has the newest mail even if it is older than n.
        let mut uids: Vec<u32> = found
            .into_iter()
            .filter(|uid| *uid > position.uid)
            .collect();
        uids.sort_unstable();
        for uid in uids {
            self.take(session, uid).await?;
            position.uid = uid;
            self.store
                .save_mailbox_position(name.to_owned(), *position)
                .await?;
        }
        Ok(())
    }

    async fn take(&self, session: &mut Connection, uid: u32) -> Result<(), ReadError> {
        let Some(size) = size(session, uid).await? else {
            // It was deleted meanwhile.
            return Ok(());
        };
        if size > MAIL_BYTES {
            let headers = fetch(
                session,
                uid,
                "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM TO)]",
            );
            let headers = headers.await?.unwrap_or_default();
            // One mail is told from another of the same size and headers.
            let headers = [headers, uid.to_be_bytes().to_vec()].concat();
            self.incoming.too_large(&headers, size).await?;
        } else if let Some(raw) = fetch(session, uid, "BODY.PEEK[]").await? {
            self.incoming.accept(raw).await?;
        }
        Ok(())
    }

    /// The mailbox, as the store knows it.
    fn name(&self) -> String {
        let user = self.server.login.as_ref().map_or("", |login| &login.user);
        format!("{user}@{}/{}", self.server.host, self.server.mailbox)
    }
}

/// Signs in and opens the mailbox, and reads no mail.
pub(super) async fn try_out(server: &MailServer) -> Result<(), TrialFailure> {
    let signed_in = sign_in(server).await;
    let mut session = signed_in.map_err(|error| match error {
        ReadError::SignIn(..) | ReadError::Token(_) => TrialFailure::SignIn(error.to_string()),
        error => TrialFailure::Connection(error.to_string()),
    })?;
    let opened = session.examine(&server.mailbox).await;
    opened.map_err(|error| TrialFailure::Refused(error.to_string()))?;
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, session.logout()).await;
    Ok(())
}

async fn sign_in(server: &MailServer) -> Result<Connection, ReadError> {
    let mut client = Client::new(connect(server).await?);
    client
        .read_response()
        .await?
        .ok_or(ReadError::Missing("itself"))?;
    let login = server.login.clone();
    let login = login.ok_or(ReadError::Missing("a user"))?;
    let user = login.user.clone();
    let is_token = login.is_token();
    let secret = tokio::task::spawn_blocking(move || login.secret())
        .await
        .map_err(std::io::Error::other)?
        .map_err(ReadError::Token)?;
    let outcome = match is_token {
        false => client.login(&user, secret.expose()).await,
        true => {
            let token = AccessToken {
                user: user.clone(),
                secret,
            };
            client.authenticate("XOAUTH2", token).await
        }
    };
    outcome.map_err(|(error, _)| ReadError::SignIn(user, error))
}

async fn connect(server: &MailServer) -> Result<Box<dyn Stream>, ReadError> {
    let MailServer { host, port, .. } = server;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    if server.security == MailSecurity::Plain {
        return Ok(Box::new(stream));
    }
    let config = tokio::task::spawn_blocking(https_client::trusting_authorities)
        .await
        .map_err(std::io::Error::other)?;
    let name = ServerName::try_from(host.clone()).map_err(std::io::Error::other)?;
    let tls = TlsConnector::from(Arc::new(config));
    Ok(Box::new(tls.connect(name, stream).await?))
}

/// Signs in with an access token.
struct AccessToken {
    user: String,
    secret: Secret,
}

impl Authenticator for AccessToken {
    type Response = String;

    fn process(&mut self, challenge: &[u8]) -> String {
        // A challenge says why the token was refused, and wants an empty response.
        match challenge.is_empty() {
            true => format!(
                "user={}\x01auth=Bearer {}\x01\x01",
                self.user,
                self.secret.expose()
            ),
            false => String::new(),
        }
    }
}

/// The number behind which the mails of the last days are.
async fn first_of_days(session: &mut Connection, uid_next: u32) -> Result<u32, ReadError> {
    let since = chrono::Utc::now() - chrono::TimeDelta::days(DAYS_AGAIN);
    let query = format!("SINCE {}", since.format("%d-%b-%Y"));
    let found = tokio::time::timeout(STEP_TIMEOUT, session.uid_search(query)).await??;
    Ok(found
        .into_iter()
        .min()
        .unwrap_or(uid_next)
        .saturating_sub(1))
}

async fn size(session: &mut Connection, uid: u32) -> Result<Option<usize>, ReadError> {
    let fetching = async {
        let mails = session
            .uid_fetch(uid.to_string(), "(UID RFC822.SIZE)")
            .await?;
        mails.try_collect::<Vec<_>>().await
    };
    let mails = tokio::time::timeout(STEP_TIMEOUT, fetching).await??;
    let mail = mails.into_iter().find(|mail| mail.uid == Some(uid));
    Ok(mail.and_then(|mail| mail.size).map(|size| size as usize))
}

async fn fetch(
    session: &mut Connection,
    uid: u32,
    what: &'static str,
) -> Result<Option<Vec<u8>>, ReadError> {
    let fetching = async {
        let query = format!("(UID {what})");
        let mails = session.uid_fetch(uid.to_string(), query).await?;
        mails.try_collect::<Vec<_>>().await
    };
    let mails = tokio::time::timeout(STEP_TIMEOUT, fetching).await??;
    let mail = mails.into_iter().find(|mail| mail.uid == Some(uid));
    Ok(mail.map(|mail| {
        let bytes = mail.body().or_else(|| mail.header());
        bytes.unwrap_or_default().to_vec()
    }))
}

/// Waits until the mailbox may have changed, or for a while.
async fn wait_for_news(session: Connection) -> Result<Connection, ReadError> {
    let news = session.unsolicited_responses.clone();
    let mut idle = session.idle();
    tokio::time::timeout(STEP_TIMEOUT, idle.init()).await??;
    // What came since the last look and before the server began to notify.
    let mut has_news = false;
    while let Ok(response) = news.try_recv() {
        has_news |= matches!(response, UnsolicitedResponse::Exists(_));
    }
    if !has_news {
        let (waiting, _stop) = idle.wait_with_timeout(IDLE_RENEW);
        // Servers that say every other minute that they are still there have to be asked again.
        if let Ok(outcome) = tokio::time::timeout(IDLE_RENEW, waiting).await {
            outcome?;
        }
    }
    Ok(tokio::time::timeout(STEP_TIMEOUT, idle.done()).await??)
}
