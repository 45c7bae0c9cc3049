//! Keeps the text index behind the log: a task of each node, of which one at a time works.
//!
//! It follows the changes of all slots, as readers do, and not the numbers of messages, which are
//! committed in another order. How far it has come is stored in the transaction of the entries, so
//! the index is complete up to there whatever happens, and a step that is repeated does no harm.

use std::sync::Arc;
use std::time::Duration;

use crate::chat::SenderType;
use crate::persistence::StoreError;
use crate::persistence::postgres::change_page::{ChangePage, Changed};
use crate::persistence::postgres::codes;
use crate::persistence::postgres::readers::read_error;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::shared::Shared;
use crate::persistence::postgres::tables::changes;
use crate::persistence::postgres::tables::search::{self, IndexedRoom, NewEntries};
use crate::persistence::postgres::tx_error::TxError;

/// Messages that one step indexes, at most.
const STEP_MESSAGES: i64 = 4_000;
/// Messages that are in memory at once, at most: 32 MB, if all are as long as messages may be.
const PORTION_MESSAGES: i64 = 1_000;
/// Changed rooms that one step looks at, at most.
const STEP_ROOMS: usize = 500;
/// The pause between two steps, unless more is left. It is added to the time until a message is
/// found.
const PAUSE: Duration = Duration::from_millis(200);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// How far a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Everything is indexed.
    Complete,
    /// There is more to do.
    More,
    /// Another node is at work.
    Busy,
}

/// Follows the log until the store is closed.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut head = shared.heads.subscribe();
    let mut session = None;
    let mut failing = false;
    loop {
        let pause = match step_on(&shared, &mut session).await {
            Ok(step) => {
                failing = false;
                match step {
                    Step::Complete => None,
                    Step::More => Some(Duration::ZERO),
                    Step::Busy => Some(PAUSE),
                }
            }
            Err(error) => {
                session = None;
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot bring the text index up to date; trying again");
                }
                Some(RETRY)
            }
        };
        let next = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    tokio::time::sleep(PAUSE).await;
                    // It fails when the store is gone, which closes it first.
                    let _ = head.changed().await;
                }
            }
        };
        if shared.closing.run_until_cancelled(next).await.is_none() {
            return;
        }
    }
}

async fn step_on(shared: &Shared, session: &mut Option<Session>) -> Result<Step, StoreError> {
    let db = match session {
        Some(db) if !db.is_closed() => db,
        other => other.insert(shared.connector.connect().await?),
    };
    step(db, false).await.map_err(read_error)
}

/// Waits until everything that is committed now is indexed, and helps with it.
pub(crate) async fn flush(shared: &Shared) -> Result<(), StoreError> {
    let db = shared.connector.connect().await?;
    let goal = changes::heads(&db).await.map_err(read_error)?.changes;
    loop {
        step(&db, true).await.map_err(read_error)?;
        let progress = search::progress(&db).await.map_err(read_error)?;
        if progress.includes_all(&goal) {
            return Ok(());
        }
    }
}

/// Brings the index one bounded step nearer to the head.
async fn step(db: &Session, wait: bool) -> Result<Step, TxError> {
    // A plan that reads all of a small table would be kept when it is large.
    db.run("BEGIN; SET LOCAL enable_seqscan = off").await?;
    let done = step_in_transaction(db, wait).await;
    match done {
        Ok(step) => {
            db.run("COMMIT").await?;
            Ok(step)
        }
        Err(error) => {
            // The error is what counts; a connection that is gone is not used again.
            let _ = db.run("ROLLBACK").await;
            Err(error)
        }
    }
}

async fn step_in_transaction(db: &Session, wait: bool) -> Result<Step, TxError> {
    if !search::take_turn(db, wait).await? {
        return Ok(Step::Busy);
    }
    let progress = search::progress(db).await?;
    // Read before the rooms: what is newer is left to the next step.
    let head = changes::heads(db).await?.changes;
    if progress.includes_all(&head) {
        return Ok(Step::Complete);
    }
    let page = changes::page(db, &progress, head, STEP_ROOMS).await?;
    let complete = index_rooms(db, &page).await?;
    let mut covered = progress;
    covered.advance_all(&page.covered(complete));
    search::set_progress(db, &covered).await?;
    Ok(match page.has_more(complete) {
        true => Step::More,
        false => Step::Complete,
    })
}

/// Indexes rooms of a page, up to the bound on messages. Returns how many of its changes are
/// complete.
async fn index_rooms(db: &Session, page: &ChangePage) -> Result<usize, TxError> {
    let changes = page.first(STEP_ROOMS);
    let pks: Vec<i64> = changes
        .iter()
        .filter_map(|(_, changed)| match changed {
            Changed::Room(pk) => Some(*pk),
            Changed::Removed(_) => None,
        })
        .collect();
    if pks.is_empty() {
        return Ok(changes.len());
    }
    let mut rooms = search::rooms(db, &pks).await?;
    let unfinished = take_messages(&mut rooms);
    let mut entries = NewEntries::default();
    for portion in portions(&rooms) {
        add_messages(db, &portion, &mut entries).await?;
        std::mem::take(&mut entries).insert(db).await?;
    }
    for room in &mut rooms {
        room.seq = room.last_seq;
    }
    add_notes(db, &mut rooms, &mut entries).await?;
    add_details(db, &mut rooms, &mut entries).await?;
    entries.insert(db).await?;
    search::tidy(db).await?;
    search::set_rooms(db, &rooms).await?;
    let place = |pk| {
        let mut changes = changes.iter();
        changes.position(|(_, changed)| *changed == Changed::Room(pk))
    };
    Ok(unfinished.and_then(place).unwrap_or(changes.len()))
}

/// Keeps the rooms whose messages fit into a step, and of the last one as many as fit. Returns the
/// room that is not complete then.
fn take_messages(rooms: &mut Vec<IndexedRoom>) -> Option<i64> {
    let mut left = STEP_MESSAGES;
    for place in 0..rooms.len() {
        let room = &mut rooms[place];
        if room.last_seq - room.seq > left {
            room.last_seq = room.seq + left;
            let unfinished = room.room;
            rooms.truncate(place + 1);
            return Some(unfinished);
        }
        left -= room.last_seq - room.seq;
    }
    None
}

/// Messages of a room past one seq, up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    room: i64,
    after: i64,
    until: i64,
}

/// The messages that are not indexed yet, in portions.
fn portions(rooms: &[IndexedRoom]) -> Vec<Vec<Range>> {
    let mut portions: Vec<Vec<Range>> = Vec::new();
    let mut left = 0;
    for &IndexedRoom {
        room,
        seq,
        last_seq,
        ..
    } in rooms
    {
        let mut after = seq;
        while after < last_seq {
            if left == 0 {
                portions.push(Vec::new());
                left = PORTION_MESSAGES;
            }
            let until = last_seq.min(after + left);
            if let Some(portion) = portions.last_mut() {
                portion.push(Range { room, after, until });
            }
            left -= until - after;
            after = until;
        }
    }
    portions
}

/// Adds the messages of people, not `system` messages.
async fn add_messages(
    db: &Session,
    portion: &[Range],
    entries: &mut NewEntries,
) -> Result<(), TxError> {
    let column = |of: fn(&Range) -> i64| -> Vec<i64> { portion.iter().map(of).collect() };
    let rows = db
        .query(
            "SELECT m.room, m.seq, m.n, m.sender_type, m.sender_name, m.content
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) u (room, after, until)
             CROSS JOIN LATERAL (SELECT * FROM messages m
                 WHERE m.room = u.room AND m.seq > u.after AND m.seq <= u.until) m",
            &[
                &column(|range| range.room),
                &column(|range| range.after),
                &column(|range| range.until),
            ],
        )
        .await?;
    for row in &rows {
        let (name, content): (&str, &str) = (row.try_get(4)?, row.try_get(5)?);
        // A text that was removed before its turn leaves nothing to find.
        if codes::sender(row, 3)? != SenderType::System && !content.is_empty() {
            let (room, seq, n) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            entries.push(n, room, seq, &[name, content]);
        }
    }
    Ok(())
}

/// Adds the notes that are new. There are too few of them to count against the step's bound.
async fn add_notes(
    db: &Session,
    rooms: &mut [IndexedRoom],
    entries: &mut NewEntries,
) -> Result<(), TxError> {
    let pks: Vec<i64> = rooms.iter().map(|room| room.room).collect();
    let known: Vec<i64> = rooms.iter().map(|room| room.note).collect();
    let rows = db
        .query(
            "SELECT t.room, t.no, t.agent_name, t.content
             FROM unnest($1::bigint[], $2::bigint[]) u (room, after)
             CROSS JOIN LATERAL (SELECT * FROM notes t
                 WHERE t.room = u.room AND t.no > u.after) t",
            &[&pks, &known],
        )
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let numbers = next_numbers(db, rows.len()).await?;
    for (row, n) in rows.iter().zip(numbers) {
        let (pk, no): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (name, content): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
        entries.push(n, pk, -no, &[name, content]);
        if let Some(room) = rooms.iter_mut().find(|room| room.room == pk) {
            room.note = room.note.max(no);
        }
    }
    Ok(())
}

/// Numbers of new entries.
async fn next_numbers(db: &Session, count: usize) -> Result<Vec<i64>, TxError> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let rows = db
        .query(
            "SELECT nextval('message_n') FROM generate_series(1, $1)",
            &[&count],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Replaces the entries of details that have changed.
async fn add_details(
    db: &Session,
    rooms: &mut [IndexedRoom],
    entries: &mut NewEntries,
) -> Result<(), TxError> {
    let changed = rooms.iter_mut().filter(|room| room.indexed != room.details);
    let mut changed: Vec<&mut IndexedRoom> = changed.collect();
    if changed.is_empty() {
        return Ok(());
    }
    let old: Vec<i64> = changed.iter().filter_map(|room| room.entry).collect();
    db.execute("DELETE FROM search WHERE n = ANY($1)", &[&old])
        .await?;
    let numbers = next_numbers(db, changed.len()).await?;
    for (room, n) in changed.iter_mut().zip(numbers) {
        room.indexed = room.details.clone();
        room.entry = None;
        if room.details.iter().any(Option::is_some) {
            let texts = room.details.iter().flatten().map(String::as_str);
            let texts: Vec<&str> = texts.collect();
            entries.push(n, room.room, 0, &texts);
            room.entry = Some(n);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(room: i64, seq: i64, last_seq: i64) -> IndexedRoom {
        IndexedRoom {
            room,
            seq,
            last_seq,
            entry: None,
            indexed: [None, None],
            details: [None, None],
            note: 0,
        }
    }

    #[test]
    fn portions_have_every_message_once_and_are_bounded() {
        let rooms = [
            room(1, 5, 7),
            room(2, 3, 3),
            room(3, 0, 2 * PORTION_MESSAGES + 10),
            room(4, 8, 9),
        ];
        let portions = portions(&rooms);
        let count = |range: &Range| range.until - range.after;
        let sizes: Vec<i64> = portions
            .iter()
            .map(|portion| portion.iter().map(count).sum())
            .collect();
        assert_eq!(sizes, [PORTION_MESSAGES, PORTION_MESSAGES, 13]);
        for known in &rooms {
            let mut reached = known.seq;
            for range in portions.iter().flatten() {
                if range.room == known.room {
                    assert_eq!(range.after, reached, "{range:?}");
                    reached = range.until;
                }
            }
            assert_eq!(reached, known.last_seq, "{known:?}");
        }
    }
}
