//! One transaction for operations on many rooms.
//!
//! In two round trips: what the rules need is locked and read (`rows`), then what they decide is
//! written and committed (`write`). Whether a message is stored already and an assignee is on duty is
//! read only after a first attempt was refused. In one, when the lane knows all of the rooms (`known`): the rules
//! run on what it knows, and the statement that writes checks that.

use std::collections::HashMap;
use std::sync::Arc;

use super::apply::{Batch, Rooms};
use super::commit::{Ended, Publish, ended};
use super::room_job::{BatchDone, Outcome, RoomAsk, RoomDone, RoomJob, complete, refuse};
use super::rows::{self, Reading};
use super::write::{BEGIN, WRITE_HEADS_AND_MOVE, WrittenHeads};
use super::{CONFLICTS_MAX, Lane, may_run_again};
use crate::chat::RoomRecord;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::slot::MoveParams;
use crate::persistence::postgres::tables::messages;
use crate::persistence::postgres::tx_error::{Failure, TxError};
use crate::persistence::{RoomCommitted, StoreError, WriteError};

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
        let session = self.session()?;
        self.known.find_numbers(&session, asks).await?;
        self.known.forget(self.shared.changed_elsewhere.take());
        if let Some(rooms) = self.known.of(asks) {
            match self.write_known(asks, rooms).await {
                Err(error) if error.is_conflict() || error.is_duplicate() => {
                    self.known.was_wrong(asks);
                }
                other => {
                    self.known.was_right();
                    return other;
                }
            }
        }
        match self.read_and_write(asks, waits, Reading::Rooms).await {
            Ok(Some(outcomes)) => return Ok(outcomes),
            Ok(None) => {}
            Err(error) if error.is_conflict() || error.is_duplicate() => {}
            Err(error) => return Err(error),
        }
        let outcomes = self.read_and_write(asks, waits, Reading::Everything).await;
        outcomes?
            .ok_or_else(|| TxError::Bug("a batch that has read everything was not decided".into()))
    }

    /// In one round trip. A conflict when anything is not as it is known.
    async fn write_known(
        &mut self,
        asks: &[RoomAsk],
        rooms: HashMap<i64, Arc<RoomRecord>>,
    ) -> Result<Vec<Outcome>, TxError> {
        let Some(connection) = &self.connection else {
            return Err(TxError::Bug("a transaction needs a connection".into()));
        };
        let mut batch = Batch::new(self.transaction(connection), Rooms::known(rooms));
        let outcomes = batch.apply_all(asks, &self.known)?;
        // What writes nothing is not checked by what it writes.
        let all_written = |outcome: &Outcome| matches!(outcome, Outcome::Written(Ok(_)));
        if !outcomes.iter().all(all_written) || batch.changed().len() < batch.rooms() {
            return Err(TxError::Failed(Failure::Conflict));
        }
        self.commit_batch(batch, &outcomes, None).await?;
        Ok(outcomes)
    }

    /// In two round trips. `None`: nothing was done, since it depends on what was not read.
    async fn read_and_write(
        &mut self,
        asks: &[RoomAsk],
        waits: bool,
        reading: Reading,
    ) -> Result<Option<Vec<Outcome>>, TxError> {
        let session = self.session()?;
        let rooms = match rows::load(&session, asks, &self.known, waits, reading).await {
            Ok(rooms) => rooms,
            Err(error) => {
                self.roll_back().await?;
                return Err(error);
            }
        };
        let Some(connection) = &self.connection else {
            return Err(TxError::Bug("a transaction lost its connection".into()));
        };
        let mut batch = Batch::new(self.transaction(connection), rooms);
        let outcomes = match batch.apply_all(asks, &self.known) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.roll_back().await?;
                return Err(error);
            }
        };
        let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Written(Err(_)));
        if reading == Reading::Rooms && outcomes.iter().any(is_refused) {
            // What is stored already is not refused, whatever the rules say now.
            self.roll_back().await?;
            return Ok(None);
        }
        if batch.changed().is_empty() {
            self.roll_back().await?;
        } else {
            self.commit_batch(batch, &outcomes, Some(reading)).await?;
        }
        Ok(Some(outcomes))
    }

    /// Everything that was decided, and COMMIT, in one round trip. Without `read`, the transaction has not
    /// begun yet.
    async fn commit_batch(
        &mut self,
        batch: Batch,
        outcomes: &[Outcome],
        read: Option<Reading>,
    ) -> Result<(), TxError> {
        let changes = changes_of(outcomes, self.shared.has_listener());
        let Some(connection) = &self.connection else {
            return Err(TxError::Bug("a transaction lost its connection".into()));
        };
        let session = Arc::clone(&connection.session);
        let mut heads = WrittenHeads::default();
        for (pk, room) in batch.changed() {
            heads.push(
                pk,
                room.waits_since(),
                room.newest,
                &room.record,
                room.conditions(),
            );
        }
        let moved = batch.slot_move();
        let params = MoveParams::new(&connection.slot, moved);
        let insert = session.prepare(messages::INSERT).await?;
        let write = session.prepare(WRITE_HEADS_AND_MOVE).await?;
        let (message_params, head_params) = (batch.messages.as_params(), heads.as_params(&params));
        let client = session.client();
        let begin = async {
            match read {
                None => client.batch_execute(BEGIN).await,
                Some(_) => Ok(()),
            }
        };
        let (begun, inserted, written, committed) = tokio::join!(
            biased;
            begin,
            client.execute(&insert, &message_params),
            client.execute(&write, &head_params),
            client.batch_execute("COMMIT"),
        );
        let before = begun.map_err(TxError::from).and_then(|()| match inserted? {
            rows if rows == batch.messages.len() as u64 => Ok(()),
            rows => Err(TxError::Bug(format!("{rows} messages were appended"))),
        });
        let mut ended = ended(connection, &moved, written, before, committed);
        let lost_slot = matches!(ended, Ended::Undone(TxError::Failed(Failure::LostSlot)));
        if lost_slot && read != Some(Reading::Everything) {
            // More likely than a slot that is lost is something else than was known; reading tells.
            ended = Ended::Undone(Failure::Conflict.into());
        }
        let written = batch.into_changed();
        self.after(ended, Publish::Rooms(changes)).await?;
        for (pk, record) in written {
            self.known.learn(pk, record);
        }
        Ok(())
    }

    fn session(&self) -> Result<Arc<Session>, TxError> {
        match &self.connection {
            Some(connection) => Ok(Arc::clone(&connection.session)),
            None => Err(Failure::Away("the connection to PostgreSQL is gone".into()).into()),
        }
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
