//! Operations on rooms applied in memory, by the rules that both stores share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::known::KnownRooms;
use super::room_job::{Outcome, RoomAsk};
use super::write::Conditions;
use crate::chat::{AgentId, Draft, Message, MessageId, RoomRecord, SenderType, Side};
use crate::persistence::postgres::tables::messages::MessageColumns;
use crate::persistence::postgres::tx::{SlotMove, Tx};
use crate::persistence::postgres::tx_error::{Failure, TxError};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::read_marks::{self, UnreadCount};
use crate::persistence::rules::rooms::{self as rules, AssigneeState, Change};
use crate::persistence::{Effect, Refusal, RoomCommit, RoomOp};

/// The rooms of a batch and what else its rules need.
#[derive(Default)]
pub(super) struct Rooms {
    /// Rooms by their numbers. One of those asked for that is neither here nor skipped is gone.
    pub(super) records: HashMap<i64, Arc<RoomRecord>>,
    /// Rooms that another node has locked.
    pub(super) skipped: HashSet<i64>,
    /// What was read of them; without it, the rooms alone are known.
    pub(super) read: Option<ReadRows>,
}

/// What was read under the locks of the rooms.
#[derive(Default)]
pub(super) struct ReadRows {
    /// Without it, no message is repeated and nobody absent as far as it is known.
    pub(super) is_everything: bool,
    /// Messages whose ids are posted again, by room and id.
    pub(super) repeated: HashMap<(i64, MessageId), Message>,
    /// The customer's messages past the agents' mark, up to a seq, by room and seq.
    pub(super) counts: HashMap<(i64, u64), u64>,
    /// Assignees who are disabled or off duty, of rooms in which visitors post.
    pub(super) absent: HashMap<i64, AgentId>,
}

impl Rooms {
    /// Rooms as the lane knows them.
    pub(super) fn known(records: HashMap<i64, Arc<RoomRecord>>) -> Self {
        Self {
            records,
            ..Self::default()
        }
    }
}

/// Since when a room waits.
#[derive(Debug, Clone, Copy)]
enum Waits {
    /// Since a message that is stored.
    AsStored,
    Not,
    /// A message of this batch.
    Since(u64),
}

/// A room as the open transaction changes it.
pub(super) struct LiveRoom {
    pub(super) record: Arc<RoomRecord>,
    /// The newest message that this batch appends.
    pub(super) newest: Option<u64>,
    waits: Waits,
    known_version: u64,
    /// What was taken for granted of the visitor and of the assignee.
    may_post: bool,
    present: Option<AgentId>,
    /// The agents' read mark and the unread messages as they are stored.
    stored_mark: u64,
    stored_unread: u64,
    /// The customer's messages that this batch appends.
    new_seqs: Vec<u64>,
    changed: bool,
}

impl LiveRoom {
    fn new(record: Arc<RoomRecord>) -> Self {
        Self {
            newest: None,
            waits: match record.waiting_since {
                Some(_) => Waits::AsStored,
                None => Waits::Not,
            },
            known_version: record.version,
            may_post: false,
            present: None,
            stored_mark: record.room.admin_read_seq,
            stored_unread: record.unread_count,
            new_seqs: Vec::new(),
            changed: false,
            record,
        }
    }

    /// The message of this batch since which the room waits.
    pub(super) fn waits_since(&self) -> Option<u64> {
        match self.waits {
            Waits::Since(seq) => Some(seq),
            Waits::AsStored | Waits::Not => None,
        }
    }

    /// What has to be so for it to be written.
    pub(super) fn conditions(&self) -> Conditions {
        Conditions {
            known_version: self.known_version,
            visitor: self.may_post.then_some(self.record.visitor_id),
            present: self.present,
        }
    }

    /// Takes for granted that an assignee is on duty.
    fn assume_present(&mut self, assignee: AgentId) -> Result<(), TxError> {
        match self.present.replace(assignee) {
            // One of them can be checked.
            Some(other) if other != assignee => Err(Failure::Conflict.into()),
            _ => Ok(()),
        }
    }

    fn append(&mut self, message: &Message) {
        self.newest = Some(message.seq);
        if message.sender_type == SenderType::Customer {
            self.new_seqs.push(message.seq);
        }
    }

    fn replace(&mut self, record: RoomRecord) {
        self.waits = match (record.waiting_since, self.waits, self.newest) {
            (None, ..) => Waits::Not,
            (Some(_), Waits::Not, Some(seq)) => Waits::Since(seq),
            (Some(_), waits, _) => waits,
        };
        self.record = Arc::new(record);
        self.changed = true;
    }
}

/// A transaction before it is written.
pub(super) struct Batch {
    tx: Tx,
    rooms: HashMap<i64, LiveRoom>,
    skipped: HashSet<i64>,
    read: Option<ReadRows>,
    /// Messages of this batch, by room and id.
    appended: HashMap<(i64, MessageId), Message>,
    pub(super) messages: MessageColumns,
}

impl Batch {
    pub(super) fn new(tx: Tx, rooms: Rooms) -> Self {
        let Rooms {
            records,
            skipped,
            read,
        } = rooms;
        let rooms = records.into_iter();
        Self {
            tx,
            rooms: rooms
                .map(|(pk, record)| (pk, LiveRoom::new(record)))
                .collect(),
            skipped,
            read,
            appended: HashMap::new(),
            messages: MessageColumns::default(),
        }
    }

    /// How many rooms it has.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Rooms that it changes, in the order of their numbers, in which every node locks them.
    pub(super) fn changed(&self) -> Vec<(i64, &LiveRoom)> {
        let rooms = self.rooms.iter().filter(|(_, room)| room.changed);
        let mut rooms: Vec<_> = rooms.map(|(pk, room)| (*pk, room)).collect();
        rooms.sort_unstable_by_key(|(pk, _)| *pk);
        rooms
    }

    /// The same rooms as they are now.
    pub(super) fn into_changed(self) -> Vec<(i64, Arc<RoomRecord>)> {
        let rooms = self.rooms.into_iter().filter(|(_, room)| room.changed);
        rooms.map(|(pk, room)| (pk, room.record)).collect()
    }

    /// How it moves its slot.
    pub(super) fn slot_move(&self) -> SlotMove {
        self.tx.slot_move()
    }

    /// Applies operations to their rooms in memory.
    pub(super) fn apply_all(
        &mut self,
        asks: &[RoomAsk],
        known: &KnownRooms,
    ) -> Result<Vec<Outcome>, TxError> {
        let apply = |ask: &RoomAsk| self.apply(ask, known.number(ask.room_id));
        asks.iter().map(apply).collect()
    }

    fn apply(&mut self, ask: &RoomAsk, pk: Option<i64>) -> Result<Outcome, TxError> {
        if pk.is_some_and(|pk| self.skipped.contains(&pk)) {
            return Ok(Outcome::Locked);
        }
        let room = pk.filter(|pk| self.rooms.contains_key(pk));
        match (&ask.op, room) {
            (None, room) => Ok(Outcome::Loaded(
                room.map(|pk| Arc::clone(&self.rooms[&pk].record)),
            )),
            (Some(_), None) => Ok(Outcome::Written(Err(Refusal::NotFound))),
            (Some(op), Some(pk)) => match self.write(pk, op) {
                Ok(effect) => Ok(Outcome::Written(Ok(RoomCommit {
                    record: Arc::clone(&self.rooms[&pk].record),
                    effect,
                    also_changed: Vec::new(),
                }))),
                Err(TxError::Refused(refusal)) => Ok(Outcome::Written(Err(refusal))),
                Err(error) => Err(error),
            },
        }
    }

    fn write(&mut self, pk: i64, op: &RoomOp) -> Result<Effect, TxError> {
        let now = self.tx.now;
        let record = &self.rooms[&pk].record;
        match op {
            RoomOp::Post(draft) => {
                let stored = self.read.as_ref().map(|read| &read.repeated);
                let key = (pk, draft.id);
                let repeated = (self.appended.get(&key)).or_else(|| stored?.get(&key));
                if let Some(stored) = repeated {
                    return Ok(rules::repeated(stored.clone(), draft)?);
                }
                let assignee = self.assignee(pk, draft)?;
                let change = rules::post(&self.rooms[&pk].record, draft, assignee, now)?;
                self.replace(pk, change)
            }
            RoomOp::SetStatus { status, by } => {
                match rules::set_status(record, *status, by, Uuid::now_v7(), now)? {
                    Some(change) => self.replace(pk, change),
                    None => Ok(Effect::Unchanged),
                }
            }
            RoomOp::MarkRead { side, seq } => {
                let Some(moved) = read_marks::mark_read(record, *side, *seq, now)? else {
                    return Ok(Effect::Unchanged);
                };
                let messages = match moved.count {
                    Some(UnreadCount::Read { from, to }) => {
                        self.unread_up_to(pk, to)? - self.unread_up_to(pk, from - 1)?
                    }
                    // Everything has been read.
                    Some(UnreadCount::Unread { from, to }) if from > to => 0,
                    Some(UnreadCount::Unread { from, .. }) => {
                        let room = &self.rooms[&pk];
                        room.stored_unread + room.new_seqs.len() as u64
                            - self.unread_up_to(pk, from - 1)?
                    }
                    None => 0,
                };
                self.replace(pk, moved.counted(messages))
            }
            other => Err(TxError::Bug(format!(
                "{other:?} does not belong in a batch"
            ))),
        }
    }

    /// The state of the assignee, if the rules ask for it. What was not read is taken for granted,
    /// and checked when the room is written.
    fn assignee(&mut self, pk: i64, draft: &Draft) -> Result<AssigneeState, TxError> {
        let Some(room) = self.rooms.get_mut(&pk) else {
            return Err(TxError::Bug("a room was not loaded".into()));
        };
        if self.read.is_none() && draft.sender.side() == Side::Visitor {
            room.may_post = true;
        }
        let Some(agent) = rules::asks_for_assignee(&room.record, draft) else {
            return Ok(AssigneeState::Present);
        };
        match &self.read {
            Some(read) if read.is_everything => {
                if read.absent.get(&pk) == Some(&agent) {
                    return Ok(AssigneeState::Absent);
                }
            }
            _ => room.assume_present(agent)?,
        }
        Ok(AssigneeState::Present)
    }

    /// The customer's messages past the agents' mark as it is stored, up to `seq`.
    fn unread_up_to(&self, pk: i64, seq: u64) -> Result<u64, TxError> {
        let room = &self.rooms[&pk];
        if seq <= room.stored_mark {
            return Ok(0);
        }
        let Some(read) = &self.read else {
            return Err(Failure::Conflict.into());
        };
        let stored = (read.counts.get(&(pk, seq)))
            .ok_or_else(|| TxError::Bug(format!("nobody has counted up to {seq}")))?;
        let new = room.new_seqs.iter().filter(|new| **new <= seq).count();
        Ok(stored + new as u64)
    }

    /// Puts a changed record in the place of a room.
    fn replace(&mut self, pk: i64, change: Change) -> Result<Effect, TxError> {
        let Some(room) = self.rooms.get_mut(&pk) else {
            return Err(TxError::Bug("a changed room was not loaded".into()));
        };
        let Change { mut record, effect } = change;
        let before = PriorState::of(&room.record);
        self.tx.record_change(before, &mut record);
        if let Effect::Posted(message) | Effect::StatusChanged(message) = &effect {
            self.messages.push(pk, None, message);
            self.appended.insert((pk, message.id), message.clone());
            room.append(message);
        }
        room.replace(record);
        Ok(effect)
    }
}
