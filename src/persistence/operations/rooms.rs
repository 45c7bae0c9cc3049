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
    /// Change several things at once: all of them or none.
    Change(Box<RoomPatch>),
    /// Rate the newest closing, for the visitor.
    Rate(NewRating),
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

impl RoomOp {
    /// Changes what agents alone know.
    pub fn set_desk(desk: DeskPatch) -> Self {
        Self::Change(Box::new(RoomPatch {
            desk,
            ..RoomPatch::default()
        }))
    }

    /// Changes the customer's details.
    pub fn set_details(details: DetailsPatch) -> Self {
        Self::Change(Box::new(RoomPatch {
            details,
            ..RoomPatch::default()
        }))
    }

    /// Blocks the room's visitor, or lifts the block.
    pub fn set_block(block: SetBlock) -> Self {
        Self::Change(Box::new(RoomPatch {
            block: Some(block),
            ..RoomPatch::default()
        }))
    }
}

/// A change of a room in several respects. It is one change: it raises the version by one and has
/// one place in the order of changes. What is empty stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomPatch {
    /// What agents alone know. When it is refused, nothing else is changed.
    pub desk: DeskPatch,
    /// The customer's details.
    pub details: DetailsPatch,
    /// Whether the visitor may post.
    pub block: Option<SetBlock>,
    /// The status, as in [`RoomOp::SetStatus`], and whose name its message carries.
    pub status: Option<(Status, Sender)>,
}

impl RoomPatch {
    /// What does it; `None` when it is empty. A status alone is [`RoomOp::SetStatus`], which shares
    /// its transaction with other writes.
    pub fn into_op(self) -> Option<RoomOp> {
        let has_more = !self.desk.is_empty() || !self.details.is_empty() || self.block.is_some();
        match self.status {
            Some((status, by)) if !has_more => Some(RoomOp::SetStatus { status, by }),
            None if !has_more => None,
            _ => Some(RoomOp::Change(Box::new(self))),
        }
    }
}

/// A block of a room's visitor from posting in any room, or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetBlock {
    /// Whether posts are refused from now on.
    pub blocked: bool,
    /// When the block ends by itself, if ever.
    pub until: Option<Timestamp>,
    /// On whose behalf, for the audit.
    pub by: Principal,
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
    /// The status changed, and this `system` message was appended. Details, the block and the desk may
    /// have changed with it.
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
    /// Details or the block changed, and maybe the desk.
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
