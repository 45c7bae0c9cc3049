use crate::persistence::sqlite::store::SqliteStore;
use rusqlite::{Connection, ToSql, params, params_from_iter};
use uuid::Uuid;

use crate::chat::{AgentId, ChangeVector, Status};
use crate::persistence::room_list::{self, ListPlan};
use crate::persistence::sqlite::codes::{int, limit, status_code, uint};
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tables::erasures;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::{
    AssignedCounts, ChangedRooms, LobbySnapshot, RoomFilter, RoomPage, RoomQuery, StoreError,
    WriteError,
};

/// The values of a query that is put together.
type Params<'p> = Vec<Box<dyn ToSql + 'p>>;

impl SqliteStore {
    pub(crate) async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        let plan = ListPlan::new(&query)?;
        let page = self
            .readers()
            .read(move |conn| Ok(plan.page(listed(conn, &plan)?)))
            .await?;
        Ok(page)
    }

    pub(crate) async fn lobby_snapshot(
        &self,
        max_rooms: usize,
    ) -> Result<LobbySnapshot, StoreError> {
        self.readers()
            .read(move |conn| {
                let all = RoomFilter::default();
                let mut rooms = waiting(conn, 0, &all, max_rooms)?;
                let places_left = max_rooms - rooms.len();
                let active = by_status(conn, Status::Active, i64::MAX, &all, places_left)?;
                rooms.extend(active);
                Ok(LobbySnapshot {
                    changes: State::load(conn)?.head().changes,
                    records: rooms.into_iter().map(|room| room.record).collect(),
                })
            })
            .await
    }

    pub(crate) async fn assigned_counts(
        &self,
        agent: AgentId,
    ) -> Result<AssignedCounts, StoreError> {
        self.readers()
            .read(move |conn| {
                Ok(AssignedCounts {
                    mine: open_rooms_of(conn, Some(agent))?,
                    unassigned: open_rooms_of(conn, None)?,
                })
            })
            .await
    }

    pub(crate) async fn changed_since(
        &self,
        changes: &ChangeVector,
        limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        let changes = changes.clone();
        self.readers()
            .read(move |conn| changed_since(conn, &changes, limit))
            .await
    }
}

fn listed(conn: &Connection, plan: &ListPlan) -> rusqlite::Result<Vec<RoomRow>> {
    let mut rooms = match plan.waiting_after {
        Some(after) => waiting(conn, after, &plan.filter, plan.items())?,
        None => Vec::new(),
    };
    let places_left = plan.items() - rooms.len();
    let mut rest = Vec::new();
    if places_left > 0 {
        for status in &plan.statuses {
            rest.extend(by_status(
                conn,
                *status,
                plan.before,
                &plan.filter,
                places_left,
            )?);
        }
    }
    room_list::newest_first(&mut rest, places_left);
    rooms.extend(rest);
    Ok(rooms)
}

/// Waiting rooms past `after`, the longest waiting first.
fn waiting(
    conn: &Connection,
    after: i64,
    filter: &RoomFilter,
    items: usize,
) -> rusqlite::Result<Vec<RoomRow>> {
    let mut params: Params<'_> = vec![Box::new(after), Box::new(limit(items, 0))];
    let mut sql = format!(
        "WHERE r.waiting_n > ?1 AND r.spam = {}",
        u8::from(filter.spam)
    );
    if let Some(assignee) = filter.assignee {
        params.push(Box::new(assignee));
        sql += &format!(" AND r.assignee IS ?{}", params.len());
    }
    if let Some(tag) = filter.tag {
        params.push(Box::new(tag));
        let tagged = "SELECT 1 FROM room_tags t WHERE t.room = r.pk AND t.tag";
        sql += &format!(" AND EXISTS ({tagged} = ?{})", params.len());
    }
    sql += " ORDER BY r.waiting_n LIMIT ?2";
    room_rows::query(conn, &sql, params_from_iter(params))
}

/// Open rooms of an agent or of nobody that are listed and no spam. Those that are not listed are few
/// and subtracted: the index counts without a look at each room.
fn open_rooms_of(conn: &Connection, assignee: Option<AgentId>) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "SELECT (SELECT count(*) FROM rooms WHERE assignee IS ?1 AND closed = 0 AND spam = 0)
              - (SELECT count(*) FROM rooms
                 WHERE last_n IS NULL AND +assignee IS ?1 AND closed = 0 AND spam = 0)",
    )?
    .query_row([assignee], |row| uint(row, 0))
}

/// Rooms of one status older than `before`, the newest message first.
fn by_status(
    conn: &Connection,
    status: Status,
    before: i64,
    filter: &RoomFilter,
    items: usize,
) -> rusqlite::Result<Vec<RoomRow>> {
    let mut params: Params<'_> = vec![
        Box::new(status_code(status)),
        Box::new(before),
        Box::new(limit(items, 0)),
    ];
    let sql = by_status_sql(status, filter, &mut params);
    room_rows::query(conn, &sql, params_from_iter(params))
}

/// Rooms by activity, along the index that leaves the least to look at. A `+` keeps SQLite from
/// taking another one.
fn by_status_sql(status: Status, filter: &RoomFilter, params: &mut Params<'_>) -> String {
    let spam = u8::from(filter.spam);
    let order = "ORDER BY r.last_n DESC LIMIT ?3";
    let mut bind = |value: Option<Uuid>| {
        params.push(Box::new(value));
        params.len()
    };
    match (filter.tag, filter.assignee) {
        (Some(tag), assignee) => {
            let tag = bind(Some(tag));
            let of_assignee = assignee.map(&mut bind);
            let of_assignee =
                of_assignee.map_or_else(String::new, |at| format!("AND +r.assignee IS ?{at}"));
            format!(
                "WHERE r.pk IN (SELECT room FROM room_tags WHERE tag = ?{tag}) AND +r.status = ?1
                     AND +r.last_n < ?2 AND +r.spam = {spam} {of_assignee} {order}"
            )
        }
        (None, Some(assignee)) if filter.spam => format!(
            "WHERE r.spam = 1 AND +r.status = ?1 AND r.last_n < ?2 AND +r.assignee IS ?{} {order}",
            bind(assignee)
        ),
        (None, Some(assignee)) if status == Status::Closed => format!(
            "WHERE r.closed = 1 AND r.spam = 0 AND r.assignee IS ?{} AND +r.status = ?1
                 AND r.last_n < ?2 {order}",
            bind(assignee)
        ),
        // All open ones have to be sorted, which costs less before their other columns are read.
        (None, Some(assignee)) => format!(
            "WHERE r.pk IN (SELECT pk FROM rooms
                 WHERE closed = 0 AND spam = 0 AND assignee IS ?{} AND +status = ?1
                     AND +last_n < ?2
                 ORDER BY last_n DESC LIMIT ?3) {order}",
            bind(assignee)
        ),
        (None, None) if filter.spam => {
            format!("WHERE r.spam = 1 AND +r.status = ?1 AND r.last_n < ?2 {order}")
        }
        (None, None) => {
            format!("WHERE r.status = ?1 AND r.last_n < ?2 AND +r.spam = 0 {order}")
        }
    }
}

fn changed_since(
    conn: &Connection,
    since: &ChangeVector,
    items: usize,
) -> rusqlite::Result<ChangedRooms> {
    let head = State::load(conn)?.head().changes;
    let mut rows = room_rows::query(
        conn,
        "WHERE r.change > ?1 ORDER BY r.change LIMIT ?2",
        params![int(since.single_writer()), limit(items, 1)],
    )?;
    let fitting = room_list::fitting(rows.iter().map(|row| &row.record), items);
    let more = fitting < rows.len();
    rows.truncate(fitting);
    let mut changes = match rows.last() {
        Some(last) if more => ChangeVector::of_single_writer(last.record.change.number),
        None if more => since.clone(),
        _ => head,
    };
    let (removed, newest_removals) = erasures::removed_since(conn, since, &changes, items)?;
    let more_removed = removed.len() == items && items > 0;
    if let Some(last) = removed.last().filter(|_| more_removed) {
        // The page ends with the last of them; rooms that changed after it belong to the next.
        changes = ChangeVector::of_single_writer(last.change.number);
        rows.retain(|row| changes.includes(row.record.change));
    }
    Ok(ChangedRooms {
        records: rows.into_iter().map(|row| row.record).collect(),
        unlisted: Vec::new(),
        changes,
        more: more || more_removed,
        removed,
        newest_removals,
    })
}

#[cfg(test)]
mod tests {
    use crate::persistence::testing::*;

    #[tokio::test]
    async fn lists_walk_an_index_and_never_sort() {
        let store = TestStore::in_sqlite();
        for rest in [
            "WHERE r.status = 1 AND r.last_n < 9 ORDER BY r.last_n DESC LIMIT 2",
            "WHERE r.waiting_n > 1 ORDER BY r.waiting_n LIMIT 2",
            "WHERE r.change > 1 ORDER BY r.change LIMIT 2",
            "WHERE r.visitor = x'00' AND r.pk < 9 ORDER BY r.pk DESC LIMIT 2",
        ] {
            let plan = store
                .sqlite()
                .readers()
                .read(|conn| crate::persistence::sqlite::tables::room_rows::plan(conn, rest))
                .await
                .expect("it plans");
            assert!(plan[0].contains("SEARCH r USING INDEX"), "{rest}: {plan:?}");
            assert!(!plan.concat().contains("TEMP B-TREE"), "{rest}: {plan:?}");
        }
    }
}
