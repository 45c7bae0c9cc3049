use std::collections::HashMap;

use crate::chat::{ChangeVector, RoomRecord, Status};
use crate::persistence::postgres::change_page::{ChangePage, Changed};
use crate::persistence::postgres::codes::{limit, status_code};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::changes;
use crate::persistence::postgres::tables::room_rows::{self, RoomRow, select_rooms};
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::room_list::{self, ListPlan};
use crate::persistence::{
    ChangedRooms, LobbySnapshot, RemovedRoom, RoomPage, RoomQuery, StoreError, WriteError,
};

impl PostgresStore {
    pub(crate) async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        let plan = ListPlan::new(&query)?;
        let rooms = self
            .read_snapshot(async |db| listed(db, &plan).await)
            .await?;
        Ok(plan.page(rooms))
    }

    pub(crate) async fn lobby_snapshot(
        &self,
        max_rooms: usize,
    ) -> Result<LobbySnapshot, StoreError> {
        self.read_snapshot(async |db| {
            let mut rooms = waiting(db, 0, max_rooms).await?;
            let places_left = max_rooms - rooms.len();
            rooms.extend(by_status(db, Status::Active, i64::MAX, places_left).await?);
            Ok(LobbySnapshot {
                changes: changes::heads(db).await?.changes,
                records: rooms.into_iter().map(|room| room.record).collect(),
            })
        })
        .await
    }

    pub(crate) async fn changed_since(
        &self,
        since: &ChangeVector,
        limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        self.read_snapshot(async |db| changed_since(db, since, limit).await)
            .await
    }
}

async fn listed(db: &Session, plan: &ListPlan) -> Result<Vec<RoomRow>, TxError> {
    let mut rooms = match plan.waiting_after {
        Some(after) => waiting(db, after, plan.items()).await?,
        None => Vec::new(),
    };
    let places_left = plan.items() - rooms.len();
    let mut rest = Vec::new();
    if places_left > 0 {
        for status in &plan.statuses {
            rest.extend(by_status(db, *status, plan.before, places_left).await?);
        }
    }
    room_list::newest_first(&mut rest, places_left);
    rooms.extend(rest);
    Ok(rooms)
}

/// Waiting rooms past `after`, the longest waiting first.
async fn waiting(db: &Session, after: i64, items: usize) -> Result<Vec<RoomRow>, TxError> {
    let sql = select_rooms!("WHERE h.waiting_n > $1 ORDER BY h.waiting_n LIMIT $2");
    let rows = room_rows::query(db, sql, &[&after, &limit(items, 0)]).await?;
    Ok(rows)
}

/// Rooms of one status older than `before`, the newest message first.
async fn by_status(
    db: &Session,
    status: Status,
    before: i64,
    items: usize,
) -> Result<Vec<RoomRow>, TxError> {
    let sql =
        select_rooms!("WHERE h.status = $1 AND h.last_n < $2 ORDER BY h.last_n DESC LIMIT $3");
    let params = (status_code(status), before, limit(items, 0));
    let rows = room_rows::query(db, sql, &[&params.0, &params.1, &params.2]).await?;
    Ok(rows)
}

/// Everything has to be read from one snapshot: a record that is newer than its place in the page
/// would lead a reader past changes that they have not seen.
async fn changed_since(
    db: &Session,
    since: &ChangeVector,
    items: usize,
) -> Result<ChangedRooms, TxError> {
    let heads = changes::heads(db).await?;
    let found = changes::after(db, since, &heads.changes, items.saturating_add(1)).await?;
    let page = ChangePage::new(since, heads.changes, found);
    let mut records = records(db, page.first(items)).await?;
    let fitting = fitting(page.first(items), &records);
    let mut changed = ChangedRooms {
        records: Vec::new(),
        unlisted: Vec::new(),
        changes: page.covered(fitting),
        more: page.has_more(fitting),
        removed: Vec::new(),
        newest_removals: heads.removals,
    };
    for (change, item) in page.first(fitting) {
        match item {
            Changed::Room(pk) => match records.remove(pk) {
                Some(record) if record.is_listed() => changed.records.push(record),
                unlisted => changed.unlisted.extend(unlisted),
            },
            Changed::Removed(room_id) => changed.removed.push(RemovedRoom {
                room_id: *room_id,
                change: *change,
            }),
        }
    }
    Ok(changed)
}

async fn records(
    db: &Session,
    items: &[(crate::chat::ChangeId, Changed)],
) -> Result<HashMap<i64, RoomRecord>, TxError> {
    let pks: Vec<i64> = items
        .iter()
        .filter_map(|(_, item)| match item {
            Changed::Room(pk) => Some(*pk),
            Changed::Removed(_) => None,
        })
        .collect();
    if pks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = room_rows::query(db, select_rooms!("WHERE h.room = ANY($1)"), &[&pks]).await?;
    let records = rows.into_iter().map(|row| (row.keys.pk, row.record));
    Ok(records.collect())
}

/// How many of the items fit into a frame.
fn fitting(
    items: &[(crate::chat::ChangeId, Changed)],
    records: &HashMap<i64, RoomRecord>,
) -> usize {
    let mut rooms = items.iter().enumerate().filter_map(|(place, (_, item))| {
        let Changed::Room(pk) = item else { return None };
        records.get(pk).map(|record| (place, record))
    });
    let fitting = room_list::fitting(rooms.clone().map(|(_, record)| record), items.len());
    // It ends before the first room that does not fit.
    rooms.nth(fitting).map_or(items.len(), |(place, _)| place)
}
