//! What an import hands to the store: rooms of another program with their logs, as data.

use crate::chat::{Details, MessageId, PastMessage, RoomId, SenderType, Timestamp, VisitorId};
use crate::persistence::TokenHash;

/// A room with all of its log.
#[derive(Debug, Clone)]
pub struct ImportedRoom {
    /// Its id, the same as in the source.
    pub id: RoomId,
    /// Whose room it is.
    pub visitor: ImportedVisitor,
    /// The customer's details; unsigned.
    pub details: Details,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Whether it is closed. Otherwise the status follows from its last message.
    pub closed: bool,
    /// Its log, in the order of the seqs.
    pub messages: Vec<ImportedMessage>,
}

/// The visitor of an imported room, made if the store does not know them.
#[derive(Debug, Clone)]
pub struct ImportedVisitor {
    /// The id of a visitor who has to be made.
    pub id: VisitorId,
    /// The `sub` of the identities that the shop signs; without it the visitor is found by `id`.
    pub user: Option<String>,
    /// A token that is stored when the visitor is made, and never later: it may have ended since.
    pub token: Option<TokenHash>,
}

/// A message of an imported room.
#[derive(Debug, Clone)]
pub struct ImportedMessage {
    /// The message.
    pub message: PastMessage,
    /// The other id under which an earlier run may have stored it.
    pub also_known_as: MessageId,
    /// Whether the other side has read it.
    pub is_read: bool,
}

/// What the import of a room did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomImport {
    /// Whether the room was made.
    pub created: bool,
    /// Messages that were appended.
    pub added: u64,
    /// Messages that were there before.
    pub present: u64,
    /// Whether the room was left out because it, or its visitor, was erased.
    pub erased: bool,
}

impl RoomImport {
    /// The outcome for a room that was erased.
    pub(crate) const ERASED: Self = Self {
        created: false,
        added: 0,
        present: 0,
        erased: true,
    };

    /// The outcome for a room of which `added` messages were missing.
    pub(crate) fn counted(room: &ImportedRoom, created: bool, added: usize) -> Self {
        Self {
            created,
            added: added as u64,
            present: (room.messages.len() - added) as u64,
            erased: false,
        }
    }
}

/// A room as an import has read it.
#[derive(Debug, Clone)]
pub struct StagedRoom {
    /// Its id.
    pub id: RoomId,
    /// Name, address and phone of the customer, made to fit.
    pub details: Details,
    /// The browser session that it was opened in.
    pub session_key: Option<String>,
    /// The user who opened it: a primary key, or a natural one.
    pub user: Option<String>,
    /// Whether `user` is a natural key.
    pub user_is_natural: bool,
    /// Whether it was closed.
    pub closed: bool,
    /// When it was opened, if that is known.
    pub created_at: Option<Timestamp>,
}

/// A message as an import has read it.
#[derive(Debug, Clone)]
pub struct StagedMessage {
    /// Its room, which may be missing.
    pub room: RoomId,
    /// Its primary key.
    pub key: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Which side wrote it.
    pub sender_type: SenderType,
    /// The name of its sender, if it had one.
    pub sender_name: Option<String>,
    /// The text, of any length.
    pub content: String,
    /// Whether the other side has read it.
    pub is_read: bool,
}

/// A user as an import has read them.
#[derive(Clone)]
pub struct StagedUser {
    /// The primary key.
    pub key: String,
    /// The user name, if users have one.
    pub username: Option<String>,
    /// The email address.
    pub email: Option<String>,
    /// First and last name.
    pub display_name: Option<String>,
    /// The hash of the password.
    pub password: Option<String>,
    /// May use the shop's back office.
    pub is_staff: bool,
    /// May do everything there.
    pub is_superuser: bool,
    /// May sign in.
    pub is_active: bool,
}

/// Why the scratch file of an import cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StagingError {
    /// The disk is full.
    #[error(
        "the disk is full; sorting needs as much free space in the data directory as the source has"
    )]
    Full,
    /// Anything else.
    #[error("the scratch file in the data directory cannot be used: {0}")]
    Failed(String),
}

/// A value in a file of another program.
#[derive(Debug, Clone, PartialEq)]
pub enum ForeignValue {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text, or bytes that were read as text.
    Text(String),
}

/// Why a file of another program cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {}: {cause}", path.display())]
pub struct ForeignFileError {
    /// Which file.
    pub path: std::path::PathBuf,
    /// Why, and what to do where there is something.
    pub cause: String,
}
