//! The writes of one socket that wait for their outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::actors::{Incarnation, RequestId};
use crate::chat::RoomId;
use crate::persistence::RoomOp;

/// Writes of one socket that may wait for an outcome. At this number the socket stops reading, and
/// TCP pushes back on the client.
const CREDITS: usize = 16;

/// A write is kept until it has its outcome, so that if its room dies it can be handed to the next
/// incarnation, once and with the same id.
#[derive(Debug)]
pub(super) struct PendingWrites {
    writes: BTreeMap<RequestId, PendingWrite>,
    last_request: u64,
    timeout: Duration,
}

/// The `id` of a client's frame, which the reply carries.
///
/// A text has no bound of its own: frames that need no `id` ignore it like any other unknown field, and
/// what they carry is returned whole. So it has the frame's bound of 128 KiB, and a socket keeps at most
/// [`CREDITS`] of them, 2 MiB. That is as much as it may send at once (`limits.frame_bytes_burst`), and
/// an error with one counts in the outbox's bytes as every other frame does.
#[derive(Debug, Clone)]
pub(super) enum FrameId {
    /// That of a message or a note.
    Post(Uuid),
    /// Any other text, as it was sent.
    Other(Box<str>),
}

/// A write that waits for its outcome.
#[derive(Debug)]
pub(super) struct PendingWrite {
    pub(super) room_id: RoomId,
    op: RoomOp,
    /// The frame's `id`, if it had one.
    pub(super) id: Option<FrameId>,
    /// The incarnation of the room that got the write last.
    sent_to: Option<Incarnation>,
    /// Not handed to the room yet: an earlier write of the same room goes first.
    held: bool,
    retried: bool,
    deadline: Instant,
}

impl PendingWrites {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            writes: BTreeMap::new(),
            last_request: 0,
            timeout,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether another write may be read from the client.
    pub(super) fn has_credit(&self) -> bool {
        self.writes.len() < CREDITS
    }

    /// Whether another write of this room has to be held back.
    ///
    /// A socket that has joined the room writes to one incarnation, which keeps the order.
    /// Otherwise each write looks up the live room: while an earlier write is passed on from a
    /// room that rests or has died, a later one could overtake it.
    pub(super) fn must_hold(&self, room_id: RoomId, is_joined: bool) -> bool {
        self.writes
            .values()
            .any(|write| write.room_id == room_id && (write.held || !is_joined))
    }

    pub(super) fn has_held(&self) -> bool {
        self.writes.values().any(|write| write.held)
    }

    /// Rooms with held writes.
    pub(super) fn held_rooms(&self) -> BTreeSet<RoomId> {
        let held = self.writes.values().filter(|write| write.held);
        held.map(|write| write.room_id).collect()
    }

    /// Releases the next held write of a room, unless another write of the room has no outcome
    /// yet.
    pub(super) fn release(&mut self, room_id: RoomId) -> Option<(RequestId, RoomOp)> {
        let (request, next) = self
            .writes
            .iter_mut()
            .find(|(_, write)| write.room_id == room_id)?;
        std::mem::take(&mut next.held).then(|| (*request, next.op.clone()))
    }

    /// Adds a write and gives it an id.
    pub(super) fn add(
        &mut self,
        room_id: RoomId,
        op: RoomOp,
        id: Option<FrameId>,
        held: bool,
    ) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        let deadline = Instant::now() + self.timeout;
        self.writes.insert(
            request,
            PendingWrite {
                room_id,
                op,
                id,
                sent_to: None,
                held,
                retried: false,
                deadline,
            },
        );
        request
    }

    /// Records which incarnation got the write.
    pub(super) fn sent_to(&mut self, request: RequestId, incarnation: Incarnation) {
        if let Some(write) = self.writes.get_mut(&request) {
            write.sent_to = Some(incarnation);
        }
    }

    /// Removes a write that has its outcome. `None` if it was given up before.
    pub(super) fn take(&mut self, request: RequestId) -> Option<PendingWrite> {
        self.writes.remove(&request)
    }

    /// A write was lost with its room. Returns it the first time, to be tried again; `None` the
    /// second time, when the caller gives it up.
    pub(super) fn retry(
        &mut self,
        request: RequestId,
    ) -> Option<(RoomId, RoomOp, Option<Incarnation>)> {
        let write = self.writes.get_mut(&request)?;
        if std::mem::replace(&mut write.retried, true) {
            return None;
        }
        Some((write.room_id, write.op.clone(), write.sent_to))
    }

    /// Removes the writes whose deadline has passed.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<PendingWrite> {
        let overdue: Vec<RequestId> = self
            .writes
            .iter()
            .filter(|(_, write)| write.deadline <= now)
            .map(|(request, _)| *request)
            .collect();
        overdue
            .into_iter()
            .filter_map(|request| self.writes.remove(&request))
            .collect()
    }

    /// The deadline of the oldest write.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.writes
            .first_key_value()
            .map(|(_, write)| write.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Side;

    fn read(seq: u64) -> RoomOp {
        RoomOp::MarkRead {
            side: Side::Agent,
            seq,
        }
    }

    #[test]
    fn a_room_that_is_not_joined_gets_one_write_at_a_time() {
        let mut pending = PendingWrites::new(Duration::from_secs(10));
        let (room, other) = (RoomId::from_u128(1), RoomId::from_u128(2));
        let mut requests = Vec::new();
        for seq in 1..=3 {
            let held = pending.must_hold(room, false);
            assert_eq!(held, seq > 1, "the first one is not held");
            requests.push(pending.add(room, read(seq), None, held));
        }
        assert!(!pending.must_hold(other, false), "other rooms do not wait");
        assert!(
            pending.must_hold(room, true),
            "joining does not lose the order"
        );
        assert!(
            pending.release(room).is_none(),
            "the first one has no outcome yet"
        );
        for at in 0..3 {
            assert_eq!(pending.has_held(), at < 2);
            pending.take(requests[at]);
            let next = pending.release(room).map(|(request, _)| request);
            assert_eq!(next, requests.get(at + 1).copied());
        }
        assert!(!pending.must_hold(room, true));
    }

    #[test]
    fn a_joined_room_gets_all_writes_at_once() {
        let mut pending = PendingWrites::new(Duration::from_secs(10));
        let room = RoomId::from_u128(1);
        for seq in 1..=3 {
            assert!(!pending.must_hold(room, true));
            pending.add(room, read(seq), None, false);
        }
    }
}
