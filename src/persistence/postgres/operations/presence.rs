//! Who is connected to which node.

use crate::chat::RoomId;
use crate::persistence::postgres::codes::{int, uint};
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{OnlineRooms, StoreError, StoredPresence, WriteError};

/// How many writes later the row of a visitor who has left is removed. A node that has not read for
/// longer reads everything.
const GONE_WRITES: i64 = 64;

impl PostgresStore {
    pub(crate) async fn write_presence(
        &self,
        stored: Option<StoredPresence>,
        rooms: OnlineRooms,
        has_agents: bool,
    ) -> Result<Option<StoredPresence>, WriteError> {
        self.write(move |tx| {
            let rooms = rooms.clone();
            Box::pin(async move { write(tx, stored, &rooms, has_agents).await })
        })
        .await
    }

    pub(crate) async fn online_on(
        &self,
        slot: usize,
        since: Option<u64>,
    ) -> Result<OnlineRooms, StoreError> {
        self.read(async |db| {
            let slot = slot_code(slot);
            let rows = match since {
                Some(since) => {
                    let sql = "SELECT room, listed, gone FROM online WHERE slot = $1 AND no > $2";
                    db.query(sql, &[&slot, &int(since)]).await?
                }
                None => {
                    let sql = "SELECT room, listed, gone FROM online WHERE slot = $1 AND NOT gone";
                    db.query(sql, &[&slot]).await?
                }
            };
            let rows = rows.iter().map(|row| {
                let (listed, gone): (bool, bool) = (row.try_get(1)?, row.try_get(2)?);
                Ok((row.try_get(0)?, (!gone).then_some(listed)))
            });
            rows.collect()
        })
        .await
    }
}

async fn write(
    tx: &mut Tx,
    stored: Option<StoredPresence>,
    rooms: &OnlineRooms,
    has_agents: bool,
) -> Result<Option<StoredPresence>, TxError> {
    let slot = tx.slot();
    let row = tx
        .query_one(
            "UPDATE slots SET presence_no = presence_no + 1, agents = $2,
                 presence_base = CASE WHEN $3 THEN greatest(presence_base, presence_no - $4)
                                      ELSE presence_no + 1 END
             WHERE slot = $1 RETURNING presence_no",
            &[
                &slot_code(slot),
                &i64::from(has_agents),
                &stored.is_some(),
                &GONE_WRITES,
            ],
        )
        .await?;
    let no = uint(&row, 0)?;
    match stored {
        // Somebody else has had the slot, or the database has crashed.
        Some(stored) if (stored.slot, stored.no + 1) != (slot, no) => return Ok(None),
        Some(_) => remove_gone(tx, slot, int(no) - GONE_WRITES).await?,
        None => remove_all(tx, slot).await?,
    }
    put(tx, slot, int(no), rooms).await?;
    Ok(Some(StoredPresence { slot, no }))
}

async fn remove_all(tx: &Tx, slot: usize) -> Result<(), TxError> {
    tx.execute("DELETE FROM online WHERE slot = $1", &[&slot_code(slot)])
        .await?;
    Ok(())
}

/// Removes the rows of visitors who have left a while ago.
async fn remove_gone(tx: &Tx, slot: usize, until: i64) -> Result<(), TxError> {
    tx.execute(
        "DELETE FROM online WHERE slot = $1 AND gone AND no <= $2",
        &[&slot_code(slot), &until],
    )
    .await?;
    Ok(())
}

async fn put(tx: &Tx, slot: usize, no: i64, rooms: &OnlineRooms) -> Result<(), TxError> {
    let ids: Vec<RoomId> = rooms.keys().copied().collect();
    let listed: Vec<bool> = rooms.values().map(|room| *room == Some(true)).collect();
    let gone: Vec<bool> = rooms.values().map(|room| room.is_none()).collect();
    tx.execute(
        "INSERT INTO online (slot, room, listed, gone, no)
         SELECT $1::smallint, room, listed, gone, $5::bigint
         FROM unnest($2::uuid[], $3::boolean[], $4::boolean[]) AS changed (room, listed, gone)
         ON CONFLICT (slot, room) DO UPDATE
             SET listed = excluded.listed, gone = excluded.gone, no = excluded.no",
        &[&slot_code(slot), &ids, &listed, &gone, &no],
    )
    .await?;
    Ok(())
}
