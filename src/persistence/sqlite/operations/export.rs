//! An export: many short reads, so that no snapshot holds the write-ahead log and no message waits.
//!
//! The rooms are fixed at the start, in the order of their newest messages, which is the order of
//! the console's list; an import keeps it. A room's line is read with the first of its messages and
//! says how many there are. What is appended later is left out, and the log never changes, so the
//! line fits the messages however long it takes to read them.

use std::sync::Arc;

use rusqlite::Connection;

use crate::chat::{Message, RoomId, Timestamp, VisitorId, Who};
use crate::persistence::sqlite::codes::uint;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::messages::Log;
use crate::persistence::sqlite::tables::{notes, ratings, room_rows};
use crate::persistence::transfers::rating_lines;
use crate::persistence::{
    ExportCursor, ExportError, ExportScope, NOTE_PAGE_BYTES, NoteRange, OpenExport, TransferLine,
    TransferVisitor, json_size,
};

/// Ratings of a room, at most: more than anybody gives.
const RATINGS: usize = 10_000;
/// Lines of one read, about.
const STEP_LINES: usize = 500;
/// Bytes of messages in one read, about.
const STEP_BYTES: usize = 256 * 1024;

impl SqliteStore {
    pub(crate) async fn begin_export(
        &self,
        scope: ExportScope,
    ) -> Result<ExportCursor, ExportError> {
        let all = scope == ExportScope::All;
        let is_of_person = matches!(scope, ExportScope::Person(_));
        let (agents, tags) = match all {
            true => (self.agents().await?, self.tags().await?),
            false => (Vec::new(), Vec::new()),
        };
        let (rooms, total) = match scope {
            ExportScope::All => self.readers().read(all_rooms).await?,
            ExportScope::Room(id) => self.exported_room(id).await?,
            ExportScope::Person(who) => self.exported_person(who).await?,
        };
        Ok(ExportCursor {
            agents,
            tags,
            rooms: Arc::new(rooms),
            begun: 0,
            open: None,
            open_notes: None,
            is_of_person,
            visitors: std::collections::HashSet::new(),
            done: 0,
            total,
        })
    }

    pub(crate) async fn export_step(
        &self,
        mut cursor: ExportCursor,
    ) -> Result<(ExportCursor, Vec<TransferLine>), ExportError> {
        let (cursor, lines) = self
            .readers()
            .read(move |conn| {
                let lines = step(conn, &mut cursor)?;
                Ok((cursor, lines))
            })
            .await?;
        Ok((cursor, lines.map_err(ExportError::RoomErased)?))
    }

    async fn exported_room(&self, id: RoomId) -> Result<(Vec<i64>, u64), ExportError> {
        let row = self
            .readers()
            .read(move |conn| room_rows::by_id(conn, id))
            .await?
            .ok_or(ExportError::NoSuchRoom)?;
        Ok((vec![row.keys.pk], row.record.room.last_seq))
    }

    async fn exported_person(&self, who: Who) -> Result<(Vec<i64>, u64), ExportError> {
        let person = self.find_person(&who).await?.alone()?;
        if person.visitors.is_empty() {
            return Err(ExportError::NoSuchPerson);
        }
        let visitors = person.visitors;
        let read = move |conn: &Connection| rooms_of(conn, &visitors);
        Ok(self.readers().read(read).await?)
    }
}

/// All rooms, those without messages last, and how many messages they have.
fn all_rooms(conn: &Connection) -> rusqlite::Result<(Vec<i64>, u64)> {
    let mut rooms = Vec::new();
    let mut total = 0;
    let mut query = conn.prepare_cached("SELECT last_n, pk, last_seq FROM rooms")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let last_n: Option<i64> = row.get(0)?;
        rooms.push((last_n.unwrap_or(i64::MAX), row.get::<_, i64>(1)?));
        total += uint(row, 2)?;
    }
    rooms.sort_unstable();
    Ok((rooms.into_iter().map(|(_, pk)| pk).collect(), total))
}

fn rooms_of(conn: &Connection, visitors: &[VisitorId]) -> rusqlite::Result<(Vec<i64>, u64)> {
    let (mut keys, mut total) = (Vec::new(), 0);
    for visitor in visitors {
        let mut query =
            conn.prepare_cached("SELECT last_n, pk, last_seq FROM rooms WHERE visitor = ?1")?;
        let mut rows = query.query([visitor])?;
        while let Some(row) = rows.next()? {
            let last_n: Option<i64> = row.get(0)?;
            keys.push((last_n.unwrap_or(i64::MAX), row.get::<_, i64>(1)?));
            total += uint(row, 2)?;
        }
    }
    keys.sort_unstable();
    let keys = keys.into_iter().map(|(_, pk)| pk).collect();
    Ok((keys, total))
}

/// Reads the next lines; none when nothing is left. `Err` names a room that has gone.
fn step(
    conn: &Connection,
    cursor: &mut ExportCursor,
) -> rusqlite::Result<Result<Vec<TransferLine>, RoomId>> {
    let mut lines = cursor.first_lines();
    let mut bytes = 0;
    while lines.len() < STEP_LINES && bytes < STEP_BYTES {
        if let Some(open) = cursor.open.take() {
            let (id, pk, head) = (open.room.id, open.pk, open.room.last_seq);
            let Some(read) = read_messages(conn, open)? else {
                return Ok(Err(id));
            };
            bytes += read.messages.iter().map(json_size::message).sum::<usize>();
            cursor.done += read.messages.len() as u64;
            lines.extend(read.messages.into_iter().map(|it| cursor.message_line(it)));
            cursor.open = read.rest;
            if cursor.open.is_none() {
                let ratings = ratings::of_room(conn, pk, RATINGS)?;
                lines.extend(rating_lines(id, head, ratings));
                cursor.open_notes(pk, id, head);
            }
        } else if let Some(open) = cursor.open_notes.take() {
            let range = NoteRange::After(open.after);
            let id = open.room_id;
            let page = notes::page(conn, open.pk, id, range, STEP_LINES, NOTE_PAGE_BYTES)?;
            bytes += cursor.take_notes(open, page, &mut lines);
        } else if let Some(pk) = cursor.rooms.get(cursor.begun) {
            cursor.begun += 1;
            begin_room(conn, *pk, cursor, &mut lines)?;
        } else {
            break;
        }
    }
    Ok(Ok(lines))
}

/// Reads a room's line, after its visitor's if that was not written. A room that has gone is left
/// out.
fn begin_room(
    conn: &Connection,
    pk: i64,
    cursor: &mut ExportCursor,
    lines: &mut Vec<TransferLine>,
) -> rusqlite::Result<()> {
    let Some(row) = room_rows::by_pk(conn, pk)? else {
        return Ok(());
    };
    let record = row.record;
    if cursor.visitors.insert(record.visitor_id) {
        lines.push(TransferLine::Visitor(visitor(conn, record.visitor_id)?));
    }
    lines.push(cursor.room_line(&record));
    if record.room.last_seq == 0 {
        cursor.open_notes(pk, record.room.id, 0);
    } else {
        cursor.open = Some(OpenExport {
            pk,
            room: record.room,
            after: 0,
        });
    }
    Ok(())
}

fn visitor(conn: &Connection, id: VisitorId) -> rusqlite::Result<TransferVisitor> {
    conn.prepare_cached("SELECT id, user, blocked, created_at FROM visitors WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(TransferVisitor {
                id: row.get(0)?,
                user: row.get(1)?,
                blocked: row.get(2)?,
                created_at: Timestamp(row.get(3)?),
            })
        })
}

/// The outcome of a read of messages.
struct MessagesRead {
    messages: Vec<Message>,
    rest: Option<OpenExport>,
}

fn read_messages(
    conn: &Connection,
    mut open: OpenExport,
) -> rusqlite::Result<Option<MessagesRead>> {
    // The read marks are those of the room's line, even if they have moved since.
    let Some(log) = Log::load(conn, open.room.id)?.map(|log| log.at_state_of(&open.room)) else {
        return Ok(None);
    };
    let to = open.room.last_seq.min(open.after + STEP_LINES as u64);
    let found = log.places.range(conn, open.after + 1, to)?;
    let page = log.page(conn, found.into_iter().zip(open.after + 1..), STEP_LINES)?;
    let Some(newest) = page.last().map(|message| message.seq) else {
        return Ok(None);
    };
    open.after = newest;
    let rest = (newest < open.room.last_seq).then_some(open);
    Ok(Some(MessagesRead {
        messages: page,
        rest,
    }))
}
