//! Who is connected to which node.

use std::collections::HashMap;

use crate::chat::RoomId;
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{StoreError, WriteError};

/// What a node has stored of its presence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredPresence {
    slot: Option<usize>,
    rooms: HashMap<RoomId, bool>,
    has_agents: bool,
}

impl PostgresStore {
    pub(crate) async fn write_presence(
        &self,
        stored: StoredPresence,
        rooms: HashMap<RoomId, bool>,
        has_agents: bool,
    ) -> Result<StoredPresence, WriteError> {
        self.write(move |tx| {
            let (stored, rooms) = (stored.clone(), rooms.clone());
            Box::pin(async move { write(tx, stored, rooms, has_agents).await })
        })
        .await
    }

    pub(crate) async fn online_on(&self, slot: usize) -> Result<HashMap<RoomId, bool>, StoreError> {
        self.read(async |db| {
            let rows = db
                .query(
                    "SELECT room, listed FROM online WHERE slot = $1",
                    &[&slot_code(slot)],
                )
                .await?;
            let rows = rows.iter();
            rows.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .collect()
        })
        .await
    }
}

async fn write(
    tx: &mut Tx,
    stored: StoredPresence,
    rooms: HashMap<RoomId, bool>,
    has_agents: bool,
) -> Result<StoredPresence, TxError> {
    let slot = slot_code(tx.slot());
    let mut before = stored.rooms;
    if stored.slot != Some(tx.slot()) {
        // An earlier owner of the slot may have left rows.
        tx.execute("DELETE FROM online WHERE slot = $1", &[&slot])
            .await?;
        before.clear();
    }
    let gone: Vec<RoomId> = before
        .keys()
        .filter(|id| !rooms.contains_key(id))
        .copied()
        .collect();
    tx.execute(
        "DELETE FROM online WHERE slot = $1 AND room = ANY($2)",
        &[&slot, &gone],
    )
    .await?;
    let (ids, listed): (Vec<RoomId>, Vec<bool>) = rooms
        .iter()
        .filter(|(id, listed)| before.get(id) != Some(listed))
        .map(|(id, listed)| (*id, *listed))
        .unzip();
    tx.execute(
        "INSERT INTO online (slot, room, listed)
         SELECT $1, * FROM unnest($2::uuid[], $3::boolean[])
         ON CONFLICT (slot, room) DO UPDATE SET listed = excluded.listed",
        &[&slot, &ids, &listed],
    )
    .await?;
    tx.execute(
        "UPDATE slots SET presence_no = presence_no + 1, agents = $2 WHERE slot = $1",
        &[&slot, &i64::from(has_agents)],
    )
    .await?;
    Ok(StoredPresence {
        slot: Some(tx.slot()),
        rooms,
        has_agents,
    })
}

impl StoredPresence {
    /// Whether nothing has to be written.
    pub(crate) fn is_current(
        &self,
        slot: Option<usize>,
        rooms: &HashMap<RoomId, bool>,
        has_agents: bool,
    ) -> bool {
        let is_empty = self.slot.is_none() && rooms.is_empty() && !has_agents;
        is_empty || (self.slot == slot && self.rooms == *rooms && self.has_agents == has_agents)
    }
}
