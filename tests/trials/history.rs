//! The history checker: classifies every post, and compares every reader's view with the
//! database.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::common::DEADLINE;

/// The outcome of a post, as far as its sender knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Acked with this seq. `journaled` is how far the journal of the disk was by then.
    Acked { seq: u64, journaled: u64 },
    /// Refused for good.
    Refused,
    /// Neither, when the sender gave up.
    Unknown,
}

/// One message, however often it was posted.
#[derive(Debug, Clone)]
pub(crate) struct Send {
    pub(crate) id: Uuid,
    pub(crate) content: String,
    pub(crate) outcome: Outcome,
}

/// What a reader received over all of its connections, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The first is shown after this seq.
    pub(crate) after: u64,
    pub(crate) seen: Vec<(u64, Uuid)>,
}

impl View {
    /// The newest seq that was shown.
    pub(crate) fn last(&self) -> u64 {
        self.seen.last().map_or(self.after, |(seq, _)| *seq)
    }
}

/// The posts and the views of one room.
#[derive(Debug, Clone)]
pub(crate) struct RoomHistory {
    pub(crate) room_id: Uuid,
    pub(crate) sends: Vec<Send>,
    pub(crate) views: Vec<View>,
}

/// The counts of the check. All but the first four are faults.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) sent: usize,
    pub(crate) acked: usize,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
    /// Acked and not stored, or stored and never shown to a reader.
    pub(crate) lost: usize,
    /// Stored or shown more than once.
    pub(crate) duplicated: usize,
    /// Stored or shown at another place than acked, or with a gap.
    pub(crate) reordered: usize,
    /// Stored though refused, with other content, or sent by nobody.
    pub(crate) fabricated: usize,
}

impl Verdict {
    pub(crate) fn faults(&self) -> usize {
        self.lost + self.duplicated + self.reordered + self.fabricated
    }

    /// An error that names what is wrong, if anything is.
    pub(crate) fn clean(&self) -> Result<()> {
        ensure!(self.faults() == 0, "{self}");
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sent,
            acked,
            refused,
            unknown,
            lost,
            duplicated,
            reordered,
            fabricated,
        } = self;
        write!(
            out,
            "{sent} sent: {acked} acked, {refused} refused, {unknown} unknown; \
             {lost} lost, {duplicated} duplicated, {reordered} reordered, {fabricated} false"
        )
    }
}

/// A message as it is stored.
struct Stored {
    seq: u64,
    id: Uuid,
    content: String,
    by_customer: bool,
}

impl Stored {
    /// From a row that `psql` has printed.
    fn from_row(row: &str) -> Result<Self> {
        let mut fields = row.splitn(4, '|');
        let mut field = || {
            fields
                .next()
                .with_context(|| format!("not a message: {row}"))
        };
        Ok(Self {
            seq: field()?.parse()?,
            id: field()?.parse()?,
            by_customer: field()? == "0",
            content: field()?.to_owned(),
        })
    }
}

/// Holds what people know against a database. With `crashed_at`, only what was acked before
/// the disk's journal was that far must be there, and nobody's view counts.
pub(crate) fn check_histories(
    database: &Path,
    rooms: &[RoomHistory],
    crashed_at: Option<u64>,
) -> Result<Verdict> {
    let conn = open(database)?;
    let verdict = judge(rooms, crashed_at, |room| stored(&conn, room))?;
    let whole: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(whole == "ok", "integrity_check: {whole}");
    Ok(verdict)
}

/// Holds what people know against a database in PostgreSQL, in which `psql` runs SQL.
pub(crate) fn check_histories_in_postgres(
    psql: impl Fn(&str) -> Result<String, shoptalk_local_servers::Error>,
    rooms: &[RoomHistory],
) -> Result<Verdict> {
    judge(rooms, None, |room| {
        let rows = psql(&format!(
            "SELECT seq, m.id, sender_type, content FROM messages m
                 JOIN rooms r ON r.pk = m.room WHERE r.id = '{room}' ORDER BY seq"
        ))?;
        rows.lines().map(Stored::from_row).collect()
    })
}

fn judge(
    rooms: &[RoomHistory],
    crashed_at: Option<u64>,
    stored: impl Fn(Uuid) -> Result<Vec<Stored>>,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for room in rooms {
        stored(room.room_id)
            .map(|stored| judge_room(&stored, room, crashed_at, &mut verdict))
            .with_context(|| format!("room {}", room.room_id))?;
    }
    Ok(verdict)
}

fn open(database: &Path) -> Result<Connection> {
    // As the server would: what is left in the log is taken over.
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_timeout(DEADLINE)?;
    Ok(conn)
}

fn judge_room(
    stored: &[Stored],
    room: &RoomHistory,
    crashed_at: Option<u64>,
    verdict: &mut Verdict,
) {
    let mut place: HashMap<Uuid, &Stored> = HashMap::new();
    for (at, message) in stored.iter().enumerate() {
        // A gapless order: the n-th message has the seq n.
        verdict.reordered += usize::from(message.seq != at as u64 + 1);
        verdict.duplicated += usize::from(place.insert(message.id, message).is_some());
    }
    let sent: HashMap<Uuid, &Send> = room.sends.iter().map(|send| (send.id, send)).collect();
    for send in &room.sends {
        verdict.sent += 1;
        let stored = place.get(&send.id);
        if stored.is_some_and(|stored| stored.content != send.content) {
            verdict.fabricated += 1;
        }
        match send.outcome {
            Outcome::Acked { seq, journaled } => {
                let must_be_there = crashed_at.is_none_or(|crashed_at| journaled <= crashed_at);
                verdict.acked += usize::from(must_be_there);
                match stored {
                    None => verdict.lost += usize::from(must_be_there),
                    Some(stored) => verdict.reordered += usize::from(stored.seq != seq),
                }
            }
            Outcome::Refused => {
                verdict.refused += 1;
                verdict.fabricated += usize::from(stored.is_some());
            }
            Outcome::Unknown => verdict.unknown += 1,
        }
    }
    verdict.fabricated += stored
        .iter()
        .filter(|message| message.by_customer && !sent.contains_key(&message.id))
        .count();
    if crashed_at.is_none() {
        for view in &room.views {
            judge_view(view, stored, verdict);
        }
    }
}

/// A reader must have seen exactly what is stored past its beginning.
fn judge_view(view: &View, stored: &[Stored], verdict: &mut Verdict) {
    let due = stored.iter().filter(|message| message.seq > view.after);
    let due: Vec<(u64, Uuid)> = due.map(|message| (message.seq, message.id)).collect();
    if view.seen == due {
        return;
    }
    let mut shown = HashSet::new();
    for (at, seen) in view.seen.iter().enumerate() {
        verdict.duplicated += usize::from(!shown.insert(*seen));
        let before = at.checked_sub(1).map_or(view.after, |at| view.seen[at].0);
        verdict.reordered += usize::from(seen.0 != before + 1);
    }
    verdict.lost += due.iter().filter(|due| !shown.contains(due)).count();
    let due: HashSet<_> = due.into_iter().collect();
    verdict.fabricated += shown.difference(&due).count();
}

/// What a room's log holds: seqs and ids.
pub(crate) fn read_room(database: &Path, room_id: Uuid) -> Result<Vec<(u64, Uuid)>> {
    let stored = stored(&open(database)?, room_id)?;
    Ok(stored.into_iter().map(|one| (one.seq, one.id)).collect())
}

fn stored(conn: &Connection, room_id: Uuid) -> Result<Vec<Stored>> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, messages.id, content, sender_type FROM messages
         JOIN rooms ON rooms.pk = messages.room WHERE rooms.id = ?1 ORDER BY seq",
    )?;
    let rows = statement.query_map([room_id], |row| {
        Ok(Stored {
            seq: row.get::<_, i64>(0)?.unsigned_abs(),
            id: row.get(1)?,
            content: row.get(2)?,
            by_customer: row.get::<_, i64>(3)? == 0,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
