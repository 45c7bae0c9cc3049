//! What reports read: bounded statements, among searches, so that half of the connections are free
//! for everybody else.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;
use uuid::Uuid;

use crate::persistence::postgres::codes::{event, int, limit, sender, time, uint};
use crate::persistence::postgres::readers::read_error;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    ReportCursor, ReportLine, ReportMessage, ReportRoom, StoreError, TaggedRooms,
};

/// Tags of rooms in one read.
const STEP_TAGS: usize = 10_000;

const ROOMS: &str = "SELECT h.room, h.last_seq,
        NOT h.spam AND r.created_at < $2 AND h.last_message_at >= $3
    FROM room_heads h JOIN rooms r ON r.pk = h.room
    WHERE h.room > $1 ORDER BY h.room LIMIT $4";
const MESSAGES: &str = "SELECT room, seq, sender_type, event, agent, created_at FROM messages
    WHERE room = ANY($1) ORDER BY room, seq";
const PART: &str = "SELECT room, seq, sender_type, event, agent, created_at FROM messages
    WHERE room = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq";

impl PostgresStore {
    pub(crate) async fn report_step(
        &self,
        mut cursor: ReportCursor,
    ) -> Result<(ReportCursor, Vec<ReportLine>), StoreError> {
        let reader = self.shared().readers.get_for_search().await?;
        let lines = step(reader.db(), &mut cursor).await.map_err(read_error)?;
        Ok((cursor, lines))
    }

    pub(crate) async fn tagged_rooms(&self) -> Result<TaggedRooms, StoreError> {
        let mut tagged = TaggedRooms::default();
        let mut after = (Uuid::nil(), 0);
        loop {
            let reader = self.shared().readers.get_for_search().await?;
            let read = tags_after(reader.db(), &mut tagged, &mut after).await;
            if read.map_err(read_error)? < STEP_TAGS {
                return Ok(tagged);
            }
        }
    }
}

/// Reads the names at first, then which rooms have which tags. Returns how many were read.
async fn tags_after(
    db: &Session,
    tagged: &mut TaggedRooms,
    after: &mut (Uuid, i64),
) -> Result<usize, TxError> {
    if tagged.rooms.is_empty() {
        for row in db.query("SELECT id, name FROM tags", &[]).await? {
            tagged.names.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    let rows = db
        .query(
            "SELECT tag, room FROM room_tags WHERE (tag, room) > ($1, $2)
             ORDER BY tag, room LIMIT $3",
            &[&after.0, &after.1, &limit(STEP_TAGS, 0)],
        )
        .await?;
    for row in &rows {
        *after = (row.try_get(0)?, row.try_get(1)?);
        // A tag that was deleted is taken off its rooms step by step.
        if tagged.names.contains_key(&after.0) {
            tagged.rooms.entry(after.1).or_default().push(after.0);
        }
    }
    Ok(rows.len())
}

async fn step(db: &Session, cursor: &mut ReportCursor) -> Result<Vec<ReportLine>, TxError> {
    let mut lines = Vec::new();
    if let Some((pk, head, after)) = cursor.open.take() {
        let read = read_large_room(db, pk, head, after, &mut lines).await?;
        cursor.open = read
            .filter(|read| *read < head)
            .map(|read| (pk, head, read));
        return Ok(lines);
    }
    if cursor.found.is_empty() {
        cursor.is_complete = find_rooms(db, cursor).await? == 0;
    }
    let rooms = take_rooms(cursor);
    let keys: Vec<i64> = rooms.iter().map(|(pk, _)| *pk).collect();
    let mut ratings = ratings(db, &keys).await?;
    if let [(pk, head)] = rooms[..]
        && head > ReportCursor::STEP_LINES as u64
    {
        let ratings = ratings.remove(&pk).unwrap_or_default();
        lines.push(ReportLine::Room(ReportRoom { pk, ratings }));
        cursor.open = Some((pk, head, 0));
        return Ok(lines);
    }
    let heads: HashMap<i64, u64> = rooms.into_iter().collect();
    let rows = db.query(MESSAGES, &[&keys]).await?;
    let there = there(db, &keys).await?;
    let mut last = None;
    for row in &rows {
        let (pk, message) = (row.try_get(0)?, message(row)?);
        // What is newer than the room's row belongs to another report.
        if !there.contains(&pk) || heads.get(&pk).is_none_or(|head| message.seq > *head) {
            continue;
        }
        if last.replace(pk) != Some(pk) {
            let ratings = ratings.remove(&pk).unwrap_or_default();
            lines.push(ReportLine::Room(ReportRoom { pk, ratings }));
        }
        lines.push(ReportLine::Message(message));
    }
    Ok(lines)
}

/// The next rooms whose messages one step reads together; a large one is alone.
fn take_rooms(cursor: &mut ReportCursor) -> Vec<(i64, u64)> {
    let (mut rooms, mut messages) = (Vec::new(), 0);
    while let Some((pk, head)) = cursor.found.front().copied() {
        messages += head;
        if !rooms.is_empty() && messages > ReportCursor::STEP_LINES as u64 {
            break;
        }
        cursor.found.pop_front();
        rooms.push((pk, head));
    }
    rooms
}

/// Finds the next rooms to read. Returns how many were looked at.
async fn find_rooms(db: &Session, cursor: &mut ReportCursor) -> Result<usize, TxError> {
    let items = limit(ReportCursor::STEP_ROOMS, 0);
    let (from, to) = (cursor.from.0, cursor.to.0);
    let rows = db
        .query(ROOMS, &[&cursor.after, &to, &from, &items])
        .await?;
    for row in &rows {
        cursor.after = row.try_get(0)?;
        // Null without messages.
        if row.try_get::<_, Option<bool>>(2)? == Some(true) {
            cursor.found.push_back((cursor.after, uint(row, 1)?));
        }
    }
    Ok(rows.len())
}

/// The ratings of rooms.
async fn ratings(db: &Session, rooms: &[i64]) -> Result<HashMap<i64, Vec<(u64, u8)>>, TxError> {
    let sql =
        "SELECT room, closing, score FROM ratings WHERE room = ANY($1) ORDER BY room, closing";
    let mut ratings: HashMap<i64, Vec<(u64, u8)>> = HashMap::new();
    for row in db.query(sql, &[&rooms]).await? {
        let score: i16 = row.try_get(2)?;
        let rating = (uint(&row, 1)?, u8::try_from(score).unwrap_or_default());
        ratings.entry(row.try_get(0)?).or_default().push(rating);
    }
    Ok(ratings)
}

/// Which of these rooms have not gone. The messages of an erased room go after it.
async fn there(db: &Session, rooms: &[i64]) -> Result<HashSet<i64>, TxError> {
    let sql = "SELECT pk FROM rooms WHERE pk = ANY($1)";
    let rows = db.query(sql, &[&rooms]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Reads the next messages of a room with many. Returns the seq of the last one; `None` when the
/// room has gone.
async fn read_large_room(
    db: &Session,
    pk: i64,
    head: u64,
    after: u64,
    lines: &mut Vec<ReportLine>,
) -> Result<Option<u64>, TxError> {
    let to = head.min(after + ReportCursor::STEP_LINES as u64);
    let rows = db.query(PART, &[&pk, &int(after + 1), &int(to)]).await?;
    if there(db, &[pk]).await?.is_empty() {
        lines.push(ReportLine::Gone);
        return Ok(None);
    }
    for row in &rows {
        lines.push(ReportLine::Message(message(row)?));
    }
    Ok(Some(to))
}

fn message(row: &Row) -> Result<ReportMessage, TxError> {
    Ok(ReportMessage {
        seq: uint(row, 1)?,
        sender_type: sender(row, 2)?,
        event: event(row, 3)?,
        agent: row.try_get(4)?,
        created_at: time(row, 5)?,
    })
}
