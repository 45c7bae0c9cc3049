//! An export: many short reads, so that no snapshot keeps PostgreSQL from cleaning up.
//!
//! The rooms are fixed at the start, in the order of their newest messages, which is the order of
//! the console's list; an import keeps it. A room's line is read with the first of its messages and
//! says how many there are. What is appended later is left out, and the log never changes, so the
//! line fits the messages however long it takes to read them.

use std::sync::Arc;

use crate::chat::{Message, RoomId, VisitorId, Who};
use crate::persistence::postgres::codes::{int, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::messages::{self, Marks, message_columns};
use crate::persistence::postgres::tables::{notes, ratings, room_rows};
use crate::persistence::postgres::tx_error::TxError;
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
/// Messages of one read, at most.
const STEP_MESSAGES: u64 = 100;
/// Rooms of which one read gathers the numbers.
const WALK_ROOMS: usize = 20_000;

/// None when the room has gone, even if its messages have not yet.
const MESSAGES: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m JOIN rooms r ON r.pk = m.room
      WHERE m.room = $1 AND m.seq BETWEEN $2 AND $3 ORDER BY m.seq"
);

/// Rooms in the order of an export: their numbers, and how many messages they have.
#[derive(Default)]
struct Rooms {
    by_activity: Vec<(i64, i64)>,
    messages: u64,
}

impl PostgresStore {
    pub(crate) async fn begin_export(
        &self,
        scope: ExportScope,
    ) -> Result<ExportCursor, ExportError> {
        let is_of_person = matches!(scope, ExportScope::Person(_));
        let (agents, tags) = match scope {
            ExportScope::All => (self.agents().await?, self.tags().await?),
            ExportScope::Person(_) | ExportScope::Room(_) => (Vec::new(), Vec::new()),
        };
        let mut rooms = match scope {
            ExportScope::All => self.all_rooms().await?,
            ExportScope::Room(id) => self.exported_room(id).await?,
            ExportScope::Person(who) => self.exported_person(who).await?,
        };
        rooms.by_activity.sort_unstable();
        let keys = rooms.by_activity.into_iter().map(|(_, pk)| pk).collect();
        Ok(ExportCursor {
            agents,
            tags,
            rooms: Arc::new(keys),
            begun: 0,
            open: None,
            open_notes: None,
            is_of_person,
            visitors: std::collections::HashSet::new(),
            done: 0,
            total: rooms.messages,
        })
    }

    pub(crate) async fn export_step(
        &self,
        mut cursor: ExportCursor,
    ) -> Result<(ExportCursor, Vec<TransferLine>), ExportError> {
        let lines = self.read(async |db| step(db, &mut cursor).await).await?;
        Ok((cursor, lines.map_err(ExportError::RoomErased)?))
    }

    async fn all_rooms(&self) -> Result<Rooms, ExportError> {
        let mut rooms = Rooms::default();
        let mut after = 0;
        loop {
            let read = self
                .read(async |db| {
                    db.query(
                        "SELECT room, last_n, last_seq FROM room_heads WHERE room > $1
                         ORDER BY room LIMIT $2",
                        &[&after, &int(WALK_ROOMS as u64)],
                    )
                    .await
                })
                .await?;
            for row in &read {
                after = rooms.add(row)?;
            }
            if read.len() < WALK_ROOMS {
                return Ok(rooms);
            }
        }
    }

    async fn exported_room(&self, id: RoomId) -> Result<Rooms, ExportError> {
        let found = self.read(async |db| room_rows::by_id(db, id).await).await?;
        let row = found.ok_or(ExportError::NoSuchRoom)?;
        Ok(Rooms {
            by_activity: vec![(0, row.keys.pk)],
            messages: row.record.room.last_seq,
        })
    }

    async fn exported_person(&self, who: Who) -> Result<Rooms, ExportError> {
        let person = self.find_person(&who).await?.alone()?;
        if person.visitors.is_empty() {
            return Err(ExportError::NoSuchPerson);
        }
        let read = self
            .read(async |db| {
                db.query(
                    "SELECT h.room, h.last_n, h.last_seq
                     FROM rooms r JOIN room_heads h ON h.room = r.pk WHERE r.visitor = ANY($1)",
                    &[&person.visitors],
                )
                .await
            })
            .await?;
        let mut rooms = Rooms::default();
        for row in &read {
            rooms.add(row)?;
        }
        Ok(rooms)
    }
}

impl Rooms {
    /// Adds a room, those without messages last. Returns its number.
    fn add(&mut self, row: &tokio_postgres::Row) -> Result<i64, ExportError> {
        let (pk, last_n, last_seq) = read_place(row).map_err(read_error)?;
        self.by_activity.push((last_n.unwrap_or(i64::MAX), pk));
        self.messages += last_seq;
        Ok(pk)
    }
}

fn read_place(row: &tokio_postgres::Row) -> Result<(i64, Option<i64>, u64), TxError> {
    Ok((row.try_get(0)?, row.try_get(1)?, uint(row, 2)?))
}

fn read_error(error: TxError) -> ExportError {
    crate::persistence::postgres::readers::read_error(error).into()
}

/// Reads the next lines; none when nothing is left. `Err` names a room that has gone.
async fn step(
    db: &Session,
    cursor: &mut ExportCursor,
) -> Result<Result<Vec<TransferLine>, RoomId>, TxError> {
    let mut lines = cursor.first_lines();
    let mut bytes = 0;
    while lines.len() < STEP_LINES && bytes < STEP_BYTES {
        if let Some(open) = cursor.open.take() {
            let (id, pk, head) = (open.room.id, open.pk, open.room.last_seq);
            let Some(read) = read_messages(db, open).await? else {
                return Ok(Err(id));
            };
            bytes += read.messages.iter().map(json_size::message).sum::<usize>();
            cursor.done += read.messages.len() as u64;
            lines.extend(read.messages.into_iter().map(|it| cursor.message_line(it)));
            cursor.open = read.rest;
            if cursor.open.is_none() {
                let ratings = ratings::of_room(db, pk, RATINGS).await?;
                lines.extend(rating_lines(id, head, ratings));
                cursor.open_notes(pk, id, head);
            }
        } else if let Some(open) = cursor.open_notes.take() {
            let range = NoteRange::After(open.after);
            let id = open.room_id;
            let page = notes::page(db, open.pk, id, range, STEP_LINES, NOTE_PAGE_BYTES).await?;
            bytes += cursor.take_notes(open, page, &mut lines);
        } else if let Some(pk) = cursor.rooms.get(cursor.begun) {
            cursor.begun += 1;
            begin_room(db, *pk, cursor, &mut lines).await?;
        } else {
            break;
        }
    }
    Ok(Ok(lines))
}

/// Reads a room's line, after its visitor's if that was not written. A room that has gone is left
/// out.
async fn begin_room(
    db: &Session,
    pk: i64,
    cursor: &mut ExportCursor,
    lines: &mut Vec<TransferLine>,
) -> Result<(), TxError> {
    let record = loop {
        let Some(row) = room_rows::by_pk(db, pk).await? else {
            return Ok(());
        };
        if cursor.visitors.contains(&row.record.visitor_id) {
            break row.record;
        }
        // Without one, the room has just got another visitor.
        if let Some(visitor) = visitor(db, row.record.visitor_id).await? {
            cursor.visitors.insert(visitor.id);
            lines.push(TransferLine::Visitor(visitor));
            break row.record;
        }
    };
    lines.push(cursor.room_line(&record));
    if record.room.last_seq == 0 {
        cursor.open_notes(pk, record.room.id, 0);
    } else {
        cursor.open = Some(OpenExport {
            room: record.room,
            after: 0,
            pk,
        });
    }
    Ok(())
}

/// A visitor's line, if they are there.
async fn visitor(db: &Session, id: VisitorId) -> Result<Option<TransferVisitor>, TxError> {
    let row = db
        .query_opt(
            "SELECT id, \"user\", blocked, created_at FROM visitors WHERE id = $1",
            &[&id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(TransferVisitor {
        id: row.try_get(0)?,
        user: row.try_get(1)?,
        blocked: row.try_get(2)?,
        created_at: time(&row, 3)?,
    }))
}

/// The outcome of a read of messages.
struct MessagesRead {
    messages: Vec<Message>,
    rest: Option<OpenExport>,
}

/// Reads the next messages of a room; `None` when it has gone.
async fn read_messages(
    db: &Session,
    mut open: OpenExport,
) -> Result<Option<MessagesRead>, TxError> {
    let to = open.room.last_seq.min(open.after + STEP_MESSAGES);
    let rows = db
        .query(MESSAGES, &[&open.pk, &int(open.after + 1), &int(to)])
        .await?;
    // The read marks are those of the room's line, even if they have moved since.
    let marks = Marks::of(&open.room);
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        let message = messages::read(row, &marks)?;
        if message.seq != open.after + 1 {
            return Ok(None);
        }
        open.after = message.seq;
        messages.push(message);
    }
    if open.after < to {
        return Ok(None);
    }
    let rest = (open.after < open.room.last_seq).then_some(open);
    Ok(Some(MessagesRead { messages, rest }))
}
