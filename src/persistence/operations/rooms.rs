//! Changes of a room, and pages of its log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::chat::{
    DeskPatch, DetailsPatch, Draft, Message, NewRating, Note, NoteDraft, PageVisit, Rating, RoomId,
    RoomRecord, Sender, Side, Status, Suggestion, Timestamp, for_agents,
};
use crate::persistence::Principal;

/// What can be done to a room.
#[derive(Debug, Clone)]
pub enum RoomOp {
    /// Append a message.
    Post(Draft),
    /// Move a side's read mark forward.
    MarkRead {
        /// Whose mark.
        side: Side,
        /// How far it moves.
        seq: u64,
    },
    /// Set the status, which a `system` message in the log records.
    SetStatus {
        /// `active` or `closed`; nobody sets a room `waiting` by hand.
        status: Status,
        /// Whose name that message carries.
        by: Sender,
    },
    /// Change the customer's details.
    SetDetails(DetailsPatch),
    /// Block the room's visitor from posting in any room, or lift the block.
    SetBlocked {
        /// Whether posts are refused from now on.
        blocked: bool,
        /// When the block ends by itself, if ever.
        until: Option<Timestamp>,
        /// On whose behalf, for the audit.
        by: Principal,
    },
    /// Rate the newest closing, for the visitor.
    Rate(NewRating),
    /// Change what agents alone know.
    SetDesk(Box<DeskPatch>),
    /// Note on which page the visitor is.
    Visit {
        /// It has passed [`check_page`](crate::chat::check_page).
        url: String,
    },
    /// Put a suggestion for agents in the place of the one before.
    Suggest(NewSuggestion),
    /// Remove the suggestion.
    Unsuggest,
    /// Remove the text of a message for good. Its place stays.
    Redact {
        /// Which message.
        seq: u64,
        /// On whose behalf, for the audit.
        by: Principal,
    },
    /// Add a note, which only agents see.
    Note(NoteDraft),
}

/// A suggestion to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSuggestion {
    /// The newest message that it takes into account.
    pub after_seq: u64,
    /// It has passed [`check_content`](crate::chat::limits::check_content).
    pub content: String,
    /// Who or what made it.
    pub by: String,
}

/// What a [`RoomOp`] did. Other nodes are sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// A message was appended.
    Posted(#[serde(serialize_with = "for_agents::message")] Message),
    /// The message was there already; nothing changed.
    Duplicate(#[serde(serialize_with = "for_agents::message")] Message),
    /// A mark moved.
    ReadMoved {
        /// Whose mark.
        side: Side,
        /// Where it is now.
        seq: u64,
    },
    /// The status changed, and this `system` message was appended.
    StatusChanged(#[serde(serialize_with = "for_agents::message")] Message),
    /// The text of this message was removed.
    Redacted {
        /// Which message.
        seq: u64,
    },
    /// The visitor has rated the newest closing.
    Rated {
        /// The rating as it is now.
        rating: Rating,
        /// Whether it is the first one of this closing.
        is_first: bool,
    },
    /// This is the suggestion now, or there is none.
    Suggested(Option<Suggestion>),
    /// The visitor is on this page.
    Visited(PageVisit),
    /// A note was added.
    Noted(Note),
    /// The note was there already; nothing changed.
    DuplicateNote(Note),
    /// Details or the block changed.
    DetailsChanged,
    /// What agents alone know has changed.
    DeskChanged,
    /// Nothing changed.
    Unchanged,
}

impl Effect {
    /// Whether the room is another one than before.
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::Duplicate(_) | Self::DuplicateNote(_) | Self::Unchanged
        )
    }
}

/// A committed [`RoomOp`].
#[derive(Debug, Clone)]
pub struct RoomCommit {
    /// The room after the commit.
    pub record: Arc<RoomRecord>,
    /// What happened.
    pub effect: Effect,
    /// Other rooms that changed in the same commit (a block reaches all rooms of
    /// its visitor; if these are very many, the others follow later).
    pub also_changed: Vec<RoomId>,
}

/// A page of a room's log, in seq order.
#[derive(Debug, Clone, Default)]
pub struct MessagePage {
    /// At most as many as asked for, and 128 KiB of JSON, but at least one if
    /// there is any.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction that was read.
    pub more: bool,
    /// The room's newest seq at the moment of reading.
    pub head: u64,
}
