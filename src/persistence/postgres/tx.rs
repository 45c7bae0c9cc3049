use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::chat::{ChangeId, Counts, RoomId, RoomRecord, Timestamp};
use crate::persistence::postgres::session::Session;
use crate::persistence::rules::listing::{self, PriorState};
use crate::persistence::{RoomCommit, RoomCommitted, RuleSettings};

/// Added to each count of a transaction, so that it may fall as well as rise.
const COUNT_BASE: u64 = 1 << 40;

/// The open transaction that a write runs in, and what it moves in its slot.
pub(crate) struct Tx {
    session: Arc<Session>,
    slot: usize,
    last_change: u64,
    counts: Counts,
    /// The time of the write, the same for everything that it does.
    pub(crate) now: Timestamp,
    /// What the rules were configured to.
    pub(crate) rules: RuleSettings,
    /// Set when a change of a visitor is still to be applied to some of their rooms.
    pub(crate) visitor_changes_pending: bool,
    /// Set when agents or sessions have changed.
    pub(crate) auth_changed: bool,
    tokens_ended: AtomicBool,
    /// Rooms that it has changed.
    pub(crate) changed_rooms: Vec<RoomId>,
    /// What it did to a room, for the other nodes.
    to_publish: Option<RoomCommitted>,
}

/// How a transaction moves its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotMove {
    /// The newest change after it.
    pub(crate) change: u64,
    /// What is added to the counts of listed rooms.
    pub(crate) waiting: i64,
    pub(crate) active: i64,
    pub(crate) closed: i64,
}

impl Tx {
    /// A transaction that has begun, in a slot whose newest change is `last_change`.
    pub(crate) fn new(
        session: Arc<Session>,
        slot: usize,
        last_change: u64,
        now: Timestamp,
        rules: RuleSettings,
    ) -> Self {
        Self {
            session,
            slot,
            last_change,
            counts: Counts {
                waiting: COUNT_BASE,
                active: COUNT_BASE,
                closed: COUNT_BASE,
            },
            now,
            rules,
            visitor_changes_pending: false,
            auth_changed: false,
            tokens_ended: AtomicBool::new(false),
            changed_rooms: Vec::new(),
            to_publish: None,
        }
    }

    /// The slot that the transaction numbers its changes in.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Takes the next number in the order of changes.
    pub(crate) fn next_change(&mut self) -> ChangeId {
        self.last_change += 1;
        ChangeId {
            slot: self.slot,
            number: self.last_change,
        }
    }

    /// Moves the counts with a changed room, and gives it the next number in the order of changes.
    /// A room that no console lists gets one, too: other nodes learn of its change by that alone.
    pub(crate) fn record_change(&mut self, before: PriorState, record: &mut RoomRecord) {
        let change = self.next_change();
        listing::record_change(before, record, &mut self.counts, || change);
        record.change = change;
        self.changed_rooms.push(record.room.id);
    }

    /// Takes a room that is about to be deleted off the counts. Returns the place of that in the
    /// order of changes if consoles list the room.
    pub(crate) fn unlist(&mut self, record: &RoomRecord) -> Option<ChangeId> {
        listing::unlist(record, &mut self.counts).then(|| self.next_change())
    }

    /// Other nodes are sent what it did to a room, if that is all that it changes, instead of being
    /// left to read the store.
    pub(crate) fn publish(&mut self, commit: &RoomCommit) {
        self.to_publish = Some(RoomCommitted {
            record: Arc::clone(&commit.record),
            effect: commit.effect.clone(),
        });
    }

    /// What other nodes are sent; `None` if they have to read the store.
    pub(crate) fn take_published(&mut self) -> Option<RoomCommitted> {
        let is_all = |commit: &RoomCommitted| self.changed_rooms == [commit.record.room.id];
        self.to_publish.take().filter(is_all)
    }

    /// Tokens of visitors have ended, which other nodes have to look for.
    pub(crate) fn note_ended_tokens(&self) {
        self.tokens_ended.store(true, Ordering::Relaxed);
    }

    /// Whether tokens of visitors have ended.
    pub(crate) fn has_ended_tokens(&self) -> bool {
        self.tokens_ended.load(Ordering::Relaxed)
    }

    /// How it moves its slot.
    pub(crate) fn slot_move(&self) -> SlotMove {
        let moved = |count: u64| count.cast_signed() - COUNT_BASE.cast_signed();
        SlotMove {
            change: self.last_change,
            waiting: moved(self.counts.waiting),
            active: moved(self.counts.active),
            closed: moved(self.counts.closed),
        }
    }
}

impl Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
