use std::time::Duration;

use hyper::http::header::RETRY_AFTER;
use hyper::http::{HeaderMap, StatusCode};

/// What a push service's reply means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// It will deliver the message.
    Accepted,
    /// It does not know the subscription any more.
    Gone,
    /// It will never take this message, or none of this server.
    Refused(String),
    /// It does not take it now.
    TryAgain {
        /// How long it wants to be left alone.
        after: Option<Duration>,
        why: String,
    },
    /// It was not reached, and will not be.
    Failed(String),
}

/// What became of a message to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The push service took it.
    Accepted,
    /// The push service does not know the device any more, so it was removed.
    Gone,
    /// The push service refused it.
    Refused(String),
    /// The push service could not be reached, or did not take it in time.
    Failed(String),
}

impl Reply {
    /// Reads a response.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let code = status.as_u16();
        match code {
            200..=299 => Self::Accepted,
            404 | 410 => Self::Gone,
            401 | 403 => Self::Refused(format!(
                "the push service refuses this server ({code}): switch the device off and on \
                 again, and check push.subject"
            )),
            429 => Self::TryAgain {
                after: retry_after(headers),
                why: "the push service wants fewer messages (429)".to_owned(),
            },
            408 | 500..=599 => Self::TryAgain {
                after: retry_after(headers),
                why: format!("the push service does not work at the moment ({code})"),
            },
            300..=399 => Self::Refused(format!(
                "the push service redirects ({code}), which is not followed: switch the device off \
                 and on again"
            )),
            _ => Self::Refused(format!(
                "the push service refuses the message ({code}): switch the device off and on again"
            )),
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Gone => Outcome::Gone,
            Self::Refused(why) => Outcome::Refused(why),
            Self::TryAgain { why, .. } | Self::Failed(why) => Outcome::Failed(why),
        }
    }
}

/// The wait that a response asks for; one given as a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}
