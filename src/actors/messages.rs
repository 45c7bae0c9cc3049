//! The messages that actors exchange, in one place. Commands are in the imperative, events in
//! the past tense.

use std::collections::HashSet;
use std::sync::Arc;

use ractor::ActorRef;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::elsewhere::CountedTyping;
use super::ids::{Incarnation, SubscriptionId};
use super::lobby_log::LobbyLog;
use super::room::Missed;
use super::subscriber::{LiveSwitch, ReplyPort, Subscriber};
use crate::chat::{ChangeId, RoomId, RoomRecord, Side};
use crate::persistence::{Effect, RoomCommit, RoomOp, StoreError, WriteError};

/// To a room.
pub(super) enum RoomMsg {
    /// Add a subscriber.
    Join {
        subscriber: Subscriber,
        reply: JoinReply,
    },
    /// Remove a subscriber.
    Leave(SubscriptionId),
    /// Hand a write to the store.
    Write { op: RoomOp, reply: ReplyPort },
    /// Broadcast that this subscriber is typing.
    BroadcastTyping(SubscriptionId),
    /// Read the record again: it was changed by something other than this room.
    Reload,
    /// Somebody types who is connected to another node.
    TypingElsewhere(CountedTyping),
    /// Show agents who has the room open: that has changed on another node.
    ShowViewers,
    /// Take what other nodes have done from the inbox.
    TakeElsewhere,
    /// Another node's notice of a change may be overdue.
    NoticeTimerFired,
    /// A message may have waited too long for an older one.
    EarlyTimerFired,
    /// What the record does not show, read after another node has changed the room; `None` if it could
    /// not be read.
    MissedRead(Option<Missed>),
    /// The lobby accepts one more report: it has published the last one, or is new.
    AllowReport,
    /// The record was read through the writer's queue, behind everything queued before.
    Loaded(Result<Option<Arc<RoomRecord>>, WriteError>),
    /// The record was read on a reader's connection, after the writer's batch had failed.
    LoadedByReader(Result<Option<Arc<RoomRecord>>, StoreError>),
    /// The store has committed or refused a write of this room.
    WriteFinished {
        outcome: Result<RoomCommit, WriteError>,
        reply: ReplyPort,
    },
    /// The grace after the visitor's last socket may be over.
    PresenceTimerFired,
    /// The idle timeout may be over.
    RestTimerFired,
}

/// Receives the reply to a join. A subscription that nobody receives leaves the room as it is
/// dropped.
pub(super) type JoinReply = oneshot::Sender<Result<Subscription, JoinError>>;

/// A subscription to a room. Dropping it leaves the room.
#[derive(Debug)]
pub struct Subscription {
    /// Identifies the subscription in events.
    pub id: SubscriptionId,
    /// Whether messages are pushed; off at first.
    pub live: LiveSwitch,
    /// The room at the moment of joining; every later change is pushed.
    pub record: Arc<RoomRecord>,
    pub(super) room: ActorRef<RoomMsg>,
}

impl Subscription {
    /// Has the room write something; the outcome goes to `reply`. Returns the incarnation that
    /// was asked.
    pub fn write(&self, op: RoomOp, reply: ReplyPort) -> Incarnation {
        // A dead room drops the reply port, which then replies that the room has died.
        let _ = self.room.cast(RoomMsg::Write { op, reply });
        Incarnation(self.room.get_id())
    }

    /// Shows the other subscribers that this one is typing.
    pub fn typing(&self) {
        let _ = self.room.cast(RoomMsg::BroadcastTyping(self.id));
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
    /// There is no such room, or it does not belong to this visitor (any more).
    #[error("there is no such room")]
    NotFound,
    /// The room is going to rest; its next incarnation can be joined.
    #[error("the room is resting")]
    Resting,
    /// The room keeps failing, or does not reply.
    #[error("the room is not available")]
    Unavailable,
    /// The store could not read it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// To the lobby.
pub(super) enum LobbyMsg {
    /// Reply, to show that the lobby is alive.
    Ping(oneshot::Sender<()>),
    /// Publish a room's newest state.
    Report(Report),
    /// Register a console.
    Subscribe {
        id: SubscriptionId,
        reply: oneshot::Sender<LobbyAccess>,
    },
    /// Remove a console.
    Leave(SubscriptionId),
    /// Take what other nodes have changed from the inbox, and publish it.
    TakeElsewhere,
    /// Read the store: rooms have changed without their actors.
    Resync,
    /// The room that reported first may report again.
    ReportTimerFired,
    /// Check whether a report was lost, and forget what is old.
    CheckProgress,
    /// The grace after the last console may be over.
    AgentsTimerFired,
}

/// A console's access to the lobby's log.
pub(super) struct LobbyAccess {
    pub(super) log: Arc<LobbyLog>,
    /// Notified when the log has grown; closed when this lobby has ended.
    pub(super) changed: watch::Receiver<()>,
}

/// Somebody who types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// In which room.
    pub room_id: RoomId,
    /// On which side.
    pub side: Side,
    /// The visitor's or agent's id: their own sockets are not shown it.
    pub participant_id: Uuid,
    /// The name to show; a visitor's is the room's.
    pub name: Option<String>,
}

/// What another node has committed in a room.
#[derive(Debug, Clone)]
pub struct ElsewhereCommit {
    /// The room after the commit, or after later ones.
    pub record: Arc<RoomRecord>,
    /// What was done, if the other node has said so. Otherwise subscribers read what they miss.
    pub effect: Option<Effect>,
}

/// A room's newest state.
pub(super) struct Report {
    pub(super) record: Arc<RoomRecord>,
    pub(super) customer_online: bool,
    /// All changes of this room since its last report.
    pub(super) changes: Vec<ChangeId>,
    pub(super) room: ActorRef<RoomMsg>,
}

/// To the supervisor of the rooms.
pub(super) enum SupervisorMsg {
    /// Pass a message to a room, which is started if necessary.
    Deliver(Box<Delivery>),
    /// Reply with the rooms that have an actor.
    ListLive(oneshot::Sender<HashSet<RoomId>>),
    /// Have these rooms read their records again.
    Reload(Vec<RoomId>),
    /// There is a new lobby.
    LobbyRestarted,
    /// A failed room's back-off is over.
    RestartTimerFired(RoomId),
}

/// A message for a room. The supervisor passes it on itself, so that a room cannot stop between
/// being looked up and being asked.
pub(super) struct Delivery {
    pub(super) room_id: RoomId,
    /// An incarnation that the sender knows to be dead; the supervisor may not know yet.
    pub(super) dead: Option<Incarnation>,
    /// A `Join` or a `Write`; both carry where to reply.
    pub(super) message: RoomMsg,
    /// Receives the incarnation that got the message; dropped when none does.
    pub(super) taken_by: Option<oneshot::Sender<Incarnation>>,
}

impl Delivery {
    /// Replies that the room is not available.
    pub(super) fn refuse(self) {
        match self.message {
            RoomMsg::Join { reply, .. } => {
                let _ = reply.send(Err(JoinError::Unavailable));
            }
            RoomMsg::Write { reply, .. } => reply.send(Err(StoreError::Busy.into())),
            // Nothing else is delivered, and nothing else expects a reply.
            _ => {}
        }
    }
}
