//! What the actors say to each other, in one place.

use std::collections::HashSet;
use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::{oneshot, watch};

use super::ids::{Incarnation, SubscriptionId};
use super::lobby_log::LobbyLog;
use super::subscriber::{LiveSwitch, Reply, Subscriber};
use crate::chat::{RoomId, RoomRecord};
use crate::persistence::{RoomCommit, RoomOp, StoreError, WriteError};

/// To a room.
pub(super) enum RoomMsg {
    /// The record has been read, behind everything that was queued before.
    Loaded(Result<Option<Arc<RoomRecord>>, WriteError>),
    /// The same, read beside the writer after a batch of it had failed.
    LoadedBeside(Result<Option<RoomRecord>, StoreError>),
    /// A socket wants to follow the room.
    Join {
        subscriber: Subscriber,
        reply: JoinReply,
    },
    /// A socket has had enough.
    Leave(SubscriptionId),
    /// Somebody wants something written.
    Write { op: RoomOp, reply: Reply },
    /// The store has committed or refused a write of this room.
    Committed {
        outcome: Result<RoomCommit, WriteError>,
        reply: Reply,
    },
    /// A subscriber is typing.
    Typing(SubscriptionId),
    /// The record was changed by something else than this room.
    Refresh,
    /// The lobby takes another report: it has told the last one, or is new.
    LobbyReady,
    /// Time to look whether the visitor is still gone.
    PresenceDue,
    /// Time to look whether anybody still needs this room.
    RestDue,
}

/// Answers a join. A subscription that nobody takes leaves the room as it is dropped.
pub(super) type JoinReply = oneshot::Sender<Result<Subscription, JoinError>>;

/// What a socket gets that joins.
#[derive(Debug, Clone)]
pub struct JoinedRoom {
    /// The room at the moment of joining; its `last_seq` is where live begins.
    pub record: Arc<RoomRecord>,
}

/// A subscription to a room. Dropping it leaves the room.
#[derive(Debug)]
pub struct Subscription {
    /// Its name in the events.
    pub id: SubscriptionId,
    /// Whether the log is delivered; off at first.
    pub live: LiveSwitch,
    /// The room as it was at the moment of joining.
    pub joined: JoinedRoom,
    pub(super) room: ActorRef<RoomMsg>,
}

impl Subscription {
    /// Has the room write something; the answer comes to where `reply` says.
    /// Returns who was asked.
    pub fn write(&self, op: RoomOp, reply: Reply) -> Incarnation {
        // A dead room drops the reply, which says so.
        let _ = self.room.cast(RoomMsg::Write { op, reply });
        Incarnation(self.room.get_id())
    }

    /// Tells the others that this one is typing.
    pub fn typing(&self) {
        let _ = self.room.cast(RoomMsg::Typing(self.id));
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let _ = self.room.cast(RoomMsg::Leave(self.id));
    }
}

/// Why a socket cannot join.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There is no such room, or it is not this visitor's any more.
    #[error("there is no such room")]
    NotFound,
    /// The room has just gone to rest; its next incarnation answers.
    #[error("the room is resting")]
    Resting,
    /// The room keeps failing, or does not answer.
    #[error("the room is not available")]
    Unavailable,
    /// The store could not read it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// To the lobby.
pub(super) enum LobbyMsg {
    /// Answers, if it can.
    Ping(oneshot::Sender<()>),
    /// A room has changed.
    Report(Report),
    /// A console wants to follow.
    Subscribe {
        id: SubscriptionId,
        reply: oneshot::Sender<LobbyAccess>,
    },
    /// A console has gone.
    Leave(SubscriptionId),
    /// Rooms changed behind their actors; the store knows.
    Resync,
    /// The oldest throttled room may report again.
    ThrottleDue,
    /// Time to look whether something passed the lobby by.
    Heartbeat,
    /// Time to look whether the agents are still gone.
    AgentsDue,
}

/// What the lobby lends to a console.
pub(super) struct LobbyAccess {
    pub(super) log: Arc<LobbyLog>,
    /// Told when the log has grown; closed when this lobby has gone.
    pub(super) changed: watch::Receiver<()>,
}

/// A room's newest state.
pub(super) struct Report {
    pub(super) record: Arc<RoomRecord>,
    pub(super) customer_online: bool,
    /// All changes of this room since its last report.
    pub(super) changes: Vec<u64>,
    pub(super) room: ActorRef<RoomMsg>,
}

/// To the supervisor of the rooms.
pub(super) enum SupervisorMsg {
    /// This is for a room, which is started when it is needed.
    Deliver(Box<Delivery>),
    /// Which rooms are live?
    Live(oneshot::Sender<HashSet<RoomId>>),
    /// These rooms changed behind their actors.
    Refresh(Vec<RoomId>),
    /// There is a new lobby.
    LobbyRestarted,
    /// A failed room's back-off is over.
    RestartDue(RoomId),
}

/// A message for a room. The supervisor hands it over itself, so that a room is
/// never found and gone again before it was asked.
pub(super) struct Delivery {
    pub(super) room_id: RoomId,
    /// An incarnation that the sender has seen die; its end may not have been
    /// heard of here.
    pub(super) dead: Option<Incarnation>,
    /// A `Join` or a `Write`, which answers for itself.
    pub(super) message: RoomMsg,
    /// Told who got the message; dropped when nobody does.
    pub(super) taken_by: Option<oneshot::Sender<Incarnation>>,
}

impl Delivery {
    /// Answers in nobody's name: the room cannot be had.
    pub(super) fn refuse(self) {
        match self.message {
            RoomMsg::Join { reply, .. } => {
                let _ = reply.send(Err(JoinError::Unavailable));
            }
            RoomMsg::Write { reply, .. } => reply.send(Err(StoreError::Busy.into())),
            // Nothing else is delivered, and nothing else waits for an answer.
            _ => {}
        }
    }
}
