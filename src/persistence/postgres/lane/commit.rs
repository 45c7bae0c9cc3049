use std::sync::Arc;

use futures_util::future::join;

use super::job::Work;
use super::{Connection, Lane};
use crate::persistence::RoomCommitted;
use crate::persistence::postgres::codes::uint;
use crate::persistence::postgres::heads::Versions;
use crate::persistence::postgres::slot::{MOVE, MoveParams, OwnedSlot};
use crate::persistence::postgres::tx::{SlotMove, Tx};
use crate::persistence::postgres::tx_error::{Failure, TxError};
use tokio_postgres::error::SqlState;

/// How a transaction has ended.
pub(crate) enum Ended {
    /// It was committed, and the slot is like this.
    Committed(OwnedSlot),
    /// Nothing of it was stored, and the connection may be used again.
    Undone(TxError),
    /// The connection is gone. Whether it was committed has to be settled.
    Unknown(TxError),
}

/// What the other nodes are notified of, once a transaction was committed.
pub(super) enum Publish {
    /// The changes of rooms, if anybody listens.
    Rooms(Option<Vec<RoomCommitted>>),
    /// That the slot has moved: they read the store.
    SlotOnly { accounts_changed: bool },
}

impl Lane {
    /// Runs a write in a transaction of its own. A refused one is rolled back, which is no error.
    pub(super) async fn run_single(&mut self, work: &mut dyn Work) -> Result<(), TxError> {
        let Some(connection) = &self.connection else {
            return Err(TxError::Bug("a transaction needs a connection".into()));
        };
        let mut tx = self.transaction(connection);
        let versions = match write(&mut tx, work).await {
            Ok(Some(versions)) => versions,
            Ok(None) => return self.roll_back().await,
            Err(error) => {
                self.roll_back().await?;
                return Err(error);
            }
        };
        let publish = match tx.take_published() {
            Some(change) if versions.is_none() => Publish::Rooms(Some(vec![change])),
            _ => Publish::SlotOnly {
                accounts_changed: versions.is_some(),
            },
        };
        self.finish(tx.slot_move(), publish).await?;
        self.shared.heads.saw([], versions);
        self.known.forget(std::mem::take(&mut tx.changed_rooms));
        if tx.visitor_changes_pending {
            self.shared.visitor_changes_pending.notify_one();
        }
        Ok(())
    }

    /// A transaction on this connection, which has begun.
    pub(super) fn transaction(&self, connection: &Connection) -> Tx {
        Tx::new(
            Arc::clone(&connection.session),
            connection.slot.slot,
            connection.slot.view.change,
            self.shared.now(),
            self.shared.rules,
        )
    }

    pub(super) async fn roll_back(&mut self) -> Result<(), TxError> {
        if let Some(connection) = &self.connection
            && let Err(error) = connection.session.run("ROLLBACK").await
        {
            self.drop_connection(false);
            return Err(error);
        }
        Ok(())
    }

    /// Moves the slot and commits.
    async fn finish(&mut self, moved: SlotMove, publish: Publish) -> Result<(), TxError> {
        let Some(connection) = &self.connection else {
            return Err(TxError::Bug("a transaction needs a connection".into()));
        };
        let params = MoveParams::new(&connection.slot, moved);
        let params = params.as_params();
        let statement = connection.session.prepare(MOVE).await?;
        let client = connection.session.client();
        // Sent one behind the other; PostgreSQL does nothing more after one that fails.
        let (move_result, commit) = join(
            client.execute(&statement, &params),
            client.batch_execute("COMMIT"),
        )
        .await;
        let ended = ended(connection, &moved, move_result, Ok(()), commit);
        self.after(ended, publish).await
    }

    /// What follows from how a transaction has ended.
    pub(super) async fn after(&mut self, ended: Ended, publish: Publish) -> Result<(), TxError> {
        match ended {
            Ended::Committed(slot) => {
                self.keep(slot, publish);
                Ok(())
            }
            Ended::Undone(error) => {
                let lost = matches!(error, TxError::Failed(Failure::LostSlot));
                self.roll_back().await?;
                if lost {
                    self.drop_connection(false);
                }
                Err(error)
            }
            Ended::Unknown(error) => self.settle(error).await,
        }
    }

    fn keep(&mut self, slot: OwnedSlot, publish: Publish) {
        self.shared.heads.saw([(slot.slot, slot.view)], None);
        if let Some(connection) = &mut self.connection {
            let from = std::mem::replace(&mut connection.slot, slot).view.change;
            let (changes, accounts_changed) = match publish {
                Publish::Rooms(changes) => (changes, false),
                Publish::SlotOnly { accounts_changed } => (None, accounts_changed),
            };
            self.shared.publish(&slot, from, changes, accounts_changed);
        }
    }

    /// Finds out on another connection whether the transaction was committed.
    async fn settle(&mut self, cause: TxError) -> Result<(), TxError> {
        self.drop_connection(true);
        let Some(last) = self.last else {
            return Err(cause);
        };
        let number = last.slot.view.commits + 1;
        // It waits until nothing of the lost connection can be committed any more.
        if let Err(error) = self.connect().await {
            return Err(Failure::Away(error.to_string()).into());
        }
        let view = self.connection.as_ref().map(|connection| connection.slot);
        match view {
            Some(found) if found.slot != last.slot.slot => Err(TxError::Failed(Failure::LostSlot)),
            Some(found) if found.view.commits == number => Ok(()),
            _ => Err(cause),
        }
    }
}

/// Begins a transaction and writes. `None`: it was refused.
async fn write(tx: &mut Tx, work: &mut dyn Work) -> Result<Option<Option<Versions>>, TxError> {
    tx.run("BEGIN").await?;
    match work.run(tx).await? {
        true => raise_versions(tx).await.map(Some),
        false => Ok(None),
    }
}

/// Raises the numbers that every node looks at.
async fn raise_versions(tx: &Tx) -> Result<Option<Versions>, TxError> {
    let (auth, tokens) = (tx.auth_changed, tx.has_ended_tokens());
    if !auth && !tokens {
        return Ok(None);
    }
    let row = tx
        .query_one(
            "UPDATE state SET auth_no = auth_no + $1, token_no = token_no + $2
             RETURNING auth_no, token_no",
            &[&i64::from(auth), &i64::from(tokens)],
        )
        .await?;
    Ok(Some(Versions {
        auth: uint(&row, 0)?,
        tokens: uint(&row, 1)?,
    }))
}

/// Reads the results of the second half of a transaction. A COMMIT counts only if everything before
/// it went well: of a failed transaction it rolls back, and says nothing.
pub(crate) fn ended(
    connection: &Connection,
    moved: &SlotMove,
    move_result: Result<u64, tokio_postgres::Error>,
    before: Result<(), TxError>,
    commit: Result<(), tokio_postgres::Error>,
) -> Ended {
    let is_gone = |error: &tokio_postgres::Error| error.code().is_none();
    if let Err(error) = before {
        return match error {
            TxError::Failed(Failure::Postgres(error)) if is_gone(&error) => {
                Ended::Unknown(error.into())
            }
            other => Ended::Undone(other),
        };
    }
    match (move_result, commit) {
        (Ok(1), Ok(())) => Ended::Committed(OwnedSlot {
            view: connection.slot.after(moved),
            ..connection.slot
        }),
        (Ok(1), Err(error)) => Ended::Unknown(error.into()),
        (Ok(rows), _) => Ended::Undone(TxError::Bug(format!("{rows} slots were moved"))),
        (Err(error), _) if error.code() == Some(&SqlState::NOT_NULL_VIOLATION) => {
            Ended::Undone(TxError::Failed(Failure::LostSlot))
        }
        (Err(error), _) if is_gone(&error) => Ended::Unknown(error.into()),
        (Err(error), _) => Ended::Undone(error.into()),
    }
}
