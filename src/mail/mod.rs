//! Mail: answers that a customer has not read go out, replies come in, and transcripts.
//!
//! `outgoing` sends what waits in the store, by `relay`; `plan` says when and what, `compose` how it
//! looks. `incoming` takes in what `imap` reads or a provider's hook brings: `received` is what a mail
//! says, `judge` what becomes of it, `quotes` what of it was written. `address` makes and recognises the
//! reply addresses, which alone decide where a mail belongs. `trial` tries the relay and the mailbox for
//! the doctor.
//!
//! It guarantees that a mail is sent at least once, and again only under the same id; and that a mail
//! that arrives again is no second message.

mod address;
mod compose;
mod follower;
mod imap;
mod incoming;
mod judge;
mod metrics;
mod outgoing;
mod plan;
mod quotes;
mod received;
mod relay;
mod service;
mod trial;
mod words;

pub(crate) use incoming::Accepted;
pub(crate) use metrics::MailMetrics;
pub(crate) use received::MAIL_BYTES;
pub(crate) use service::{Asker, Mail};
pub(crate) use trial::{TRIAL_TIMEOUT, Trial, TrialFailure, try_mailbox, try_relay};

/// Whether mail can be sent to this.
pub(crate) fn is_address(text: &str) -> bool {
    text.is_ascii() && text.parse::<lettre::Address>().is_ok()
}
