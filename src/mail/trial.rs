//! Tries the relay and the mailbox in the way in which mail uses them, for the doctor. It sends no mail
//! and reads none.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::address::ReplyAddresses;
use super::imap;
use super::relay::Relay;
use crate::config::{MailConfig, MailServer};

/// How long a trial may take.
pub(crate) const TRIAL_TIMEOUT: Duration = Duration::from_secs(15);

/// How a trial ended.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// The server that was tried.
    pub(crate) server: MailServer,
    /// Whether it can be used.
    pub(crate) outcome: Result<(), TrialFailure>,
    /// How long that took.
    pub(crate) took: Duration,
}

/// Why a mail server cannot be used, by what has to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrialFailure {
    /// There is no connection, or none with the protection that is configured.
    Connection(String),
    /// The server did not respond in time.
    Timeout,
    /// It does not let the user sign in.
    SignIn(String),
    /// A relay takes no mail from the configured sender; a mailbox cannot be read.
    Refused(String),
}

/// Tries what sends mail: connects, signs in, and names a sender. `None` if nothing does.
pub(crate) async fn try_relay(config: &MailConfig) -> Option<Trial> {
    let (server, from) = (config.smtp.clone()?, config.from.clone()?);
    // Mail about a room has an address like this one as its sender, which some relays refuse.
    let addresses = ReplyAddresses::new(rand::random(), from.email.clone(), "");
    let sender = addresses.of_room(Uuid::nil());
    let relay = Relay::new(server.clone(), from.email.domain());
    Some(within_the_time(server, relay.try_out(sender)).await)
}

/// Tries what replies are read from: connects, signs in, and opens the mailbox. `None` if nothing is.
pub(crate) async fn try_mailbox(config: &MailConfig) -> Option<Trial> {
    let server = config.imap.clone()?;
    Some(within_the_time(server.clone(), imap::try_out(&server)).await)
}

async fn within_the_time(
    server: MailServer,
    trying: impl Future<Output = Result<(), TrialFailure>>,
) -> Trial {
    let started = Instant::now();
    let outcome = tokio::time::timeout(TRIAL_TIMEOUT, trying).await;
    Trial {
        server,
        outcome: outcome.unwrap_or(Err(TrialFailure::Timeout)),
        took: started.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MailSecurity;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_given_up() {
        let server = MailServer {
            host: "mail.example".to_owned(),
            port: 25,
            security: MailSecurity::Plain,
            login: None,
            mailbox: "INBOX".to_owned(),
        };
        let trial = within_the_time(server, std::future::pending()).await;
        assert_eq!(trial.outcome, Err(TrialFailure::Timeout));
    }
}
