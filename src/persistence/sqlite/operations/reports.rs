//! What reports read: bounded steps on a reader, among searches, so that half of the readers are
//! free for everybody else.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::chat::Timestamp;
use crate::persistence::sqlite::codes::{self, int, limit, uint};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::places::{Place, RoomPlaces, damage};
use crate::persistence::{
    ReportCursor, ReportLine, ReportMessage, ReportRoom, StoreError, TaggedRooms, WriteError,
};

/// Tags of rooms in one read.
const STEP_TAGS: usize = 10_000;

impl SqliteStore {
    pub(crate) async fn report_step(
        &self,
        mut cursor: ReportCursor,
    ) -> Result<(ReportCursor, Vec<ReportLine>), StoreError> {
        self.read_for_report(move |conn| {
            let lines = step(conn, &mut cursor)?;
            Ok((cursor, lines))
        })
        .await
    }

    pub(crate) async fn tagged_rooms(&self) -> Result<TaggedRooms, StoreError> {
        let mut tagged = TaggedRooms {
            names: self.read_for_report(names).await?,
            ..TaggedRooms::default()
        };
        let mut after = None;
        loop {
            let read = self
                .read_for_report(move |conn| tags_after(conn, after))
                .await?;
            after = read.last().copied();
            let is_last = read.len() < STEP_TAGS;
            // A tag that was deleted is taken off its rooms step by step.
            for (tag, room) in read
                .into_iter()
                .filter(|(tag, _)| tagged.names.contains_key(tag))
            {
                tagged.rooms.entry(room).or_default().push(tag);
            }
            if is_last {
                return Ok(tagged);
            }
        }
    }

    async fn read_for_report<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = self.readers().try_search(|conn| Ok(query(conn)?)).await;
        read.map_err(|error| match error {
            WriteError::Store(error) => error,
            WriteError::Refused(refusal) => StoreError::Internal(refusal.to_string()),
        })
    }
}

fn names(conn: &Connection) -> rusqlite::Result<std::collections::HashMap<Uuid, String>> {
    conn.prepare_cached("SELECT id, name FROM tags")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn tags_after(conn: &Connection, after: Option<(Uuid, i64)>) -> rusqlite::Result<Vec<(Uuid, i64)>> {
    let (tag, room) = after.unwrap_or((Uuid::nil(), 0));
    conn.prepare_cached(
        "SELECT tag, room FROM room_tags WHERE (tag, room) > (?1, ?2) ORDER BY tag, room LIMIT ?3",
    )?
    .query_map(params![tag, room, limit(STEP_TAGS, 0)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?
    .collect()
}

fn step(conn: &Connection, cursor: &mut ReportCursor) -> rusqlite::Result<Vec<ReportLine>> {
    let mut lines = Vec::new();
    let mut looked_at = 0;
    while lines.len() < ReportCursor::STEP_LINES && !cursor.is_complete {
        if let Some((pk, head, after)) = cursor.open.take() {
            let read = read_messages(conn, pk, head, after, &mut lines)?;
            cursor.open = read
                .filter(|read| *read < head)
                .map(|read| (pk, head, read));
        } else if let Some((pk, head)) = cursor.found.pop_front() {
            let ratings = ratings(conn, pk)?;
            lines.push(ReportLine::Room(ReportRoom { pk, ratings }));
            cursor.open = Some((pk, head, 0));
        } else if looked_at > 0 {
            break;
        } else {
            looked_at = find_rooms(conn, cursor)?;
            cursor.is_complete = looked_at == 0;
        }
    }
    Ok(lines)
}

/// Finds the next rooms to read. Returns how many were looked at.
fn find_rooms(conn: &Connection, cursor: &mut ReportCursor) -> rusqlite::Result<usize> {
    let mut looked_at = 0;
    let mut query = conn.prepare_cached(
        "SELECT pk, last_seq, spam = 0 AND created_at < ?2 AND last_message_at >= ?3
         FROM rooms WHERE pk > ?1 ORDER BY pk LIMIT ?4",
    )?;
    let (from, to) = (cursor.from.0, cursor.to.0);
    let items = limit(ReportCursor::STEP_ROOMS, 0);
    let mut rows = query.query(params![cursor.after, to, from, items])?;
    while let Some(row) = rows.next()? {
        looked_at += 1;
        cursor.after = row.get(0)?;
        // Null without messages.
        if row.get::<_, Option<bool>>(2)? == Some(true) {
            cursor.found.push_back((cursor.after, uint(row, 1)?));
        }
    }
    Ok(looked_at)
}

fn ratings(conn: &Connection, pk: i64) -> rusqlite::Result<Vec<(u64, u8)>> {
    conn.prepare_cached("SELECT closing, score FROM ratings WHERE room = ?1 ORDER BY closing")?
        .query_map([pk], |row| Ok((uint(row, 0)?, row.get(1)?)))?
        .collect()
}

/// Reads the next messages of a room. Returns the seq of the last one; `None` when the room has gone.
fn read_messages(
    conn: &Connection,
    pk: i64,
    head: u64,
    after: u64,
    lines: &mut Vec<ReportLine>,
) -> rusqlite::Result<Option<u64>> {
    let is_there = conn
        .prepare_cached("SELECT 1 FROM rooms WHERE pk = ?1")?
        .exists([pk])?;
    if !is_there {
        lines.push(ReportLine::Gone);
        return Ok(None);
    }
    let to = head.min(after + ReportCursor::STEP_LINES as u64);
    let places = RoomPlaces::load(conn, pk)?.range(conn, after + 1, to)?;
    for (place, seq) in places.into_iter().zip(after + 1..) {
        lines.push(ReportLine::Message(message(conn, pk, place, seq)?));
    }
    Ok(Some(to))
}

fn message(conn: &Connection, pk: i64, place: Place, seq: u64) -> rusqlite::Result<ReportMessage> {
    conn.prepare_cached(
        "SELECT sender_type, event, agent, created_at FROM messages
         WHERE n = ?1 AND room = ?2 AND seq = ?3",
    )?
    .query_row(params![place.n, pk, int(seq)], |row| {
        Ok(ReportMessage {
            seq,
            sender_type: codes::sender(row, 0)?,
            event: codes::event(row, 1)?,
            agent: row.get(2)?,
            created_at: Timestamp(row.get(3)?),
        })
    })
    .map_err(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => damage(pk, "a message is not in its place"),
        error => error,
    })
}
