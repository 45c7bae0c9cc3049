use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

use super::faults::Faults;
use super::ids::{RequestId, SubscriptionId};
use super::outbox::{Event, Outbox};
use crate::chat::{RoomId, Side};
use crate::persistence::{RoomCommit, WriteError};

/// Whether a subscriber gets messages pushed as they are committed, or is still reading older
/// ones and will catch up from the store.
///
/// The socket turns it on *before* it reads the last gap. A message committed before that read
/// is in what was read; one committed later finds the switch on.
#[derive(Debug, Clone, Default)]
pub struct LiveSwitch(Arc<AtomicBool>);

impl LiveSwitch {
    /// From now on messages are pushed.
    pub fn turn_on(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// From now on messages are left to be read from the store.
    pub fn turn_off(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// One socket's subscription, as the room holds it. Dropping it, for whatever reason, pushes
/// [`Event::Detached`] to the socket.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) id: SubscriptionId,
    pub(super) room_id: RoomId,
    pub(super) side: Side,
    /// The visitor's or the agent's id. Several sockets may have the same.
    pub(super) participant_id: Uuid,
    /// The name in `typing` frames; a visitor's is the room's.
    pub(super) display_name: Option<String>,
    pub(super) outbox: Outbox,
    pub(super) live: LiveSwitch,
    pub(super) last_typing: Option<tokio::time::Instant>,
}

/// A frame that differs between the sides, encoded for those that somebody is on.
#[derive(Debug, Default)]
pub(super) struct FrameBySide {
    pub(super) visitor: Option<Utf8Bytes>,
    pub(super) agent: Option<Utf8Bytes>,
}

/// The frames that a commit sends to every subscriber, each encoded once.
#[derive(Debug, Default)]
pub(super) struct Broadcast {
    /// The `message` frame, with the message's seq.
    pub(super) message: Option<(u64, FrameBySide)>,
    /// The `note` frame, with the note's number. Only agents get it.
    pub(super) note: Option<(u64, Utf8Bytes)>,
    /// How far the log goes, when its new messages are left to be read from the store.
    pub(super) log_end: Option<u64>,
    /// The `read` frames.
    pub(super) reads: Vec<Utf8Bytes>,
    /// The `redacted` frame.
    pub(super) redacted: Option<Utf8Bytes>,
    /// The `room` frame.
    pub(super) room: Option<Utf8Bytes>,
    /// What agents alone get.
    pub(super) to_agents: Vec<Utf8Bytes>,
}

impl Broadcast {
    /// Whether there is a message and nothing else.
    pub(super) fn is_message_alone(&self) -> bool {
        self.message.is_some() && !self.has_more_than_message()
    }

    /// Whether there is nothing to push.
    pub(super) fn is_empty(&self) -> bool {
        self.message.is_none() && !self.has_more_than_message()
    }

    fn has_more_than_message(&self) -> bool {
        let Self {
            message: _,
            note,
            log_end,
            reads,
            redacted,
            room,
            to_agents,
        } = self;
        note.is_some()
            || log_end.is_some()
            || !reads.is_empty()
            || redacted.is_some()
            || room.is_some()
            || !to_agents.is_empty()
    }
}

impl Subscriber {
    /// Pushes a broadcast. Returns false when the outbox is closed and the subscriber is to be
    /// removed.
    pub(super) fn push_broadcast(&self, broadcast: &Broadcast, faults: &Faults) -> bool {
        if faults.pushes_are_reliable() {
            return self.outbox.push_all(self.events(broadcast));
        }
        let is_open = match self.log_event(broadcast) {
            Some(event) => faults.push(&self.outbox, || event.clone()),
            None => true,
        };
        is_open && self.outbox.push_all(self.room_events(broadcast))
    }

    /// A broadcast as this subscriber gets it: the message, if the subscriber is live, or the note,
    /// and the rest.
    pub(super) fn events(&self, broadcast: &Broadcast) -> impl Iterator<Item = Event> {
        self.log_event(broadcast)
            .into_iter()
            .chain(self.room_events(broadcast))
    }

    /// What a commit has added to the log or to the notes.
    fn log_event(&self, broadcast: &Broadcast) -> Option<Event> {
        self.message_event(broadcast)
            .or_else(|| self.note_event(broadcast))
    }

    fn message_event(&self, broadcast: &Broadcast) -> Option<Event> {
        let (seq, frame) = broadcast.message.as_ref().filter(|_| self.live.is_on())?;
        let frame = match self.side {
            Side::Visitor => frame.visitor.clone()?,
            Side::Agent => frame.agent.clone()?,
        };
        Some(Event::Message {
            room_id: self.room_id,
            subscription: self.id,
            seq: *seq,
            frame,
        })
    }

    fn note_event(&self, broadcast: &Broadcast) -> Option<Event> {
        let note = broadcast.note.as_ref();
        let (no, frame) = note.filter(|_| self.side == Side::Agent)?;
        Some(Event::Note {
            room_id: self.room_id,
            subscription: self.id,
            no: *no,
            frame: frame.clone(),
        })
    }

    /// Pushes how far an agent's notes go; the socket reads those that it has not sent.
    pub(super) fn push_notes_end(&self, no: u64) -> bool {
        self.side != Side::Agent
            || self.outbox.push(Event::NotesEnd {
                room_id: self.room_id,
                subscription: self.id,
                no,
            })
    }

    fn room_events(&self, broadcast: &Broadcast) -> impl Iterator<Item = Event> {
        let frames = broadcast.reads.iter();
        let frames = frames.chain(&broadcast.redacted).chain(&broadcast.room);
        let private: &[Utf8Bytes] = match self.side {
            Side::Agent => &broadcast.to_agents,
            Side::Visitor => &[],
        };
        let frames = frames.chain(private);
        let log_end = broadcast.log_end.filter(|_| self.live.is_on());
        let log_end = log_end.map(|seq| Event::LogEnd {
            room_id: self.room_id,
            subscription: self.id,
            seq,
        });
        log_end
            .into_iter()
            .chain(frames.map(|frame| self.room_event(frame)))
    }

    /// Pushes a frame that is not a message.
    pub(super) fn push(&self, frame: &Utf8Bytes) -> bool {
        self.outbox.push(self.room_event(frame))
    }

    /// Pushes a frame that may be dropped when the outbox is filling up.
    pub(super) fn push_ephemeral(&self, frame: &Utf8Bytes) -> bool {
        self.outbox.push_ephemeral(self.room_event(frame))
    }

    fn room_event(&self, frame: &Utf8Bytes) -> Event {
        Event::RoomFrame {
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

/// Where the outcome of a write goes. Dropping it unused replies that the room has died, so that
/// nobody waits for that room.
#[derive(Debug)]
pub struct ReplyPort(Option<ReplyTo>);

#[derive(Debug)]
enum ReplyTo {
    Caller(oneshot::Sender<Result<RoomCommit, WriteError>>),
    Socket { outbox: Outbox, request: RequestId },
}

impl ReplyPort {
    /// Replies to a caller that waits. A dropped sender shows it that the room has died.
    pub(super) fn to_caller(sender: oneshot::Sender<Result<RoomCommit, WriteError>>) -> Self {
        Self(Some(ReplyTo::Caller(sender)))
    }

    /// Replies to a socket, with [`Event::WriteFinished`] or [`Event::WriteLost`].
    pub fn to_socket(outbox: Outbox, request: RequestId) -> Self {
        Self(Some(ReplyTo::Socket { outbox, request }))
    }

    /// Whether the reply goes into this outbox.
    pub(super) fn goes_to(&self, outbox: &Outbox) -> bool {
        matches!(&self.0, Some(ReplyTo::Socket { outbox: own, .. }) if own.is_same(outbox))
    }

    pub(super) fn send(self, outcome: Result<RoomCommit, WriteError>) {
        self.send_after([], outcome);
    }

    /// Sends the outcome. A socket gets `events` right before it, in one push: its task wakes up
    /// once and sends everything in one write.
    pub(super) fn send_after(
        mut self,
        events: impl IntoIterator<Item = Event>,
        outcome: Result<RoomCommit, WriteError>,
    ) {
        match self.0.take() {
            Some(ReplyTo::Caller(sender)) => {
                // It fails when the caller has stopped waiting, which is its right.
                let _ = sender.send(outcome);
            }
            Some(ReplyTo::Socket { outbox, request }) => {
                let finished = Event::WriteFinished { request, outcome };
                outbox.push_all(events.into_iter().chain([finished]));
            }
            None => {}
        }
    }
}

impl Drop for ReplyPort {
    fn drop(&mut self) {
        if let Some(ReplyTo::Socket { outbox, request }) = self.0.take() {
            outbox.push(Event::WriteLost(request));
        }
    }
}
