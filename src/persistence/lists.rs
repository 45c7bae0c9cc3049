use rusqlite::{Connection, params};

use super::codes::{int, limit, status_code};
use super::cursor::Cursor;
use super::failure::Trouble;
use super::room_rows::{self, RoomRow};
use super::state::State;
use super::{
    ChangedRooms, LobbySnapshot, RoomOrder, RoomPage, RoomQuery, Store, StoreError, WriteError,
    json_size,
};
use crate::chat::{RoomRecord, Status};

/// Cursor of rooms by their newest message.
const BY_ACTIVITY: char = 'a';
/// Cursor of the waiting rooms, the longest waiting first.
const WAITING: char = 'w';
/// Cursor of the rooms behind the waiting ones.
const REST: char = 'r';

impl Store {
    /// A page of the console's list: listed rooms only.
    pub async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        self.readers()
            .try_read(move |conn| match query.order {
                RoomOrder::Activity => list_by_activity(conn, &query),
                RoomOrder::Waiting => list_by_waiting(conn, &query),
            })
            .await
    }

    /// The rooms that wait, the longest first, then the newest active ones, at most
    /// `max_rooms` in all.
    pub async fn lobby_snapshot(&self, max_rooms: usize) -> Result<LobbySnapshot, StoreError> {
        self.readers()
            .read(move |conn| {
                let mut rows = waiting(conn, 0, max_rooms)?;
                let room_left = max_rooms - rows.len();
                rows.extend(by_status(conn, Status::Active, i64::MAX, room_left)?);
                Ok(LobbySnapshot {
                    change: State::load(conn)?.change,
                    records: records(rows),
                })
            })
            .await
    }

    /// Listed rooms whose newest change is past `change`, by that, at most `limit`
    /// and as many as fit a frame.
    pub async fn changed_since(
        &self,
        change: u64,
        limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        self.readers()
            .read(move |conn| changed_since(conn, change, limit))
            .await
    }
}

fn records(rows: Vec<RoomRow>) -> Vec<RoomRecord> {
    rows.into_iter().map(|row| row.record).collect()
}

/// Cuts what was read down to a page. Returns whether something was cut off.
fn cut(rows: &mut Vec<RoomRow>, items: usize) -> bool {
    let read = rows.len();
    let mut bytes = 0;
    let fitting = rows
        .iter()
        .take(items)
        .take_while(|row| {
            bytes += json_size::summary(&row.record);
            bytes <= json_size::PAGE_BUDGET_BYTES
        })
        .count();
    rows.truncate(fitting.max(1.min(items)));
    rows.len() < read
}

fn changed_since(conn: &Connection, change: u64, items: usize) -> rusqlite::Result<ChangedRooms> {
    let head = State::load(conn)?.change;
    let mut rows = room_rows::query(
        conn,
        "WHERE r.change > ?1 ORDER BY r.change LIMIT ?2",
        params![int(change), limit(items, 1)],
    )?;
    let more = cut(&mut rows, items);
    let change = match rows.last() {
        Some(last) if more => last.record.change,
        None if more => change,
        _ => head,
    };
    Ok(ChangedRooms {
        records: records(rows),
        change,
        more,
    })
}

/// Waiting rooms past `after`, the longest waiting first.
fn waiting(conn: &Connection, after: i64, items: usize) -> rusqlite::Result<Vec<RoomRow>> {
    room_rows::query(
        conn,
        "WHERE r.waiting_n > ?1 ORDER BY r.waiting_n LIMIT ?2",
        params![after, limit(items, 0)],
    )
}

/// Rooms of one status older than `before`, the newest message first.
fn by_status(
    conn: &Connection,
    status: Status,
    before: i64,
    items: usize,
) -> rusqlite::Result<Vec<RoomRow>> {
    room_rows::query(
        conn,
        "WHERE r.status = ?1 AND r.last_n < ?2 ORDER BY r.last_n DESC LIMIT ?3",
        params![status_code(status), before, limit(items, 0)],
    )
}

fn list_by_activity(conn: &Connection, query: &RoomQuery) -> Result<RoomPage, Trouble> {
    let before = match &query.cursor {
        Some(cursor) => Cursor::decode(cursor, &[(BY_ACTIVITY, 1)])?.keys[0],
        None => i64::MAX,
    };
    let items = query.limit.saturating_add(1);
    let mut rows = match query.status {
        Some(status) => by_status(conn, status, before, items)?,
        None => room_rows::query(
            conn,
            "WHERE r.last_n < ?1 ORDER BY r.last_n DESC LIMIT ?2",
            params![before, limit(items, 0)],
        )?,
    };
    let more = cut(&mut rows, query.limit);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| Cursor::encode(BY_ACTIVITY, &[last.last_n.unwrap_or(0)]));
    Ok(RoomPage {
        records: records(rows),
        next,
    })
}

fn list_by_waiting(conn: &Connection, query: &RoomQuery) -> Result<RoomPage, Trouble> {
    let cursor = match &query.cursor {
        Some(cursor) => Some(Cursor::decode(cursor, &[(WAITING, 1), (REST, 1)])?),
        None => None,
    };
    let items = query.limit.saturating_add(1);
    let (waiting_after, rest_before) = match cursor {
        Some(cursor) if cursor.list == REST => (None, cursor.keys[0]),
        Some(cursor) => (Some(cursor.keys[0]), i64::MAX),
        None => (Some(0), i64::MAX),
    };
    let mut rows = Vec::new();
    if let Some(after) = waiting_after
        && matches!(query.status, None | Some(Status::Waiting))
    {
        rows = waiting(conn, after, items)?;
    }
    let room_left = items - rows.len();
    if room_left > 0 {
        rows.extend(match query.status {
            None => room_rows::query(
                conn,
                "WHERE r.last_n < ?1 AND r.waiting_n IS NULL ORDER BY r.last_n DESC LIMIT ?2",
                params![rest_before, limit(room_left, 0)],
            )?,
            Some(Status::Waiting) => Vec::new(),
            Some(status) => by_status(conn, status, rest_before, room_left)?,
        });
    }
    let more = cut(&mut rows, query.limit);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| match last.waiting_n {
            Some(n) => Cursor::encode(WAITING, &[n]),
            None => Cursor::encode(REST, &[last.last_n.unwrap_or(0)]),
        });
    Ok(RoomPage {
        records: records(rows),
        next,
    })
}
