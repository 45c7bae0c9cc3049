//! Rooms as the lane has last read or left them, so that a batch on them needs not read them again.
//!
//! Nothing here is believed: the statement that writes a room checks that its version is the known
//! one (`write`). When it is not, nothing of the batch is stored, and it is run again with what the
//! database says.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::room_job::RoomAsk;
use crate::chat::{RoomId, RoomRecord};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::TxError;

/// Numbers of rooms that are kept, at most. When there are more, all are forgotten and read again as
/// they are needed.
const NUMBERS_MAX: usize = 100_000;
/// Rooms that are kept, at most, in the same way.
const RECORDS_MAX: usize = 4_096;
/// Batches that read their rooms although they are known, at most, after one that was wrong.
const DISTRUST_MAX: u32 = 63;

/// What the lane knows of rooms.
#[derive(Default)]
pub(super) struct KnownRooms {
    /// Numbers of rooms by id; they never change.
    numbers: HashMap<RoomId, i64>,
    /// Rooms by their numbers.
    records: HashMap<i64, Arc<RoomRecord>>,
    /// How many batches are still to read their rooms.
    distrusted: u32,
    /// How many were to after the last one that was wrong.
    distrust: u32,
}

impl KnownRooms {
    /// The number of a room.
    pub(super) fn number(&self, id: RoomId) -> Option<i64> {
        self.numbers.get(&id).copied()
    }

    /// Looks up the numbers of rooms that are not known yet.
    pub(super) async fn find_numbers(
        &mut self,
        session: &Session,
        asks: &[RoomAsk],
    ) -> Result<(), TxError> {
        if self.numbers.len() > NUMBERS_MAX {
            self.numbers.clear();
        }
        let unknown: HashSet<RoomId> = asks
            .iter()
            .map(|ask| ask.room_id)
            .filter(|id| !self.numbers.contains_key(id))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown: Vec<RoomId> = unknown.into_iter().collect();
        let rows = session
            .query("SELECT id, pk FROM rooms WHERE id = ANY($1)", &[&unknown])
            .await?;
        for row in rows {
            self.numbers.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }

    /// All rooms of a batch, by their numbers; `None` unless all are known and each is written.
    pub(super) fn of(&mut self, asks: &[RoomAsk]) -> Option<HashMap<i64, Arc<RoomRecord>>> {
        if self.distrusted > 0 {
            self.distrusted -= 1;
            return None;
        }
        let known = |ask: &RoomAsk| {
            ask.op.as_ref()?;
            let pk = self.number(ask.room_id)?;
            Some((pk, Arc::clone(self.records.get(&pk)?)))
        };
        asks.iter().map(known).collect()
    }

    /// A room is like this in the database.
    pub(super) fn learn(&mut self, pk: i64, record: Arc<RoomRecord>) {
        if self.records.len() >= RECORDS_MAX && !self.records.contains_key(&pk) {
            self.records.clear();
        }
        self.records.insert(pk, record);
    }

    /// Somebody else has changed these rooms.
    pub(super) fn forget(&mut self, ids: impl IntoIterator<Item = RoomId>) {
        for id in ids {
            if let Some(pk) = self.number(id) {
                self.records.remove(&pk);
            }
        }
    }

    /// What is known of the rooms of a batch was right.
    pub(super) fn was_right(&mut self) {
        self.distrust = 0;
    }

    /// It was not. Where that goes on, others write to the same rooms all the time, and reading them
    /// first is faster.
    pub(super) fn was_wrong(&mut self, asks: &[RoomAsk]) {
        self.forget(asks.iter().map(|ask| ask.room_id));
        self.distrust = (self.distrust * 2 + 1).min(DISTRUST_MAX);
        self.distrusted = self.distrust;
    }
}
