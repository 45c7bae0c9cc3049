//! The slot of a lane: the right to number changes in one row of `slots`.
//!
//! A slot belongs to whoever has raised its fence last. Every transaction of its owner checks the
//! fence in the statement that moves the slot, so a transaction of an earlier owner cannot commit.

use crate::chat::SLOTS_MAX;
use crate::persistence::postgres::codes::{int, uint};
use crate::persistence::postgres::heads::SlotView;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::SlotMove;
use crate::persistence::postgres::tx_error::{Failure, TxError};

/// Moves a slot with a transaction. A fence that has been raised since becomes null, which the
/// table refuses.
pub(crate) const MOVE: &str = "UPDATE slots SET change = $2, commits = commits + 1,
        waiting = waiting + $3, active = active + $4, closed = closed + $5,
        lease = now() + interval '6 seconds',
        fence = CASE WHEN fence = $6 AND change = $7 AND commits = $8 THEN fence END
    WHERE slot = $1";

/// A slot that belongs to this lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnedSlot {
    pub(crate) slot: usize,
    pub(crate) fence: i64,
    /// What it was left as by its last transaction.
    pub(crate) view: SlotView,
}

impl OwnedSlot {
    /// The slot's number as it is stored.
    pub(crate) fn code(&self) -> i16 {
        slot_code(self.slot)
    }

    /// The view after a transaction has moved it.
    pub(crate) fn after(&self, moved: &SlotMove) -> SlotView {
        SlotView {
            change: moved.change,
            commits: self.view.commits + 1,
            waiting: self.view.waiting + moved.waiting,
            active: self.view.active + moved.active,
            closed: self.view.closed + moved.closed,
        }
    }
}

/// A slot's number as it is stored.
pub(crate) fn slot_code(slot: usize) -> i16 {
    i16::try_from(slot).unwrap_or(i16::MAX)
}

/// Takes a slot whose lease has ended, or makes one.
pub(crate) async fn take(session: &Session, owner: &str) -> Result<OwnedSlot, TxError> {
    session.run("BEGIN").await?;
    let free = session
        .query_opt(
            "SELECT slot FROM slots WHERE lease < now() ORDER BY slot LIMIT 1
             FOR UPDATE SKIP LOCKED",
            &[],
        )
        .await?;
    let slot: i16 = match free {
        Some(row) => row.try_get(0)?,
        None => insert(session).await?,
    };
    let row = session
        .query_one(
            "UPDATE slots SET owner = $2, fence = fence + 1, agents = 0,
                 presence_no = presence_no + 1, presence_base = presence_no + 1, lease = now() + interval '6 seconds'
             WHERE slot = $1
             RETURNING fence, change, commits, waiting, active, closed",
            &[&slot, &owner],
        )
        .await?;
    let owned = OwnedSlot {
        slot: usize::try_from(slot).map_err(|_| TxError::unreadable("a slot below 0"))?,
        fence: row.try_get(0)?,
        view: SlotView::read(&row, 1)?,
    };
    session
        .execute("DELETE FROM online WHERE slot = $1", &[&slot])
        .await?;
    session.run("COMMIT").await?;
    Ok(owned)
}

async fn insert(session: &Session) -> Result<i16, TxError> {
    let row = session
        .query_one(
            "INSERT INTO slots (slot, owner, fence, lease, change, commits, waiting, active, closed)
             SELECT coalesce(max(slot) + 1, 0), '', 0, now(), 0, 0, 0, 0, 0 FROM slots
             RETURNING slot",
            &[],
        )
        .await?;
    let slot: i16 = row.try_get(0)?;
    if usize::try_from(slot).is_ok_and(|slot| slot < SLOTS_MAX) {
        return Ok(slot);
    }
    session.run("ROLLBACK").await?;
    Err(TxError::unreadable(format!(
        "all {SLOTS_MAX} slots belong to nodes that run; stop one of them"
    )))
}

/// Ends whatever a lost connection may still be doing in the slot, and tells whether the
/// transaction with this number has committed. `None` when another node has the slot.
pub(crate) async fn settle(
    session: &Session,
    owned: &OwnedSlot,
    number: u64,
) -> Result<Option<(OwnedSlot, bool)>, TxError> {
    // Longer than a hung transaction may live.
    session.run("SET lock_timeout = '6s'").await?;
    let row = session
        .query_opt(
            // A database that has crashed has forgotten who is online: the owner stores that again.
            "UPDATE slots SET fence = fence + 1, presence_no = presence_no + 1,
                 lease = now() + interval '6 seconds'
             WHERE slot = $1 AND fence = $2
             RETURNING fence, change, commits, waiting, active, closed",
            &[&owned.code(), &owned.fence],
        )
        .await?;
    session.run("SET lock_timeout = '5s'").await?;
    let Some(row) = row else {
        if renew(session, owned).await? == Kept::Forgotten {
            return Err(TxError::Failed(Failure::Forgotten));
        }
        return Ok(None);
    };
    let found = OwnedSlot {
        slot: owned.slot,
        fence: row.try_get(0)?,
        view: SlotView::read(&row, 1)?,
    };
    if found.view.commits < owned.view.commits {
        return Err(TxError::Failed(Failure::Forgotten));
    }
    Ok(Some((found, found.view.commits == number)))
}

/// What has become of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It still belongs to its owner.
    Own,
    /// Another node has taken it, or somebody has raised its fence.
    Taken,
    /// The database has forgotten transactions that it had committed: it is an older copy.
    Forgotten,
}

impl Kept {
    /// Compares a slot with the row that is there now, if any.
    fn of(owned: &OwnedSlot, row: Option<(i64, SlotView)>) -> Self {
        match row {
            None => Self::Forgotten,
            Some((fence, view)) if fence < owned.fence || view.commits < owned.view.commits => {
                Self::Forgotten
            }
            // Somebody has written in it.
            Some((fence, view)) if fence > owned.fence || view.commits > owned.view.commits => {
                Self::Taken
            }
            Some(_) => Self::Own,
        }
    }
}

/// Keeps the slot while nothing is written.
pub(crate) async fn renew(session: &Session, owned: &OwnedSlot) -> Result<Kept, TxError> {
    session
        .execute(
            "UPDATE slots SET lease = now() + interval '6 seconds' WHERE slot = $1 AND fence = $2",
            &[&owned.code(), &owned.fence],
        )
        .await?;
    let row = session
        .query_opt(
            "SELECT fence, change, commits, waiting, active, closed FROM slots WHERE slot = $1",
            &[&owned.code()],
        )
        .await?;
    let row = match row {
        Some(row) => Some((row.try_get(0)?, SlotView::read(&row, 1)?)),
        None => None,
    };
    Ok(Kept::of(owned, row))
}

/// Begins a new epoch, unless another node has: seqs and cursors of the old one mean nothing any
/// more, and every client reads what there is now.
pub(crate) async fn begin_epoch(session: &Session, old: &str) -> Result<(), TxError> {
    session
        .execute(
            "UPDATE state SET epoch = $2, auth_no = auth_no + 1 WHERE epoch = $1",
            &[&old, &crate::persistence::new_epoch()],
        )
        .await?;
    Ok(())
}

/// Gives the slot back.
pub(crate) async fn release(session: &Session, owned: &OwnedSlot) -> Result<(), TxError> {
    session
        .execute(
            "UPDATE slots SET lease = now(), agents = 0, presence_no = presence_no + 1
             WHERE slot = $1 AND fence = $2",
            &[&owned.code(), &owned.fence],
        )
        .await?;
    Ok(())
}

/// The parameters of [`MOVE`] as values that outlive the statement.
pub(crate) struct MoveParams {
    slot: i16,
    change: i64,
    moved: SlotMove,
    fence: i64,
    base_change: i64,
    base_commits: i64,
}

impl MoveParams {
    pub(crate) fn new(owned: &OwnedSlot, moved: SlotMove) -> Self {
        Self {
            slot: owned.code(),
            change: int(moved.change),
            moved,
            fence: owned.fence,
            base_change: int(owned.view.change),
            base_commits: int(owned.view.commits),
        }
    }

    pub(crate) fn as_params(&self) -> [&(dyn tokio_postgres::types::ToSql + Sync); 8] {
        [
            &self.slot,
            &self.change,
            &self.moved.waiting,
            &self.moved.active,
            &self.moved.closed,
            &self.fence,
            &self.base_change,
            &self.base_commits,
        ]
    }
}

impl SlotView {
    /// From the columns change, commits, waiting, active, closed.
    pub(crate) fn read(row: &tokio_postgres::Row, first: usize) -> Result<Self, TxError> {
        Ok(Self {
            change: uint(row, first)?,
            commits: uint(row, first + 1)?,
            waiting: row.try_get(first + 2)?,
            active: row.try_get(first + 3)?,
            closed: row.try_get(first + 4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_copy_of_the_database_is_recognised() {
        let view = |commits| SlotView {
            commits,
            ..SlotView::default()
        };
        let owned = OwnedSlot {
            slot: 0,
            fence: 4,
            view: view(10),
        };
        for (row, kept) in [
            (Some((4, view(10))), Kept::Own),
            (Some((5, view(10))), Kept::Taken),
            (Some((5, view(12))), Kept::Taken),
            (Some((4, view(12))), Kept::Taken),
            (Some((4, view(9))), Kept::Forgotten),
            (Some((5, view(9))), Kept::Forgotten),
            (Some((3, view(10))), Kept::Forgotten),
            (None, Kept::Forgotten),
        ] {
            assert_eq!(Kept::of(&owned, row), kept, "{row:?}");
        }
    }
}
