use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::ids::{RequestId, SubscriptionId};
use crate::chat::RoomId;
use crate::persistence::{RoomCommit, WriteError};
use crate::protocol::CloseCode;

/// What actors put into a socket's outbox.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message of a room's log, encoded. The socket holds the seq against what
    /// it delivered, so a lost, doubled or late one does no harm.
    Log {
        /// The room.
        room_id: RoomId,
        /// Which of the socket's subscriptions it belongs to.
        subscription: SubscriptionId,
        /// Its place in the log.
        seq: u64,
        /// The `message` frame.
        frame: Utf8Bytes,
    },
    /// A room's event that is not part of its log: read marks, status, typing.
    Room {
        /// The room.
        room_id: RoomId,
        /// Which of the socket's subscriptions it belongs to.
        subscription: SubscriptionId,
        /// The frame.
        frame: Utf8Bytes,
    },
    /// The answer to a write of this socket.
    Answer {
        /// Which write.
        request: RequestId,
        /// What came of it; `Err(None)` when its room died before it could say.
        outcome: Result<RoomCommit, Option<WriteError>>,
    },
    /// A subscription has ended, since its room has died.
    Detached(SubscriptionId),
}

impl Event {
    fn bytes(&self) -> usize {
        match self {
            Self::Log { frame, .. } | Self::Room { frame, .. } => frame.len(),
            Self::Answer { .. } | Self::Detached(_) => 0,
        }
    }
}

/// The bounded queue in front of one socket. Actors put events in and never
/// wait; the socket takes them out.
///
/// When an event does not fit, the outbox closes with 4008: the reader was too
/// slow, and finds what it missed in the log when it comes back. Typing is shed
/// long before that. Answers and endings always fit: their number is bounded by
/// the socket's own credits and subscriptions.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
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
    /// An empty outbox that takes at most `max_items` frames of `max_bytes` together.
    pub fn new(max_items: usize, max_bytes: usize) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::default(),
            changed: Notify::new(),
            closed: Notify::new(),
            max_items,
            max_bytes,
        }))
    }

    /// Puts an event in. Returns whether the outbox is still open; when it is
    /// not, the caller forgets it.
    pub fn push(&self, event: Event) -> bool {
        self.push_all([event])
    }

    /// Puts events in as one: the socket takes all of them at once.
    pub fn push_all(&self, events: impl IntoIterator<Item = Event>) -> bool {
        let mut queue = self.lock();
        for event in events {
            if queue.closed.is_some() {
                return false;
            }
            let bytes = event.bytes();
            let full =
                queue.events.len() >= self.0.max_items || queue.bytes + bytes > self.0.max_bytes;
            // A single frame larger than the whole bound still passes through an empty outbox.
            if bytes > 0 && full && !queue.events.is_empty() {
                drop(queue);
                self.close(CloseCode::OutboxFull);
                return false;
            }
            queue.bytes += bytes;
            queue.events.push_back(event);
        }
        let news = !queue.events.is_empty();
        drop(queue);
        if news {
            self.0.changed.notify_one();
        }
        true
    }

    /// Whether both are one outbox.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Puts an event in that nobody misses: it is dropped once the outbox is
    /// half full.
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

    /// Closes the outbox; the socket will close with `code`. What waits is
    /// dropped. The first code wins.
    pub fn close(&self, code: CloseCode) {
        let mut queue = self.lock();
        if queue.closed.is_none() {
            queue.closed = Some(code);
            queue.events.clear();
            queue.bytes = 0;
        }
        drop(queue);
        self.0.changed.notify_one();
        self.0.closed.notify_one();
    }

    /// Waits for events and moves all that wait into `events`, or returns the
    /// code to close with. One task may wait at a time. Cancel safe.
    pub async fn recv(&self, events: &mut VecDeque<Event>) -> Result<(), CloseCode> {
        loop {
            let notified = self.0.changed.notified();
            {
                let mut queue = self.lock();
                if let Some(code) = queue.closed {
                    return Err(code);
                }
                if !queue.events.is_empty() {
                    events.append(&mut queue.events);
                    queue.bytes = 0;
                    return Ok(());
                }
            }
            notified.await;
        }
    }

    /// Resolves once the outbox is closed. One task may wait at a time. Cancel safe.
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
        // The queue is whole after every statement, so a panic elsewhere cannot have torn it.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Event {
        Event::Room {
            room_id: RoomId::nil(),
            subscription: SubscriptionId(0),
            frame: Utf8Bytes::from(text.to_owned()),
        }
    }

    #[tokio::test]
    async fn a_full_outbox_closes_and_drops_what_waited() {
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
    async fn bytes_are_bounded_too() {
        let outbox = Outbox::new(100, 10);
        assert!(
            outbox.push(frame("a frame larger than the bound")),
            "alone it passes"
        );
        assert!(!outbox.push(frame("x")));
    }

    #[tokio::test]
    async fn typing_is_shed_and_answers_always_fit() {
        let outbox = Outbox::new(4, 1_000);
        for _ in 0..4 {
            assert!(outbox.push_ephemeral(frame("typing")));
        }
        outbox.push(frame("a"));
        outbox.push(frame("b"));
        for request in 0..5 {
            assert!(outbox.push(Event::Answer {
                request: RequestId(request),
                outcome: Err(None)
            }));
        }
        let mut events = VecDeque::new();
        outbox.recv(&mut events).await.expect("still open");
        assert_eq!(
            events.len(),
            2 + 2 + 5,
            "half of the typing, everything else"
        );
    }
}
