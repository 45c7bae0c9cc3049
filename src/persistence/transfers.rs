//! What an export writes and an import reads: the database's rows as the protocol shows them.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::chat::{
    Agent, BadWho, Desk, Message, Note, Rating, Room, RoomId, RoomRecord, SignedFields, Tag,
    Timestamp, VisitorId, Who, for_agents,
};
use crate::persistence::{NotePage, SeveralPeople, StoreError, WriteError, json_size};

/// One line of an export. It has no secret: no token, no password hash, no session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TransferLine {
    /// An agent. Agents come first.
    Agent(Agent),
    /// A tag. Tags come after the agents.
    Tag(Tag),
    /// A visitor, before the first of their rooms.
    Visitor(TransferVisitor),
    /// A room, followed by its messages.
    Room(TransferRoom),
    /// A message of the room before it.
    Message(#[serde(serialize_with = "for_agents::exported")] Message),
    /// A rating of the room before it, after its messages.
    Rating(TransferRating),
    /// A note about the room before it, after its messages and ratings. Not in the export of a person.
    Note(Note),
}

/// A visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferVisitor {
    /// Which visitor.
    pub id: VisitorId,
    /// The signed identity's `sub`; null for an anonymous visitor.
    pub user: Option<String>,
    /// Whether the visitor is kept from posting.
    pub blocked: bool,
    /// When they came.
    pub created_at: Timestamp,
}

/// A room, as it was when its messages were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRoom {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// Whose room it is.
    pub visitor_id: VisitorId,
    /// Which of the customer's details are signed.
    #[serde(default)]
    pub signed: SignedFields,
    /// What agents alone know of it. Absent if nothing is set, and in the export of a person.
    #[serde(default, skip_serializing_if = "Desk::is_empty")]
    pub desk: Desk,
}

/// What a customer thinks of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRating {
    /// Which room.
    pub room_id: RoomId,
    /// The rating.
    #[serde(flatten)]
    pub rating: Rating,
}

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportScope {
    /// Everything.
    All,
    /// The rooms of one person, without agents.
    Person(Who),
    /// One room, without agents.
    Room(RoomId),
}

impl ExportScope {
    /// The scope of a request that names a person, a room, or nothing.
    ///
    /// # Errors
    ///
    /// When it names both, or nothing that can be.
    pub fn parse(person: Option<&str>, room: Option<&str>) -> Result<Self, BadScope> {
        match (person, room) {
            (None, None) => Ok(Self::All),
            (Some(who), None) => Ok(Self::Person(who.parse()?)),
            (None, Some(id)) => crate::chat::parse_uuid(id)
                .map(Self::Room)
                .ok_or(BadScope::Room),
            (Some(_), Some(_)) => Err(BadScope::Both),
        }
    }
}

/// A request names nothing that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadScope {
    /// The text does not name a person.
    #[error(transparent)]
    Person(#[from] BadWho),
    /// The text is not the id of a room.
    #[error("a room is named by its id, a hyphenated UUID as in the console's address")]
    Room,
    /// It names both a person and a room.
    #[error("name a person or a room, not both")]
    Both,
}

/// Why an export failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// No visitor matches.
    #[error(
        "no visitor matches; the user has to be named exactly, email and phone as a conversation has them"
    )]
    NoSuchPerson,
    /// Several users have the address or number.
    #[error(transparent)]
    Ambiguous(#[from] SeveralPeople),
    /// There is no such room.
    #[error("there is no room with this id")]
    NoSuchRoom,
    /// The room was erased while its messages were read.
    #[error("the room {0} was erased while it was exported; export again")]
    RoomErased(RoomId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for ExportError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => Self::Store(error),
            WriteError::Refused(refusal) => Self::Store(StoreError::Internal(refusal.to_string())),
        }
    }
}

/// An export in progress: what it holds was fixed when it began. It keeps eight bytes for each room
/// and the ids of the visitors, and no message.
#[derive(Debug, Clone)]
pub struct ExportCursor {
    /// Agents that are to be written before everything else.
    pub(crate) agents: Vec<Agent>,
    /// Tags that are to be written next.
    pub(crate) tags: Vec<Tag>,
    /// The keys of the rooms, those with the oldest newest message first.
    pub(crate) rooms: Arc<Vec<i64>>,
    /// How many of them were begun.
    pub(crate) begun: usize,
    /// The room whose messages come next.
    pub(crate) open: Option<OpenExport>,
    /// The room whose notes come next.
    pub(crate) open_notes: Option<OpenNotes>,
    /// Whether what only agents see is left out.
    pub(crate) is_of_person: bool,
    /// Visitors whose lines were written.
    pub(crate) visitors: HashSet<Uuid>,
    /// Messages that were written.
    pub done: u64,
    /// Messages that the rooms had at the start.
    pub total: u64,
}

/// A room of which messages are still to be read.
#[derive(Debug, Clone)]
pub(crate) struct OpenExport {
    /// The room's key.
    pub(crate) pk: i64,
    pub(crate) room: Room,
    /// The newest seq that was read.
    pub(crate) after: u64,
}

/// A room of which notes are still to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenNotes {
    /// The room's key.
    pub(crate) pk: i64,
    pub(crate) room_id: RoomId,
    /// The newest seq of the room's line: notes behind later messages are left out.
    pub(crate) head: u64,
    /// The newest number that was read.
    pub(crate) after: u64,
}

impl ExportCursor {
    /// The lines that come before all rooms.
    pub(crate) fn first_lines(&mut self) -> Vec<TransferLine> {
        let agents = self.agents.drain(..).map(TransferLine::Agent);
        agents
            .chain(self.tags.drain(..).map(TransferLine::Tag))
            .collect()
    }

    /// The line of a room.
    pub(crate) fn room_line(&self, record: &RoomRecord) -> TransferLine {
        TransferLine::Room(TransferRoom {
            room: record.room.clone(),
            visitor_id: record.visitor_id,
            signed: record.signed,
            desk: match self.is_of_person {
                true => Desk::default(),
                false => record.desk.clone(),
            },
        })
    }

    /// Continues with the notes of a room.
    pub(crate) fn open_notes(&mut self, pk: i64, room_id: RoomId, head: u64) {
        self.open_notes = (!self.is_of_person).then_some(OpenNotes {
            pk,
            room_id,
            head,
            after: 0,
        });
    }

    /// Takes a page of a room's notes, and says how many bytes it has.
    pub(crate) fn take_notes(
        &mut self,
        open: OpenNotes,
        page: NotePage,
        lines: &mut Vec<TransferLine>,
    ) -> usize {
        let notes = page.notes.into_iter();
        let notes: Vec<Note> = notes.take_while(|it| it.after_seq <= open.head).collect();
        if page.more && notes.last().is_some_and(|last| last.no == page.reached) {
            self.open_notes = Some(OpenNotes {
                after: page.reached,
                ..open
            });
        }
        let bytes = notes.iter().map(json_size::note).sum();
        lines.extend(notes.into_iter().map(TransferLine::Note));
        bytes
    }

    /// The line of a message.
    pub(crate) fn message_line(&self, mut message: Message) -> TransferLine {
        message.agent_id = message.agent_id.filter(|_| !self.is_of_person);
        TransferLine::Message(message)
    }
}

/// The lines of a room's ratings, without those of later closings than its line knows.
pub(crate) fn rating_lines(
    room_id: RoomId,
    head: u64,
    ratings: Vec<Rating>,
) -> impl Iterator<Item = TransferLine> {
    ratings
        .into_iter()
        .filter(move |rating| rating.closing <= head)
        .map(move |rating| TransferLine::Rating(TransferRating { room_id, rating }))
}

/// What an import brings in one transaction.
#[derive(Debug, Clone)]
pub enum TransferItem {
    /// An agent, who has no password then.
    Agent(Agent),
    /// A tag.
    Tag(Tag),
    /// A visitor.
    Visitor(TransferVisitor),
    /// A room with all that belongs to it.
    Room(Box<WholeRoom>),
}

/// A room with all that belongs to it.
#[derive(Debug, Clone)]
pub struct WholeRoom {
    /// Its line.
    pub line: TransferRoom,
    /// Its messages, in the order of their seqs.
    pub messages: Vec<Message>,
    /// Its ratings, by closing.
    pub ratings: Vec<Rating>,
    /// Its notes, in the order of their numbers.
    pub notes: Vec<Note>,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransferCounts {
    /// Agents that were added.
    pub agents: u64,
    /// Visitors that were added.
    pub visitors: u64,
    /// Rooms that were added.
    pub rooms: u64,
    /// Their messages.
    pub messages: u64,
    /// Rooms that were there before, and stay as they are.
    pub present_rooms: u64,
    /// Agents that were there before, or whose user name is taken.
    pub present_agents: u64,
    /// Rooms that were left out because they were erased.
    pub erased_rooms: u64,
    /// Visitors who were left out because they were erased.
    pub erased_visitors: u64,
    /// Messages that were imported without their text, because it was removed.
    pub redacted: u64,
}

impl std::ops::AddAssign for TransferCounts {
    fn add_assign(&mut self, other: Self) {
        self.agents += other.agents;
        self.visitors += other.visitors;
        self.rooms += other.rooms;
        self.messages += other.messages;
        self.present_rooms += other.present_rooms;
        self.present_agents += other.present_agents;
        self.erased_rooms += other.erased_rooms;
        self.erased_visitors += other.erased_visitors;
        self.redacted += other.redacted;
    }
}
