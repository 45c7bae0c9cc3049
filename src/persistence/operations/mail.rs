//! Mail that goes out, and what is remembered of mail that has come in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::chat::{RoomId, Timestamp};

/// What an outgoing mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailKind {
    /// Answers that a customer has not read.
    Answers,
    /// A conversation that somebody asked for.
    Transcript,
    /// A notice to the shop that a customer waits.
    Alert,
}

impl MailKind {
    const ALL: [Self; 3] = [Self::Answers, Self::Transcript, Self::Alert];

    /// Its number in the store.
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Answers => 0,
            Self::Transcript => 1,
            Self::Alert => 2,
        }
    }

    pub(crate) fn of_code(code: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }
}

/// A mail to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// Decides the mail's id, so that a repeated one is recognised. One that is known is queued once.
    pub id: Uuid,
    /// What it is.
    pub kind: MailKind,
    /// The room that it is about.
    pub room: Option<RoomId>,
    /// In lower case.
    pub recipient: String,
    /// The room's messages up to here are in it.
    pub until_seq: u64,
    /// Subject and text of what is not made from a room's messages.
    pub text: Option<(String, String)>,
}

/// How much mail somebody may cause within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailBudget {
    /// Transcripts of one room.
    pub by_room: u64,
    /// Mails to one address.
    pub by_address: u64,
}

/// What came of queueing a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// It is, or was already.
    Yes,
    /// The room or the address has had what it may have within a day.
    OverBudget,
}

/// A mail that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMail {
    /// Decides its id.
    pub id: Uuid,
    /// What it is.
    pub kind: MailKind,
    /// The room that it is about.
    pub room: Option<RoomId>,
    /// `None` until it is decided, right before the first attempt.
    pub recipient: Option<String>,
    /// Messages behind this one are in it.
    pub after_seq: u64,
    /// Messages up to this one are in it; decided with the recipient.
    pub until_seq: Option<u64>,
    /// Subject and text of what is not made from a room's messages.
    pub text: Option<(String, String)>,
    /// Attempts that have failed.
    pub tries: u32,
    /// When it is to be sent.
    pub due: Timestamp,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// What is known about mail with answers of one room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswersMail {
    /// The mail that waits.
    pub waiting: Option<DueMail>,
    /// Messages up to this seq were mailed.
    pub mailed_seq: u64,
    /// When the newest mail was sent.
    pub mailed_at: Option<Timestamp>,
}

/// What came of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailOutcome {
    /// The relay has taken it.
    Sent,
    /// There was no reason to send it any more.
    Dropped,
    /// The relay refused it for good, with these words.
    Failed(String),
}

/// Why a mail that came in is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// It is larger than what is read.
    TooLarge,
    /// It is not a mail that can be read.
    Unreadable,
    /// A program sent it: an automatic reply, a list.
    Automatic,
    /// This server sent it.
    OwnMail,
    /// It reports about mail that was not delivered.
    DeliveryReport,
    /// No recipient is a reply address.
    NoReplyAddress,
    /// Its reply address was not made by this server.
    Forged,
    /// It has no sender, or several.
    NoSender,
    /// Its sender is not whom the mail was sent to.
    ForeignSender,
    /// The room does not exist any more.
    NoRoom,
    /// The room's visitor is blocked.
    Blocked,
    /// Nothing was written in it.
    Empty,
}

impl QuarantineReason {
    /// All reasons; the place of each is its number in the store.
    pub const ALL: [Self; 12] = [
        Self::TooLarge,
        Self::Unreadable,
        Self::Automatic,
        Self::OwnMail,
        Self::DeliveryReport,
        Self::NoReplyAddress,
        Self::Forged,
        Self::NoSender,
        Self::ForeignSender,
        Self::NoRoom,
        Self::Blocked,
        Self::Empty,
    ];

    /// The word in metrics and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::Automatic => "automatic",
            Self::OwnMail => "own_mail",
            Self::DeliveryReport => "delivery_report",
            Self::NoReplyAddress => "no_reply_address",
            Self::Forged => "forged",
            Self::NoSender => "no_sender",
            Self::ForeignSender => "foreign_sender",
            Self::NoRoom => "no_room",
            Self::Blocked => "blocked",
            Self::Empty => "empty",
        }
    }

    /// Its number in the store.
    pub(crate) fn code(self) -> i16 {
        let place = Self::ALL.iter().position(|reason| *reason == self);
        place
            .and_then(|place| i16::try_from(place).ok())
            .unwrap_or_default()
    }

    pub(crate) fn of_code(code: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }
}

/// A mail that came in and became no message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct QuarantinedMail {
    /// SHA-256 of the mail, in hexadecimal digits.
    pub id: String,
    /// Why.
    pub reason: QuarantineReason,
    /// Whom it says that it is from.
    pub from: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// The room of its reply address, if that is ours.
    #[schema(value_type = Option<Uuid>)]
    pub room_id: Option<RoomId>,
    /// Its bytes.
    pub size: u64,
    /// The beginning of its text.
    pub text: Option<String>,
    /// When it came.
    pub at: Timestamp,
}

/// An address that mail does not reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BouncedAddress {
    /// In lower case.
    pub address: String,
    /// When that was noticed last.
    pub at: Timestamp,
    /// Why, as a mail server said it.
    pub reason: String,
    /// A conversation that was mailed there, if that is still remembered.
    #[schema(value_type = Option<Uuid>)]
    pub room_id: Option<RoomId>,
}

/// How far a mailbox was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxPosition {
    /// The mailbox numbers its mails anew when this changes.
    pub uid_validity: u32,
    /// Mails up to this number were read.
    pub uid: u32,
}
