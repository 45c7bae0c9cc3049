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

/// What a commit has for everybody in its room, encoded once.
#[derive(Debug, Default)]
pub(super) struct News {
    /// A message of the log, with its seq.
    pub(super) message: Option<(u64, Utf8Bytes)>,
    /// A read mark.
    pub(super) read: Option<Utf8Bytes>,
    /// The room itself.
    pub(super) room: Option<Utf8Bytes>,
}

impl Subscriber {
    /// Delivers the news. Returns false when the subscriber is to be forgotten.
    pub(super) fn deliver(&self, news: &News, hooks: &Hooks) -> bool {
        if hooks.rings_can_be_relied_on() {
            return self.outbox.push_all(self.events(news));
        }
        let there = match self.log_event(news) {
            Some(ring) => hooks.ring(&self.outbox, || ring.clone()),
            None => true,
        };
        there && self.outbox.push_all(self.other_events(news))
    }

    /// The news as this subscriber gets them: the log, if it takes it as it grows, and the rest.
    pub(super) fn events(&self, news: &News) -> impl Iterator<Item = Event> {
        self.log_event(news)
            .into_iter()
            .chain(self.other_events(news))
    }

    fn log_event(&self, news: &News) -> Option<Event> {
        let (seq, frame) = news.message.as_ref().filter(|_| self.live.is_on())?;
        Some(Event::Log {
            room_id: self.room_id,
            subscription: self.id,
            seq: *seq,
            frame: frame.clone(),
        })
    }

    fn other_events(&self, news: &News) -> impl Iterator<Item = Event> {
        let frames = news.read.iter().chain(&news.room);
        frames.map(|frame| self.event(frame))
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
    Socket { outbox: Outbox, request: RequestId },
}

impl Reply {
    /// To a caller that waits. A dropped sender tells it that the room has died.
    pub(super) fn call(sender: oneshot::Sender<Result<RoomCommit, WriteError>>) -> Self {
        Self(Some(ReplyTo::Call(sender)))
    }

    /// To a socket, as [`Event::Answer`].
    pub fn socket(outbox: Outbox, request: RequestId) -> Self {
        Self(Some(ReplyTo::Socket { outbox, request }))
    }

    /// Whether the outcome goes into this outbox.
    pub(super) fn goes_to(&self, outbox: &Outbox) -> bool {
        matches!(&self.0, Some(ReplyTo::Socket { outbox: own, .. }) if own.is_same(outbox))
    }

    pub(super) fn send(self, outcome: Result<RoomCommit, WriteError>) {
        self.send_after([], outcome);
    }

    /// Sends the outcome; a socket gets these events right before it, as one: its task wakes
    /// once, and sends all in one write.
    pub(super) fn send_after(
        mut self,
        events: impl IntoIterator<Item = Event>,
        outcome: Result<RoomCommit, WriteError>,
    ) {
        match self.0.take() {
            Some(ReplyTo::Call(sender)) => {
                // The caller may have given up; then nobody wants to know.
                let _ = sender.send(outcome);
            }
            Some(ReplyTo::Socket { outbox, request }) => {
                let answer = Event::Answer {
                    request,
                    outcome: outcome.map_err(Some),
                };
                outbox.push_all(events.into_iter().chain([answer]));
            }
            None => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(ReplyTo::Socket { outbox, request }) = self.0.take() {
            outbox.push(Event::Answer {
                request,
                outcome: Err(None),
            });
        }
    }
}
