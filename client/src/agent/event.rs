use std::time::Duration;

use shoptalk::chat::{
    Agent as AgentAccount, Counts, Message, MessageId, Note, NoteId, Room, RoomId, SenderType,
    Side, Summary, Timestamp,
};
use shoptalk::protocol::ErrorFrame;

use crate::connection::{StopReason, Unsettled};

/// What happens in the list of rooms and in joined rooms.
#[derive(Debug)]
#[non_exhaustive]
pub enum AgentEvent {
    /// The client is connected.
    Connected {
        /// The signed-in agent.
        agent: AgentAccount,
        /// The database that seqs belong to.
        epoch: String,
        /// Whether the summaries that follow are the changes since the last one. If not, they
        /// replace the list.
        resumed: bool,
        /// How many rooms have each status.
        counts: Counts,
        /// The rooms whose visitor is online.
        online: Vec<RoomId>,
    },
    /// The list of rooms is complete; what follows is live.
    Listed,
    /// There is no connection; the client tries again after a wait.
    Offline {
        /// Why.
        reason: String,
        /// The wait until the next attempt.
        retry_in: Duration,
    },
    /// The client has stopped for good. This is the last event.
    Stopped {
        /// Why.
        reason: StopReason,
        /// Posts that were neither acked nor refused.
        unsettled: Vec<Unsettled>,
    },
    /// The newest state of a room, which replaces an older one.
    Summary(Summary),
    /// A room was erased; nothing of it is left.
    Removed(RoomId),
    /// How many rooms have each status.
    Counts(Counts),
    /// A visitor came online or went offline.
    Online {
        /// The visitor's room.
        room_id: RoomId,
        /// Whether the visitor is online.
        customer_online: bool,
    },
    /// A room is joined.
    Joined {
        /// The room as it is now.
        room: Room,
        /// Whether the messages that follow continue after the last one. If not, they replace
        /// everything before; older ones exist if the first seq is greater than 1.
        resumed: bool,
    },
    /// Everything that was missed in a joined room has been received; what follows is live.
    CaughtUp(RoomId),
    /// A room cannot be joined.
    JoinRefused {
        /// The room.
        room_id: RoomId,
        /// Why.
        error: ErrorFrame,
    },
    /// The next message of a joined room's log, this agent's own included.
    Message(Message),
    /// A message of this client is on disk.
    Acked {
        /// Its room.
        room_id: RoomId,
        /// Its id.
        id: MessageId,
        /// Its place in the log.
        seq: u64,
        /// When it was committed.
        created_at: Timestamp,
        /// Whether an earlier attempt had stored it.
        duplicate: bool,
    },
    /// The next note about a joined room, this agent's own included. After a join that is not resumed
    /// they begin with those of the first page of messages.
    Note(Note),
    /// A note of this client is on disk.
    Noted {
        /// Its room.
        room_id: RoomId,
        /// Its id.
        id: NoteId,
        /// Its place among the room's notes.
        no: u64,
        /// Whether an earlier attempt had stored it.
        duplicate: bool,
    },
    /// A message or note of this client was refused for good.
    Refused {
        /// Its room.
        room_id: RoomId,
        /// Its id.
        id: MessageId,
        /// Its text.
        content: String,
        /// Why.
        error: ErrorFrame,
    },
    /// The status or the details of a joined room changed.
    Room(Room),
    /// A read mark moved in a joined room.
    Read {
        /// The room.
        room_id: RoomId,
        /// The side that has read.
        reader: Side,
        /// The last message that it has read.
        seq: u64,
    },
    /// Somebody is typing in a joined room.
    Typing {
        /// The room.
        room_id: RoomId,
        /// The kind of sender.
        sender_type: SenderType,
        /// The name to show.
        sender_name: String,
        /// How long to show it.
        expires_in: Duration,
    },
    /// The older page that [`Agent::history`](super::Agent::history) requested.
    History {
        /// The room.
        room_id: RoomId,
        /// Its messages in the order of the log.
        messages: Vec<Message>,
        /// Whether older ones exist.
        more: bool,
        /// The notes that stand among them.
        notes: Vec<Note>,
        /// Whether there are more of these notes than fit.
        notes_more: bool,
    },
    /// The server is about to close the connection; the client reconnects by itself.
    GoingAway,
    /// Something other than a message or a join was refused.
    Error(ErrorFrame),
}
