use std::collections::HashMap;

use crate::chat::{AgentId, ChangeVector, RoomRecord, Status};
use crate::persistence::postgres::change_page::{ChangePage, Changed};
use crate::persistence::postgres::codes::{limit, status_code, uint};
use crate::persistence::postgres::session::{Params, Session};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::changes;
use crate::persistence::postgres::tables::room_rows::{self, RoomRow, select_rooms};
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::room_list::{self, ListPlan};
use crate::persistence::{
    AssignedCounts, ChangedRooms, LobbySnapshot, RemovedRoom, RoomFilter, RoomPage, RoomQuery,
    StoreError, WriteError,
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
            let all = RoomFilter::default();
            let mut rooms = waiting(db, 0, &all, max_rooms).await?;
            let places_left = max_rooms - rooms.len();
            let active = by_status(db, Status::Active, i64::MAX, &all, places_left).await?;
            rooms.extend(active);
            Ok(LobbySnapshot {
                changes: changes::heads(db).await?.changes,
                records: rooms.into_iter().map(|room| room.record).collect(),
            })
        })
        .await
    }

    pub(crate) async fn assigned_counts(
        &self,
        agent: AgentId,
    ) -> Result<AssignedCounts, StoreError> {
        self.read(async |db| {
            Ok(AssignedCounts {
                mine: open_rooms_of(db, Some(agent)).await?,
                unassigned: open_rooms_of(db, None).await?,
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
        Some(after) => waiting(db, after, &plan.filter, plan.items()).await?,
        None => Vec::new(),
    };
    let places_left = plan.items() - rooms.len();
    let mut rest = Vec::new();
    if places_left > 0 {
        for status in &plan.statuses {
            rest.extend(by_status(db, *status, plan.before, &plan.filter, places_left).await?);
        }
    }
    room_list::newest_first(&mut rest, places_left);
    rooms.extend(rest);
    Ok(rooms)
}

/// Waiting rooms past `after`, the longest waiting first.
async fn waiting(
    db: &Session,
    after: i64,
    filter: &RoomFilter,
    items: usize,
) -> Result<Vec<RoomRow>, TxError> {
    let sql = select_rooms!(
        "WHERE h.waiting_n > $1 AND h.spam = $3 AND (NOT $4 OR h.assignee IS NOT DISTINCT FROM $5)
             AND ($6::uuid IS NULL
                 OR EXISTS (SELECT 1 FROM room_tags t WHERE t.tag = $6 AND t.room = h.room))
         ORDER BY h.waiting_n LIMIT $2"
    );
    let (limit, agent) = (limit(items, 0), filter.assignee.flatten());
    let by_assignee = filter.assignee.is_some();
    let params: &Params<'_> = &[
        &after,
        &limit,
        &filter.spam,
        &by_assignee,
        &agent,
        &filter.tag,
    ];
    room_rows::query(db, sql, params).await
}

/// Open rooms of an agent or of nobody that are listed and no spam.
async fn open_rooms_of(db: &Session, assignee: Option<AgentId>) -> Result<u64, TxError> {
    let row = match assignee {
        Some(agent) => {
            let sql = "SELECT count(*) FROM room_heads WHERE assignee = $1 AND status <> 2
                 AND NOT spam AND last_n IS NOT NULL";
            db.query_one(sql, &[&agent]).await?
        }
        None => {
            let sql = "SELECT count(*) FROM room_heads WHERE assignee IS NULL AND status <> 2
                 AND NOT spam AND last_n IS NOT NULL";
            db.query_one(sql, &[]).await?
        }
    };
    uint(&row, 0)
}

/// Rooms of one status older than `before`, the newest message first.
async fn by_status(
    db: &Session,
    status: Status,
    before: i64,
    filter: &RoomFilter,
    items: usize,
) -> Result<Vec<RoomRow>, TxError> {
    let (status, limit) = (status_code(status), limit(items, 0));
    let (is_closed, agent) = (
        status == status_code(Status::Closed),
        filter.assignee.flatten(),
    );
    if let Some(tag) = filter.tag {
        let by_assignee = filter.assignee.is_some();
        let params: &Params<'_> = &[
            &status,
            &before,
            &limit,
            &tag,
            &filter.spam,
            &by_assignee,
            &agent,
        ];
        return room_rows::query(db, TAGGED, params).await;
    }
    match filter.assignee {
        Some(_) if filter.spam => {
            room_rows::query(db, SPAM_OF_AGENT, &[&status, &before, &limit, &agent]).await
        }
        None if filter.spam => room_rows::query(db, SPAM, &[&status, &before, &limit]).await,
        None => room_rows::query(db, ALL, &[&status, &before, &limit]).await,
        Some(Some(agent)) => {
            let sql = if is_closed {
                CLOSED_OF_AGENT
            } else {
                OPEN_OF_AGENT
            };
            room_rows::query(db, sql, &[&status, &before, &limit, &agent]).await
        }
        Some(None) => {
            let sql = if is_closed {
                CLOSED_OF_NOBODY
            } else {
                OPEN_OF_NOBODY
            };
            room_rows::query(db, sql, &[&status, &before, &limit]).await
        }
    }
}

/// Rooms by activity: a query for each filter that has an index, so that each has a plan of its own.
macro_rules! by_activity {
    ($conditions:literal) => {
        select_rooms!(concat!(
            "WHERE h.status = $1 AND h.last_n < $2 AND ",
            $conditions,
            " ORDER BY h.last_n DESC LIMIT $3"
        ))
    };
}

const ALL: &str = by_activity!("NOT h.spam");
const SPAM: &str = by_activity!("h.spam");
const SPAM_OF_AGENT: &str = by_activity!("h.spam AND h.assignee IS NOT DISTINCT FROM $4");
const OPEN_OF_AGENT: &str = by_activity!("h.assignee = $4 AND h.status <> 2 AND NOT h.spam");
const OPEN_OF_NOBODY: &str = by_activity!("h.assignee IS NULL AND h.status <> 2 AND NOT h.spam");
const CLOSED_OF_AGENT: &str = by_activity!("h.assignee = $4 AND h.status = 2 AND NOT h.spam");
const CLOSED_OF_NOBODY: &str = by_activity!("h.assignee IS NULL AND h.status = 2 AND NOT h.spam");
const TAGGED: &str = by_activity!(
    "h.room IN (SELECT room FROM room_tags WHERE tag = $4) AND h.spam = $5
     AND (NOT $6 OR h.assignee IS NOT DISTINCT FROM $7)"
);

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
