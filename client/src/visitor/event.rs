use std::time::Duration;

use shoptalk::chat::{Message, MessageId, Room, SenderType, Side, Timestamp};
use shoptalk::protocol::ErrorFrame;

use crate::connection::{StopReason, Unsettled};

/// What happens in a visitor's room.
#[derive(Debug)]
#[non_exhaustive]
pub enum VisitorEvent {
    /// The client is connected.
    Connected {
        /// The room as it is now.
        room: Room,
        /// The database that seqs belong to.
        epoch: String,
        /// Whether the messages that follow continue after the last one. If not, they replace
        /// everything before; older ones exist if the first seq is greater than 1.
        resumed: bool,
        /// Whether any agent is online.
        agents_online: bool,
    },
    /// Everything that was missed has been received; what follows is live.
    CaughtUp,
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
    /// The next message of the log, this visitor's own included.
    Message(Message),
    /// A message of this client is on disk.
    Acked {
        /// Its id.
        id: MessageId,
        /// Its place in the log.
        seq: u64,
        /// When it was committed.
        created_at: Timestamp,
        /// Whether an earlier attempt had stored it.
        duplicate: bool,
    },
    /// A message of this client was refused for good.
    Refused {
        /// Its id.
        id: MessageId,
        /// Its text.
        content: String,
        /// Why.
        error: ErrorFrame,
    },
    /// The room's status or details changed.
    Room(Room),
    /// A read mark moved.
    Read {
        /// The side that has read.
        reader: Side,
        /// The last message that it has read.
        seq: u64,
    },
    /// Somebody is typing.
    Typing {
        /// The kind of sender.
        sender_type: SenderType,
        /// The name to show.
        sender_name: String,
        /// How long to show it.
        expires_in: Duration,
    },
    /// Whether any agent is online has changed.
    AgentsOnline(bool),
    /// The older page that [`Visitor::history`](super::Visitor::history) requested.
    History {
        /// Its messages in the order of the log.
        messages: Vec<Message>,
        /// Whether older ones exist.
        more: bool,
    },
    /// The server is about to close the connection; the client reconnects by itself.
    GoingAway,
    /// Something other than a message was refused.
    Error(ErrorFrame),
}
