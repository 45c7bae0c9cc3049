//! The record of a room, and the rules of a conversation.
//!
//! A [`RoomRecord`] is all that the store keeps of a room apart from its messages. Its methods are
//! what a message, a status, a read mark or a patch of details does to it; they guarantee that every
//! change raises the version, that a message gets the next seq, and that read marks only move
//! forward. They are pure: the store loads a record inside a transaction, has a method change it
//! (through `src/persistence/rules`), and writes it back in the same transaction.
//!
//! Read next: `rules.rs` for the rules about status and blocks. `record/past.rs` is for imports.

mod past;

use serde::{Deserialize, Serialize};

pub use self::past::PastMessage;
use super::details::apply_field;
use super::rules;
use super::{
    AgentId, AssigneeMoved, ChangeId, Desk, DeskPatch, DetailsPatch, LastMessage, Message,
    MessageId, Names, Room, SenderType, Side, SignedFields, Status, Summary, SystemEvent,
    Timestamp, Via, VisitorId,
};

/// Everything that the store keeps of a room apart from its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRecord {
    /// The room as both sides see it.
    pub room: Room,
    /// Whose room it is.
    pub visitor_id: VisitorId,
    /// The visitor may not post.
    pub blocked: bool,
    /// Which details are signed.
    pub signed: SignedFields,
    /// Counts the room's changes of any kind. The record with the higher one is the newer one.
    pub version: u64,
    /// The room's newest change in the order of all changes of listed rooms; number 0 until the room
    /// is listed.
    pub change: ChangeId,
    /// Customer messages past the agents' read mark.
    pub unread_count: u64,
    /// When the first unanswered customer message was committed.
    pub waiting_since: Option<Timestamp>,
    /// What a summary shows of the newest message.
    pub last_message: Option<LastMessage>,
    /// What agents alone know.
    #[serde(default)]
    pub desk: Desk,
}

/// Who acts in a room, with the name that others see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// The room's visitor, shown with the room's customer name.
    Visitor,
    /// An agent.
    Agent {
        /// Which one.
        id: AgentId,
        /// The name that the customer sees.
        display_name: String,
    },
    /// A program of the shop, by an API token.
    Token {
        /// The token's name, which the customer sees.
        name: String,
    },
}

impl Sender {
    /// The sender's side.
    pub fn side(&self) -> Side {
        match self {
            Self::Visitor => Side::Visitor,
            Self::Agent { .. } | Self::Token { .. } => Side::Agent,
        }
    }

    /// Which agent it is, if any.
    pub fn agent_id(&self) -> Option<AgentId> {
        match self {
            Self::Visitor | Self::Token { .. } => None,
            Self::Agent { id, .. } => Some(*id),
        }
    }

    /// The sender's name in `room`.
    pub fn name<'a>(&'a self, room: &'a Room) -> &'a str {
        match self {
            Self::Visitor => room.display_name(),
            Self::Agent { display_name, .. } => display_name,
            Self::Token { name } => name,
        }
    }
}

/// A message that has no seq yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Chosen by the sender, so that a retry is recognised.
    pub id: MessageId,
    /// Who posts.
    pub sender: Sender,
    /// It has passed [`limits::check_content`](super::limits::check_content).
    pub content: String,
    /// How it came in, if not through the chat.
    pub via: Option<Via>,
}

/// What a message says, apart from its place in the log.
struct Entry {
    sender_type: SenderType,
    sender_name: String,
    agent_id: Option<AgentId>,
    content: String,
    via: Option<Via>,
    event: Option<SystemEvent>,
}

/// A read mark would pass the newest message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("seq {asked} is past the newest message, {head}")]
pub struct PastHead {
    /// The seq of the request.
    pub asked: u64,
    /// The newest seq.
    pub head: u64,
}

impl RoomRecord {
    /// Whether consoles list the room, which they do from its first message on.
    pub fn is_listed(&self) -> bool {
        self.room.last_seq > 0
    }

    /// Whether this state of a room comes after another one.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.version > other.version
    }

    /// The room as the console lists it.
    pub fn summary(&self, customer_online: bool, names: &Names) -> Summary {
        Summary {
            room: self.room.clone(),
            last_message: self.last_message.clone(),
            unread_count: self.unread_count,
            waiting_since: self.waiting_since,
            customer_online,
            blocked: self.blocked,
            assignee: self.desk.assignee.map(|id| names.assignee(id)),
            tags: names.tags(&self.desk.tags),
            spam: self.desk.spam,
            snoozed_until: self.desk.snoozed_until,
            version: self.version,
        }
    }

    /// Appends a message at the next seq. The status follows
    /// [`rules::status_after_message`]; no read mark moves. The first agent who answers is the
    /// assignee; the visitor's next word ends a snooze.
    pub fn post(&mut self, draft: Draft, now: Timestamp) -> Message {
        let side = draft.sender.side();
        let sender_name = draft.sender.name(&self.room).to_owned();
        match side {
            Side::Visitor => {
                self.unread_count += 1;
                self.desk.snoozed_until = None;
            }
            Side::Agent => self.desk.assignee = self.desk.assignee.or(draft.sender.agent_id()),
        }
        self.enter(rules::status_after_message(side), now);
        let entry = Entry {
            sender_type: side.into(),
            agent_id: draft.sender.agent_id(),
            sender_name,
            content: draft.content,
            via: draft.via,
            event: None,
        };
        self.append(draft.id, entry, now)
    }

    /// Sets the status and returns the `system` message that records it, or `None` when the room
    /// has that status already; see [`rules::event_of_status`].
    ///
    /// # Panics
    ///
    /// In debug builds when `status` is `waiting`.
    pub fn set_status(
        &mut self,
        status: Status,
        by: &Sender,
        id: MessageId,
        now: Timestamp,
    ) -> Option<Message> {
        let event = rules::event_of_status(self, status)?;
        self.enter(status, now);
        let name = by.name(&self.room).to_owned();
        let entry = Entry {
            sender_type: SenderType::System,
            sender_name: name,
            agent_id: by.agent_id(),
            content: event.content().to_owned(),
            via: None,
            event: Some(event),
        };
        Some(self.append(id, entry, now))
    }

    /// Moves one side's read mark forward. Returns whether it moved; if the agents' mark did, the
    /// caller counts the unread messages again.
    pub fn mark_read(&mut self, side: Side, seq: u64, now: Timestamp) -> Result<bool, PastHead> {
        if seq > self.room.last_seq {
            return Err(PastHead {
                asked: seq,
                head: self.room.last_seq,
            });
        }
        let mark = match side {
            Side::Visitor => &mut self.room.customer_read_seq,
            Side::Agent => &mut self.room.admin_read_seq,
        };
        if seq <= *mark {
            return Ok(false);
        }
        *mark = seq;
        self.touch(now);
        Ok(true)
    }

    /// The text of a message was removed; a summary must not go on showing it.
    pub fn redact(&mut self, seq: u64, now: Timestamp) {
        if let Some(last) = self.last_message.as_mut().filter(|last| last.seq == seq) {
            last.content.clear();
        }
        self.touch(now);
    }

    /// Agents wrote a note about the room. It moves the version, and nothing that a visitor can see.
    pub fn note(&mut self) {
        self.touch_unseen();
    }

    /// Changes the customer's details as far as the patch's authority allows. Returns whether
    /// anything has changed.
    pub fn set_details(&mut self, patch: DetailsPatch, now: Timestamp) -> bool {
        let DetailsPatch {
            name,
            email,
            phone,
            page_url,
            authority,
        } = patch;
        // The page is never signed.
        let mut page_is_signed = false;
        let changed = [
            apply_field(
                &mut self.room.customer_name,
                &mut self.signed.name,
                name,
                authority,
            ),
            apply_field(
                &mut self.room.customer_email,
                &mut self.signed.email,
                email,
                authority,
            ),
            apply_field(
                &mut self.room.customer_phone,
                &mut self.signed.phone,
                phone,
                authority,
            ),
            apply_field(
                &mut self.room.page_url,
                &mut page_is_signed,
                page_url,
                super::Authority::Visitor,
            ),
        ]
        .contains(&true);
        if changed {
            self.touch(now);
        }
        changed
    }

    /// Changes what agents alone know. Returns whether anything has changed.
    ///
    /// # Errors
    ///
    /// When another agent was quicker.
    pub fn set_desk(&mut self, patch: &DeskPatch) -> Result<bool, AssigneeMoved> {
        let changed = self.desk.apply(patch)?;
        if changed {
            // Not `updated_at`, which the visitor sees.
            self.version += 1;
        }
        Ok(changed)
    }

    /// Something has changed that is stored beside the room, for agents alone: a rating, a suggestion, the
    /// visitor's page. Consoles learn of it by the version; nothing changes that a visitor can see.
    pub fn changed_for_agents(&mut self) {
        self.version += 1;
    }

    /// Blocks the visitor or lifts the block, which is stored with the visitor. Returns whether
    /// anything has changed.
    pub fn set_blocked(&mut self, blocked: bool, now: Timestamp) -> bool {
        if self.blocked == blocked {
            return false;
        }
        self.blocked = blocked;
        self.visitor_changed(now);
        true
    }

    /// The visitor was blocked or unblocked, which is stored with the visitor.
    pub fn visitor_changed(&mut self, now: Timestamp) {
        self.touch(now);
    }

    /// Moves the room to another visitor, after the anonymous one has signed in.
    pub fn move_to(
        &mut self,
        visitor_id: VisitorId,
        user: Option<String>,
        blocked: bool,
        now: Timestamp,
    ) {
        self.visitor_id = visitor_id;
        self.room.user = user;
        self.blocked = blocked;
        self.touch(now);
    }

    fn enter(&mut self, status: Status, now: Timestamp) {
        self.waiting_since = rules::waiting_since(self, status, now);
        self.room.status = status;
    }

    fn append(&mut self, id: MessageId, entry: Entry, now: Timestamp) -> Message {
        self.room.last_seq += 1;
        self.room.last_message_at = Some(now);
        self.touch(now);
        let message = Message {
            id,
            room_id: self.room.id,
            seq: self.room.last_seq,
            sender_type: entry.sender_type,
            sender_name: entry.sender_name,
            content: entry.content,
            event: entry.event,
            is_read: false,
            redacted: false,
            via: entry.via,
            agent_id: entry.agent_id,
            created_at: now,
        };
        self.last_message = Some(LastMessage::from(&message));
        message
    }

    fn touch(&mut self, now: Timestamp) {
        self.touch_unseen();
        self.room.updated_at = now;
    }

    /// Only agents can see what has changed.
    fn touch_unseen(&mut self) {
        self.version += 1;
    }
}

#[cfg(test)]
mod tests;
