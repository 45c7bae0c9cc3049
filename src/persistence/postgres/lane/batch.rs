//! One transaction for operations on many rooms, in two round trips: what the rules need is locked
//! and read, then what they decide is written and committed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::commit::{Publish, ended};
use super::room_job::{BatchDone, Outcome, RoomAsk, RoomDone, RoomJob, complete, refuse};
use super::rows::{self, Loaded};
use super::{CONFLICTS_MAX, Lane, may_run_again};
use crate::chat::{AgentId, Message, MessageId, RoomId, SenderType, Status};
use crate::persistence::postgres::slot::{MOVE, MoveParams};
use crate::persistence::postgres::tables::messages::{self, MessageColumns};
use crate::persistence::postgres::tables::room_rows::{HeadColumns, RoomRow, UPDATE_HEADS};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::{Failure, TxError};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::rooms::{self as rules, AssigneeState, Change, UnreadCount};
use crate::persistence::{
    Effect, Refusal, RoomCommit, RoomCommitted, RoomOp, StoreError, WriteError,
};

/// Numbers of rooms that are kept, at most. When there are more, all are forgotten and read again as
/// they are needed.
const ROOM_NUMBERS: usize = 100_000;

/// Numbers of rooms by id; they never change.
#[derive(Default)]
pub(crate) struct RoomNumbers(HashMap<RoomId, i64>);

impl RoomNumbers {
    pub(super) fn get(&self, id: RoomId) -> Option<i64> {
        self.0.get(&id).copied()
    }
}

/// A room as the open transaction changes it.
struct LiveRoom {
    row: RoomRow,
    /// The agents' read mark and the unread messages as they are stored.
    stored_mark: u64,
    stored_unread: u64,
    /// The customer's messages that this batch appends.
    new_seqs: Vec<u64>,
    changed: bool,
}

impl Lane {
    /// Commits operations on rooms. The lane is connected.
    pub(super) async fn run_batch(&mut self, jobs: Vec<RoomJob>) -> BatchDone {
        let (asks, dones): (Vec<RoomAsk>, Vec<RoomDone>) =
            jobs.into_iter().map(|job| (job.ask, job.done)).unzip();
        let mut conflicts = 0;
        let mut waits = true;
        loop {
            match self.try_batch(&asks, waits).await {
                Ok(outcomes) => return complete(asks, dones, outcomes),
                // Somebody holds a room for long: the others go on without it.
                Err(error) if waits && error.is_lock_timeout() => waits = false,
                Err(error) if may_run_again(&error) && conflicts < CONFLICTS_MAX => {
                    conflicts += 1;
                    if let Err(error) = self.connect().await {
                        return refuse(dones, &error);
                    }
                }
                Err(error) => {
                    let error = match WriteError::from(error) {
                        WriteError::Store(error) => error,
                        WriteError::Refused(refusal) => StoreError::Internal(refusal.to_string()),
                    };
                    return refuse(dones, &error);
                }
            }
        }
    }

    /// `waits`: rooms that were locked again and again are waited for.
    async fn try_batch(&mut self, asks: &[RoomAsk], waits: bool) -> Result<Vec<Outcome>, TxError> {
        let Some(connection) = &self.connection else {
            return Err(Failure::Away("the connection to PostgreSQL is gone".into()).into());
        };
        let session = Arc::clone(&connection.session);
        self.find_numbers(&session, asks).await?;
        let loaded = match rows::load(&session, asks, &self.room_numbers, waits).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.roll_back().await?;
                return Err(error);
            }
        };
        let Some(connection) = &self.connection else {
            return Err(TxError::Bug("a transaction lost its connection".into()));
        };
        let mut batch = Batch::new(self.transaction(connection), loaded);
        let mut outcomes = Vec::with_capacity(asks.len());
        for ask in asks {
            match batch.apply(ask, self.room_numbers.get(ask.room_id)) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    self.roll_back().await?;
                    return Err(error);
                }
            }
        }
        let changes = changes_of(&outcomes, self.shared.has_listener());
        self.commit_batch(batch, changes).await?;
        Ok(outcomes)
    }

    /// Looks up the numbers of rooms that are not known yet.
    async fn find_numbers(
        &mut self,
        session: &crate::persistence::postgres::session::Session,
        asks: &[RoomAsk],
    ) -> Result<(), TxError> {
        let known = &mut self.room_numbers.0;
        if known.len() > ROOM_NUMBERS {
            known.clear();
        }
        let unknown: HashSet<RoomId> = asks.iter().map(|ask| ask.room_id).collect();
        let unknown: Vec<RoomId> = unknown
            .into_iter()
            .filter(|id| !known.contains_key(id))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let rows = session
            .query("SELECT id, pk FROM rooms WHERE id = ANY($1)", &[&unknown])
            .await?;
        for row in rows {
            known.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }

    /// The second half: everything that was decided, and COMMIT, in one round trip.
    async fn commit_batch(
        &mut self,
        batch: Batch,
        changes: Option<Vec<RoomCommitted>>,
    ) -> Result<(), TxError> {
        let changed: Vec<&LiveRoom> = batch.rooms.values().filter(|room| room.changed).collect();
        if changed.is_empty() {
            return self.roll_back().await;
        }
        let Some(connection) = &self.connection else {
            return Err(TxError::Bug("a transaction lost its connection".into()));
        };
        let session = Arc::clone(&connection.session);
        let mut heads = HeadColumns::default();
        for room in &changed {
            heads.push(room.row.keys, &room.row.record);
        }
        let moved = batch.tx.slot_move();
        let params = MoveParams::new(&connection.slot, moved);
        let insert = session.prepare(messages::INSERT).await?;
        let update = session.prepare(UPDATE_HEADS).await?;
        let move_slot = session.prepare(MOVE).await?;
        let (message_params, head_params, move_params) = (
            batch.messages.as_params(),
            heads.as_params(),
            params.as_params(),
        );
        let client = session.client();
        let (inserted, updated, moved_slots, committed) = tokio::join!(
            biased;
            client.execute(&insert, &message_params),
            client.execute(&update, &head_params),
            client.execute(&move_slot, &move_params),
            client.batch_execute("COMMIT"),
        );
        let before = check_rows(inserted, batch.messages.len())
            .and_then(|()| check_rows(updated, heads.len()));
        let ended = ended(connection, &moved, moved_slots, before, committed);
        self.after(ended, Publish::Rooms(changes)).await
    }
}

/// What is published of a batch.
fn changes_of(outcomes: &[Outcome], has_listener: bool) -> Option<Vec<RoomCommitted>> {
    has_listener.then(|| {
        let commits = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Written(Ok(commit)) => Some(commit),
            _ => None,
        });
        commits
            .filter(|commit| commit.effect.is_change())
            .map(|commit| RoomCommitted {
                record: Arc::clone(&commit.record),
                effect: commit.effect.clone(),
            })
            .collect()
    })
}

/// Whether a statement changed as many rows as it has to.
fn check_rows(changed: Result<u64, tokio_postgres::Error>, due: usize) -> Result<(), TxError> {
    match changed? {
        rows if rows == due as u64 => Ok(()),
        rows => Err(TxError::Bug(format!("{rows} of {due} rows were written"))),
    }
}

/// A transaction between its two halves.
struct Batch {
    tx: Tx,
    rooms: HashMap<i64, LiveRoom>,
    skipped: HashSet<i64>,
    repeated: HashMap<(i64, MessageId), Message>,
    counts: HashMap<(i64, u64), u64>,
    absent: HashMap<i64, AgentId>,
    numbers: Vec<i64>,
    messages: MessageColumns,
}

impl Batch {
    fn new(tx: Tx, loaded: Loaded) -> Self {
        let rooms = loaded.rooms.into_iter().map(|(pk, row)| {
            let live = LiveRoom {
                stored_mark: row.record.room.admin_read_seq,
                stored_unread: row.record.unread_count,
                new_seqs: Vec::new(),
                changed: false,
                row,
            };
            (pk, live)
        });
        Self {
            rooms: rooms.collect(),
            tx,
            skipped: loaded.skipped,
            repeated: loaded.repeated,
            counts: loaded.counts,
            absent: loaded.absent,
            numbers: loaded.numbers,
            messages: MessageColumns::default(),
        }
    }

    /// Applies an operation to its room in memory.
    fn apply(&mut self, ask: &RoomAsk, pk: Option<i64>) -> Result<Outcome, TxError> {
        if pk.is_some_and(|pk| self.skipped.contains(&pk)) {
            return Ok(Outcome::Locked);
        }
        let room = pk.filter(|pk| self.rooms.contains_key(pk));
        match (&ask.op, room) {
            (None, room) => Ok(Outcome::Loaded(
                room.map(|pk| Arc::new(self.rooms[&pk].row.record.clone())),
            )),
            (Some(_), None) => Ok(Outcome::Written(Err(Refusal::NotFound))),
            (Some(op), Some(pk)) => match self.write(pk, op) {
                Ok(effect) => Ok(Outcome::Written(Ok(RoomCommit {
                    record: Arc::new(self.rooms[&pk].row.record.clone()),
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
        let record = &self.rooms[&pk].row.record;
        match op {
            RoomOp::Post(draft) => {
                if let Some(stored) = self.repeated.get(&(pk, draft.id)) {
                    return Ok(rules::repeated(stored.clone(), draft)?);
                }
                let assignee = match rules::asks_for_assignee(record, draft) {
                    Some(agent) if self.absent.get(&pk) == Some(&agent) => AssigneeState::Absent,
                    _ => AssigneeState::Present,
                };
                let change = rules::post(record, draft, assignee, now)?;
                self.replace(pk, change)
            }
            RoomOp::SetStatus { status, by } => {
                if *status == Status::Waiting {
                    return Err(TxError::Bug("nobody may set a room waiting".into()));
                }
                match rules::set_status(record, *status, by, Uuid::now_v7(), now) {
                    Some(change) => self.replace(pk, change),
                    None => Ok(Effect::Unchanged),
                }
            }
            RoomOp::MarkRead { side, seq } => {
                let Some(moved) = rules::mark_read(record, *side, *seq, now)? else {
                    return Ok(Effect::Unchanged);
                };
                let messages = match moved.count {
                    Some(UnreadCount::Read { from, to }) => {
                        self.unread_up_to(pk, to)? - self.unread_up_to(pk, from - 1)?
                    }
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

    /// The customer's messages past the agents' mark as it is stored, up to `seq`.
    fn unread_up_to(&self, pk: i64, seq: u64) -> Result<u64, TxError> {
        let room = &self.rooms[&pk];
        if seq <= room.stored_mark {
            return Ok(0);
        }
        let stored = self
            .counts
            .get(&(pk, seq))
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
        let before = PriorState::of(&room.row.record);
        self.tx.record_change(before, &mut record);
        let mut appended = None;
        if let Effect::Posted(message) | Effect::StatusChanged(message) = &effect {
            let n = self
                .numbers
                .pop()
                .ok_or_else(|| TxError::Bug("too few numbers were taken".into()))?;
            self.messages.push(pk, n, message);
            self.repeated.insert((pk, message.id), message.clone());
            if message.sender_type == SenderType::Customer {
                room.new_seqs.push(message.seq);
            }
            appended = Some(n);
        }
        room.row.keys.append(appended, &record);
        room.row.record = record;
        room.changed = true;
        Ok(effect)
    }
}
