use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::ids::{RequestId, SubscriptionId};
use crate::chat::RoomId;
use crate::persistence::{RoomCommit, WriteError};
use crate::protocol::CloseCode;

/// What actors push into a socket's outbox.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message of a room's log, encoded. The socket compares its seq with what it has
    /// delivered, so a lost, duplicated or delayed one does no harm.
    Message {
        /// The room.
        room_id: RoomId,
        /// Which of the socket's subscriptions it belongs to.
        subscription: SubscriptionId,
        /// Its place in the room's log.
        seq: u64,
        /// The `message` frame.
        frame: Utf8Bytes,
    },
    /// A room's log goes as far as this. The socket reads what it has not delivered.
    LogEnd {
        /// The room.
        room_id: RoomId,
        /// Which of the socket's subscriptions it belongs to.
        subscription: SubscriptionId,
        /// The newest seq.
        seq: u64,
    },
    /// A note of a room, for an agent. The socket compares its number as it does a message's seq.
    Note {
        /// The room.
        room_id: RoomId,
        /// Which of the socket's subscriptions it belongs to.
        subscription: SubscriptionId,
        /// Its place among the room's notes.
        no: u64,
        /// The `note` frame.
        frame: Utf8Bytes,
    },
    /// A room's notes go as far as this. The socket reads what it has not delivered.
    NotesEnd {
        /// The room.
        room_id: RoomId,
        /// Which of the socket's subscriptions it belongs to.
        subscription: SubscriptionId,
        /// The newest number.
        no: u64,
    },
    /// A room's frame that is not part of its log: read marks, status, typing.
    RoomFrame {
        /// The room.
        room_id: RoomId,
        /// Which of the socket's subscriptions it belongs to.
        subscription: SubscriptionId,
        /// The frame.
        frame: Utf8Bytes,
    },
    /// A write of this socket has finished.
    WriteFinished {
        /// The write.
        request: RequestId,
        /// Its outcome.
        outcome: Result<RoomCommit, WriteError>,
    },
    /// The room of a write has died, so the write's outcome is unknown.
    WriteLost(RequestId),
    /// A subscription has ended, because its room has died.
    Detached(SubscriptionId),
}

impl Event {
    fn bytes(&self) -> usize {
        match self {
            Self::Message { frame, .. }
            | Self::Note { frame, .. }
            | Self::RoomFrame { frame, .. } => frame.len(),
            // They stand for messages and notes, so they are bounded as those are.
            Self::LogEnd { .. } | Self::NotesEnd { .. } => size_of::<Self>(),
            Self::WriteFinished { .. } | Self::WriteLost(_) | Self::Detached(_) => 0,
        }
    }
}

/// The bounded queue in front of one socket. Actors push events and never wait; the socket's task
/// receives them.
///
/// When a frame does not fit, the outbox closes with 4008: the reader was too slow, and reads what
/// it missed from the log when it reconnects. Ephemeral frames are dropped long before that.
/// Events without a frame always fit: their number is bounded by the socket's own credits and
/// subscriptions.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Mutex<Queue>,
    /// Notified when there are events, or the outbox has closed.
    ready: Notify,
    /// Notified when the outbox has closed.
    closed: Notify,
    max_items: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
    closed: Option<CloseCode>,
}

impl Outbox {
    /// An empty outbox that holds at most `max_items` events with `max_bytes` of frames.
    pub fn new(max_items: usize, max_bytes: usize) -> Self {
        Self(Arc::new(Inner {
            queue: Mutex::default(),
            ready: Notify::new(),
            closed: Notify::new(),
            max_items,
            max_bytes,
        }))
    }

    /// Pushes an event. Returns whether the outbox is still open; if not, the caller forgets it.
    pub fn push(&self, event: Event) -> bool {
        self.push_all([event])
    }

    /// Pushes several events at once: the socket receives all of them together.
    pub fn push_all(&self, events: impl IntoIterator<Item = Event>) -> bool {
        let mut queue = self.lock();
        for event in events {
            if queue.closed.is_some() {
                return false;
            }
            let bytes = event.bytes();
            let full =
                queue.events.len() >= self.0.max_items || queue.bytes + bytes > self.0.max_bytes;
            // A frame larger than the whole bound still passes through an empty outbox.
            if bytes > 0 && full && !queue.events.is_empty() {
                drop(queue);
                self.close(CloseCode::OutboxFull);
                return false;
            }
            queue.bytes += bytes;
            queue.events.push_back(event);
        }
        let has_events = !queue.events.is_empty();
        drop(queue);
        if has_events {
            self.0.ready.notify_one();
        }
        true
    }

    /// Whether both are clones of the same outbox.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Pushes an event whose loss does no harm: it is dropped once the outbox is half full.
    pub fn push_ephemeral(&self, event: Event) -> bool {
        {
            let queue = self.lock();
            if queue.closed.is_some() {
                return false;
            }
            if queue.events.len() * 2 >= self.0.max_items || queue.bytes * 2 >= self.0.max_bytes {
                return true;
            }
        }
        self.push(event)
    }

    /// Closes the outbox; the socket then closes with `code`. Events in it are dropped. The first
    /// code wins.
    pub fn close(&self, code: CloseCode) {
        let mut queue = self.lock();
        if queue.closed.is_none() {
            queue.closed = Some(code);
            queue.events.clear();
            queue.bytes = 0;
        }
        drop(queue);
        self.0.ready.notify_one();
        self.0.closed.notify_one();
    }

    /// Waits for events and moves all of them into `events`, or returns the code to close with.
    /// Only one task may wait at a time. Cancel safe.
    pub async fn recv(&self, events: &mut VecDeque<Event>) -> Result<(), CloseCode> {
        loop {
            let notified = self.0.ready.notified();
            {
                let mut queue = self.lock();
                if let Some(code) = queue.closed {
                    return Err(code);
                }
                if !queue.events.is_empty() {
                    // Idle sockets are many: one buffer goes to and fro, rather than both growing.
                    match events.is_empty() {
                        true => std::mem::swap(events, &mut queue.events),
                        false => events.append(&mut queue.events),
                    }
                    queue.bytes = 0;
                    return Ok(());
                }
            }
            notified.await;
        }
    }

    /// Resolves once the outbox is closed. Only one task may wait at a time. Cancel safe.
    pub async fn closed(&self) -> CloseCode {
        loop {
            let notified = self.0.closed.notified();
            if let Some(code) = self.lock().closed {
                return code;
            }
            notified.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is consistent after every statement, so a poisoned lock does no harm.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Event {
        Event::RoomFrame {
            room_id: RoomId::nil(),
            subscription: SubscriptionId(0),
            frame: Utf8Bytes::from(text.to_owned()),
        }
    }

    #[tokio::test]
    async fn a_full_outbox_closes_with_4008_and_drops_its_events() {
        let outbox = Outbox::new(2, 1_000);
        assert!(outbox.push(frame("1")));
        assert!(outbox.push(frame("2")));
        assert!(!outbox.push(frame("3")));
        assert!(!outbox.push(frame("4")));
        assert_eq!(
            outbox.recv(&mut VecDeque::new()).await,
            Err(CloseCode::OutboxFull)
        );
        assert_eq!(outbox.closed().await, CloseCode::OutboxFull);
    }

    #[tokio::test]
    async fn bytes_are_bounded() {
        let outbox = Outbox::new(100, 10);
        assert!(
            outbox.push(frame("a frame larger than the bound")),
            "an empty outbox accepts it"
        );
        assert!(!outbox.push(frame("x")));
    }

    #[tokio::test]
    async fn ephemeral_events_are_dropped_and_outcomes_always_fit() {
        let outbox = Outbox::new(4, 1_000);
        for _ in 0..4 {
            assert!(outbox.push_ephemeral(frame("typing")));
        }
        outbox.push(frame("a"));
        outbox.push(frame("b"));
        for request in 0..5 {
            assert!(outbox.push(Event::WriteLost(RequestId(request))));
        }
        let mut events = VecDeque::new();
        outbox.recv(&mut events).await.expect("still open");
        assert_eq!(
            events.len(),
            2 + 2 + 5,
            "half of the ephemeral events, and everything else"
        );
    }
}
