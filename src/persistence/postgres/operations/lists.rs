use std::collections::HashMap;

use crate::chat::{AgentId, ChangeVector, RoomRecord, Status};
use crate::persistence::postgres::change_page::Changed;
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
            let all = Filter::default();
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
    let filter = Filter::new(db, &plan.filter).await?;
    let mut rooms = match plan.waiting_after {
        Some(after) => waiting(db, after, &filter, plan.items()).await?,
        None => Vec::new(),
    };
    let places_left = plan.items() - rooms.len();
    let mut rest = Vec::new();
    if places_left > 0 {
        for status in &plan.statuses {
            rest.extend(by_status(db, *status, plan.before, &filter, places_left).await?);
        }
    }
    room_list::newest_first(&mut rest, places_left);
    rooms.extend(rest);
    Ok(rooms)
}

/// A filter, and how the rooms with its tag are found.
#[derive(Default)]
struct Filter {
    rooms: RoomFilter,
    /// So few rooms have the tag that all of them are looked at. Otherwise a list is walked until
    /// enough of its rooms have it.
    tag_is_rare: bool,
}

impl Filter {
    async fn new(db: &Session, rooms: &RoomFilter) -> Result<Self, TxError> {
        let tag_is_rare = match rooms.tag {
            Some(tag) => {
                let sql = "SELECT count(*) FROM
                     (SELECT FROM room_tags WHERE tag = $1 LIMIT $2) tagged";
                let tagged = db.query_one(sql, &[&tag, &(RARE_TAG_ROOMS + 1)]).await?;
                tagged.try_get::<_, i64>(0)? <= RARE_TAG_ROOMS
            }
            None => false,
        };
        let rooms = *rooms;
        Ok(Self { rooms, tag_is_rare })
    }
}

/// Rooms that a rare tag has, at most.
const RARE_TAG_ROOMS: i64 = 2_000;

/// Waiting rooms past `after`, the longest waiting first.
async fn waiting(
    db: &Session,
    after: i64,
    filter: &Filter,
    items: usize,
) -> Result<Vec<RoomRow>, TxError> {
    let RoomFilter {
        assignee,
        tag,
        spam,
    } = filter.rooms;
    let limit = limit(items, 0);
    if filter.tag_is_rare {
        let (by_assignee, agent) = (assignee.is_some(), assignee.flatten());
        let params: &Params<'_> = &[&after, &limit, &tag, &spam, &by_assignee, &agent];
        return room_rows::query(db, WAITING_TAGGED, params).await;
    }
    match assignee {
        None if spam => room_rows::query(db, WAITING_SPAM, &[&after, &limit, &tag]).await,
        None => room_rows::query(db, WAITING, &[&after, &limit, &tag]).await,
        Some(agent) if spam => {
            room_rows::query(db, WAITING_SPAM_OF, &[&after, &limit, &tag, &agent]).await
        }
        Some(Some(agent)) => {
            room_rows::query(db, WAITING_FOR_AGENT, &[&after, &limit, &tag, &agent]).await
        }
        Some(None) => room_rows::query(db, WAITING_FOR_NOBODY, &[&after, &limit, &tag]).await,
    }
}

/// Open rooms of an agent or of nobody that are listed and no spam.
async fn open_rooms_of(db: &Session, assignee: Option<AgentId>) -> Result<u64, TxError> {
    let row = match assignee {
        Some(agent) => db.query_one(COUNT_OF_AGENT, &[&agent]).await?,
        None => db.query_one(COUNT_OF_NOBODY, &[]).await?,
    };
    uint(&row, 0)
}

/// They are counted along an index, which has neither spam nor what is not listed. Status 2 is closed.
macro_rules! count {
    ($assignee:literal) => {
        concat!(
            "SELECT count(*) FROM room_heads WHERE assignee ",
            $assignee,
            " AND status < 2 AND NOT spam AND last_n IS NOT NULL"
        )
    };
}

const COUNT_OF_AGENT: &str = count!("= $1");
const COUNT_OF_NOBODY: &str = count!("IS NULL");

/// Rooms of one status older than `before`, the newest message first.
async fn by_status(
    db: &Session,
    status: Status,
    before: i64,
    filter: &Filter,
    items: usize,
) -> Result<Vec<RoomRow>, TxError> {
    let RoomFilter {
        assignee,
        tag,
        spam,
    } = filter.rooms;
    let (status, limit) = (status_code(status), limit(items, 0));
    if filter.tag_is_rare {
        let (by_assignee, agent) = (assignee.is_some(), assignee.flatten());
        let params: &Params<'_> = &[&before, &limit, &tag, &status, &spam, &by_assignee, &agent];
        return room_rows::query(db, TAGGED, params).await;
    }
    let params: &Params<'_> = &[&before, &limit, &tag, &status];
    match assignee {
        None if spam => room_rows::query(db, SPAM, params).await,
        None => room_rows::query(db, ALL, params).await,
        Some(agent) if spam => {
            room_rows::query(db, SPAM_OF, &[&before, &limit, &tag, &status, &agent]).await
        }
        Some(Some(agent)) => {
            room_rows::query(db, OF_AGENT, &[&before, &limit, &tag, &status, &agent]).await
        }
        Some(None) => room_rows::query(db, OF_NOBODY, params).await,
    }
}

/// A page of a list. Its rooms are found first and read after that, so that no estimate of their number
/// lets PostgreSQL read all rooms. Each list has a query of its own, so that each walks an index of
/// its own in its order; `+ 0` and `coalesce` keep it from the index of the order where sorting a few is
/// cheaper.
macro_rules! page {
    ($conditions:expr, $inner_order:literal, $order:literal) => {
        select_rooms!(concat!(
            "WHERE h.room = ANY(ARRAY(SELECT h.room FROM room_heads h WHERE ",
            $conditions,
            " ORDER BY ",
            $inner_order,
            " LIMIT $2)) ORDER BY ",
            $order
        ))
    };
}

macro_rules! waiting_in_order {
    ($conditions:literal) => {
        page!(
            concat!("h.waiting_n > $1 AND ", $conditions),
            "h.waiting_n",
            "h.waiting_n"
        )
    };
}

macro_rules! waiting_sorted {
    ($conditions:literal) => {
        page!(
            concat!("coalesce(h.waiting_n, 0) > $1 AND ", $conditions),
            "h.waiting_n + 0",
            "h.waiting_n"
        )
    };
}

macro_rules! by_activity {
    ($conditions:literal) => {
        page!(
            concat!(
                "h.status = $4 AND h.last_n < $1 AND ($3::uuid IS NULL OR $3 = ANY(h.tags)) AND ",
                $conditions
            ),
            "h.last_n DESC",
            "h.last_n DESC"
        )
    };
}

const WAITING: &str = waiting_in_order!("NOT h.spam AND ($3::uuid IS NULL OR $3 = ANY(h.tags))");
const WAITING_FOR_NOBODY: &str = waiting_in_order!(
    "NOT h.spam AND h.assignee IS NULL AND ($3::uuid IS NULL OR $3 = ANY(h.tags))"
);
const WAITING_FOR_AGENT: &str = waiting_sorted!(
    "h.assignee = $4 AND h.status = 0 AND NOT h.spam AND h.last_n IS NOT NULL
     AND ($3::uuid IS NULL OR $3 = ANY(h.tags))"
);
const WAITING_SPAM: &str =
    waiting_sorted!("h.spam AND h.status = 0 AND ($3::uuid IS NULL OR $3 = ANY(h.tags))");
const WAITING_SPAM_OF: &str = waiting_sorted!(
    "h.spam AND h.status = 0 AND h.assignee IS NOT DISTINCT FROM $4
     AND ($3::uuid IS NULL OR $3 = ANY(h.tags))"
);
const WAITING_TAGGED: &str = waiting_sorted!(
    "h.room = ANY(ARRAY(SELECT room FROM room_tags WHERE tag = $3)) AND h.spam = $4
     AND (NOT $5 OR h.assignee IS NOT DISTINCT FROM $6)"
);
const ALL: &str = by_activity!("NOT h.spam");
const SPAM: &str = by_activity!("h.spam");
const SPAM_OF: &str = by_activity!("h.spam AND h.assignee IS NOT DISTINCT FROM $5");
const OF_AGENT: &str = by_activity!("NOT h.spam AND h.assignee = $5");
/// By the assignee at first, which is the same for all of them: PostgreSQL does not see that the
/// index has them in order.
const OF_NOBODY: &str = page!(
    "h.status = $4 AND h.last_n < $1 AND NOT h.spam AND h.assignee IS NULL
     AND ($3::uuid IS NULL OR $3 = ANY(h.tags))",
    "h.assignee DESC, h.last_n DESC",
    "h.last_n DESC"
);
const TAGGED: &str = page!(
    "h.room = ANY(ARRAY(SELECT room FROM room_tags WHERE tag = $3)) AND h.status = $4
     AND h.last_n + 0 < $1 AND h.spam = $5 AND (NOT $6 OR h.assignee IS NOT DISTINCT FROM $7)",
    "h.last_n + 0 DESC",
    "h.last_n DESC"
);

/// The queries that count or walk along an index, each with some parameters and the index.
#[cfg(test)]
pub(crate) const WALKS: [(&str, &str, &str); 9] = [
    (COUNT_OF_AGENT, "(NULL)", "room_heads_by_assignee"),
    (COUNT_OF_NOBODY, "", "room_heads_by_assignee"),
    (WAITING, "(0, 51, NULL)", "room_heads_waiting"),
    (
        WAITING_FOR_AGENT,
        "(0, 51, NULL, NULL)",
        "room_heads_by_assignee",
    ),
    (WAITING_SPAM, "(0, 51, NULL)", "room_heads_spam"),
    (ALL, "(9, 51, NULL, 1)", "room_heads_by_status"),
    (SPAM, "(9, 51, NULL, 1)", "room_heads_spam"),
    (OF_AGENT, "(9, 51, NULL, 1, NULL)", "room_heads_by_assignee"),
    (OF_NOBODY, "(9, 51, NULL, 1)", "room_heads_by_assignee"),
];

/// Everything has to be read from one snapshot: a record that is newer than its place in the page
/// would lead a reader past changes that they have not seen.
async fn changed_since(
    db: &Session,
    since: &ChangeVector,
    items: usize,
) -> Result<ChangedRooms, TxError> {
    let heads = changes::heads(db).await?;
    let page = changes::page(db, since, heads.changes, items).await?;
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
