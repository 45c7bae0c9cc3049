use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

use super::hooks::Hooks;
use super::ids::{RequestId, SubscriptionId};
use super::outbox::{Event, Outbox};
use crate::chat::{RoomId, Side};
use crate::persistence::{RoomCommit, WriteError};

/// Whether a subscriber takes the log as it grows, or is still reading what came
/// before and will catch up from the store.
///
/// The socket turns it on *before* it reads the last gap. A message committed
/// before that read is in it; one committed later finds the switch on.
#[derive(Debug, Clone, Default)]
pub struct LiveSwitch(Arc<AtomicBool>);

impl LiveSwitch {
    /// From now on the log is delivered.
    pub fn turn_on(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// From now on the log is left in the store.
    pub fn turn_off(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// One socket's place in a room. When it goes, in whatever way, the socket is told.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) id: SubscriptionId,
    pub(super) room_id: RoomId,
    pub(super) side: Side,
    /// The visitor's or the agent's id: several sockets of one person are one person.
    pub(super) person: Uuid,
    /// The name beside «is typing»; a visitor's is the room's.
    pub(super) display_name: Option<String>,
    pub(super) outbox: Outbox,
    pub(super) live: LiveSwitch,
    pub(super) last_typing: Option<tokio::time::Instant>,
}

impl Subscriber {
    /// Delivers a message of the log; to the socket that posted it, together with the reply.
    /// Returns false when the subscriber is to be forgotten.
    pub(super) fn deliver(
        &self,
        seq: u64,
        frame: &Utf8Bytes,
        reply: &mut Reply,
        hooks: &Hooks,
    ) -> bool {
        if !self.live.is_on() {
            return true;
        }
        let ring = || Event::Log {
            room_id: self.room_id,
            subscription: self.id,
            seq,
            frame: frame.clone(),
        };
        if hooks.rings_can_be_relied_on() && reply.goes_to(&self.outbox) {
            reply.bring_along(ring());
            return true;
        }
        hooks.ring(&self.outbox, ring)
    }

    /// Tells an event that is not part of the log.
    pub(super) fn tell(&self, frame: &Utf8Bytes) -> bool {
        self.outbox.push(self.event(frame))
    }

    /// Tells an event that nobody misses.
    pub(super) fn tell_ephemeral(&self, frame: &Utf8Bytes) -> bool {
        self.outbox.push_ephemeral(self.event(frame))
    }

    fn event(&self, frame: &Utf8Bytes) -> Event {
        Event::Room {
            room_id: self.room_id,
            subscription: self.id,
            frame: frame.clone(),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.outbox.push(Event::Detached(self.id));
    }
}

/// Where the outcome of a write goes. Dropped without an answer it says so, so
/// nobody waits for a room that has died.
#[derive(Debug)]
pub struct Reply(Option<ReplyTo>);

#[derive(Debug)]
enum ReplyTo {
    Call(oneshot::Sender<Result<RoomCommit, WriteError>>),
    Socket {
        outbox: Outbox,
        request: RequestId,
        /// Goes into the outbox right before the outcome, as one.
        along: Option<Event>,
    },
}

impl Reply {
    /// To a caller that waits. A dropped sender tells it that the room has died.
    pub(super) fn call(sender: oneshot::Sender<Result<RoomCommit, WriteError>>) -> Self {
        Self(Some(ReplyTo::Call(sender)))
    }

    /// To a socket, as [`Event::Answer`].
    pub fn socket(outbox: Outbox, request: RequestId) -> Self {
        Self(Some(ReplyTo::Socket {
            outbox,
            request,
            along: None,
        }))
    }

    /// Whether the outcome goes into this outbox.
    fn goes_to(&self, outbox: &Outbox) -> bool {
        matches!(&self.0, Some(ReplyTo::Socket { outbox: own, .. }) if own.is_same(outbox))
    }

    /// Has an event reach the socket together with the outcome: its task wakes once, and sends
    /// both in one write.
    fn bring_along(&mut self, event: Event) {
        if let Some(ReplyTo::Socket { along, .. }) = &mut self.0 {
            *along = Some(event);
        }
    }

    pub(super) fn send(mut self, outcome: Result<RoomCommit, WriteError>) {
        match self.0.take() {
            Some(ReplyTo::Call(sender)) => {
                // The caller may have given up; then nobody wants to know.
                let _ = sender.send(outcome);
            }
            Some(ReplyTo::Socket {
                outbox,
                request,
                along,
            }) => {
                let answer = Event::Answer {
                    request,
                    outcome: outcome.map_err(Some),
                };
                outbox.push_all(along.into_iter().chain([answer]));
            }
            None => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(ReplyTo::Socket {
            outbox,
            request,
            along,
        }) = self.0.take()
        {
            let answer = Event::Answer {
                request,
                outcome: Err(None),
            };
            outbox.push_all(along.into_iter().chain([answer]));
        }
    }
}
