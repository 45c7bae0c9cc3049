use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::{Incarnation, RequestId};
use crate::chat::{MessageId, RoomId};
use crate::persistence::RoomOp;

/// Writes of one socket that are not answered yet. At so many it stops reading,
/// and TCP pushes back on the client.
pub(super) const CREDITS: usize = 16;

/// The writes of one socket that wait for their answers.
///
/// Each is kept until it is answered, so that one whose room has died can be
/// handed to the next incarnation, once, with the same id.
#[derive(Debug)]
pub(super) struct PendingWrites {
    writes: BTreeMap<RequestId, PendingWrite>,
    last: u64,
    timeout: Duration,
}

/// A write that waits for its answer.
#[derive(Debug)]
pub(super) struct PendingWrite {
    pub(super) room_id: RoomId,
    pub(super) op: RoomOp,
    /// The id to answer with, when it is a post.
    pub(super) message_id: Option<MessageId>,
    /// Who was asked last.
    asked: Option<Incarnation>,
    /// Not handed to anybody yet: an earlier write of the same room goes first.
    held: bool,
    retried: bool,
    deadline: Instant,
}

impl PendingWrites {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            writes: BTreeMap::new(),
            last: 0,
            timeout,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether another write may come in.
    pub(super) fn has_credit(&self) -> bool {
        self.writes.len() < CREDITS
    }

    /// Whether another write of this room has to wait. A socket that follows the room talks to
    /// one incarnation, which keeps the order. One that does not finds a live room anew with each
    /// write: while an earlier one is sent on from a room that rests or has died, a later one
    /// could overtake it.
    pub(super) fn must_hold(&self, room_id: RoomId, follows: bool) -> bool {
        self.writes
            .values()
            .any(|write| write.room_id == room_id && (write.held || !follows))
    }

    pub(super) fn holds_any(&self) -> bool {
        self.writes.values().any(|write| write.held)
    }

    /// Rooms with writes that are held.
    pub(super) fn held_rooms(&self) -> BTreeSet<RoomId> {
        let held = self.writes.values().filter(|write| write.held);
        held.map(|write| write.room_id).collect()
    }

    /// The next write of a room that was held, if nothing of the room is on its way; it is not
    /// held any more.
    pub(super) fn release(&mut self, room_id: RoomId) -> Option<(RequestId, RoomOp)> {
        let (request, next) = self
            .writes
            .iter_mut()
            .find(|(_, write)| write.room_id == room_id)?;
        std::mem::take(&mut next.held).then(|| (*request, next.op.clone()))
    }

    /// Notes a write and names it.
    pub(super) fn add(&mut self, room_id: RoomId, op: RoomOp, held: bool) -> RequestId {
        self.last += 1;
        let request = RequestId(self.last);
        let message_id = match &op {
            RoomOp::Post(draft) => Some(draft.id),
            _ => None,
        };
        let deadline = Instant::now() + self.timeout;
        self.writes.insert(
            request,
            PendingWrite {
                room_id,
                op,
                message_id,
                asked: None,
                held,
                retried: false,
                deadline,
            },
        );
        request
    }

    /// Notes who was asked.
    pub(super) fn asked(&mut self, request: RequestId, incarnation: Incarnation) {
        if let Some(write) = self.writes.get_mut(&request) {
            write.asked = Some(incarnation);
        }
    }

    /// The write has been answered. `None` when it was given up before.
    pub(super) fn take(&mut self, request: RequestId) -> Option<PendingWrite> {
        self.writes.remove(&request)
    }

    /// The write was lost with its room. Returns it if it may be tried again,
    /// which it may once; otherwise it is to be taken.
    pub(super) fn retry(
        &mut self,
        request: RequestId,
    ) -> Option<(RoomId, RoomOp, Option<Incarnation>)> {
        let write = self.writes.get_mut(&request)?;
        if std::mem::replace(&mut write.retried, true) {
            return None;
        }
        Some((write.room_id, write.op.clone(), write.asked))
    }

    /// Takes the writes that have waited for too long.
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

    /// When the next write will have waited for too long. Writes are answered
    /// in about their order, so the oldest is the next.
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
    fn a_room_that_is_not_followed_gets_one_write_after_the_other() {
        let mut pending = PendingWrites::new(Duration::from_secs(10));
        let (room, other) = (RoomId::from_u128(1), RoomId::from_u128(2));
        let mut requests = Vec::new();
        for seq in 1..=3 {
            let held = pending.must_hold(room, false);
            assert_eq!(held, seq > 1, "the first one goes at once");
            requests.push(pending.add(room, read(seq), held));
        }
        assert!(!pending.must_hold(other, false), "other rooms do not wait");
        assert!(
            pending.must_hold(room, true),
            "nor is the order lost by joining"
        );
        assert!(
            pending.release(room).is_none(),
            "the first one is on its way"
        );
        for at in 0..3 {
            assert_eq!(pending.holds_any(), at < 2);
            pending.take(requests[at]);
            let next = pending.release(room).map(|(request, _)| request);
            assert_eq!(next, requests.get(at + 1).copied());
        }
        assert!(!pending.must_hold(room, true));
    }

    #[test]
    fn a_room_that_is_followed_gets_all_at_once() {
        let mut pending = PendingWrites::new(Duration::from_secs(10));
        let room = RoomId::from_u128(1);
        for seq in 1..=3 {
            assert!(!pending.must_hold(room, true));
            pending.add(room, read(seq), false);
        }
    }
}
