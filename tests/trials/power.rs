//! P3: power loss. A server writes under a library that notes each change of its files and each
//! sync. From the notes, the disk as it would be after a loss of power at any moment is made:
//! what was synced is there, of what was not each sector may be there or not.

use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::DEADLINE;
use crate::faults::Faults;
use crate::history::{Outcome, RoomHistory, check_histories};
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

/// The bytes that a disk writes at once or not at all.
const SECTOR: usize = 512;
/// The names of the files, by id.
const FILES: [&str; 3] = ["shoptalk.db", "shoptalk.db-wal", "shoptalk.db-journal"];

/// One journaled change or sync.
struct Note {
    op: u8,
    file: usize,
    offset: usize,
    bytes: Vec<u8>,
}

impl Note {
    fn read(from: &mut impl Read) -> Result<Option<(Self, u64)>> {
        let mut head = [0; 16];
        if from.read(&mut head[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut head[1..])?;
        let length = u32::from_ne_bytes(*head[4..].first_chunk().context("a length")?);
        let offset = i64::from_ne_bytes(*head[8..].first_chunk().context("an offset")?);
        let mut bytes = vec![0; length as usize];
        from.read_exact(&mut bytes)?;
        let note = Self {
            op: head[0],
            file: usize::from(head[1]),
            offset: usize::try_from(offset)?,
            bytes,
        };
        Ok(Some((note, 16 + u64::from(length))))
    }
}

/// What the disk holds for certain, and what was written and not synced.
#[derive(Default)]
struct Disk {
    synced: [Vec<u8>; 3],
    pending: [Vec<Note>; 3],
}

impl Disk {
    fn take(&mut self, note: Note) {
        let file = note.file;
        match note.op {
            b'S' => {
                for note in self.pending[file].drain(..) {
                    apply(&mut self.synced[file], &note, &mut || true);
                }
            }
            // Names go at once: SQLite syncs the directory, which is not journaled.
            b'U' => {
                self.pending[file].clear();
                self.synced[file].clear();
            }
            _ => self.pending[file].push(note),
        }
    }

    /// The files after a loss of power at this moment: some of the unsynced sectors survive.
    fn lose_power(&self, dir: &Path, random: &mut StdRng) -> Result<()> {
        for (file, name) in FILES.iter().enumerate() {
            let mut bytes = self.synced[file].clone();
            // Sometimes all that is pending was lost, sometimes nearly nothing.
            let kept = [0.0, 0.5, 0.95][random.random_range(0..3)];
            for note in &self.pending[file] {
                apply(&mut bytes, note, &mut || random.random_bool(kept));
            }
            if !bytes.is_empty() {
                std::fs::write(dir.join(name), bytes)?;
            }
        }
        Ok(())
    }
}

/// Makes a change, as far as each of its sectors is kept.
fn apply(bytes: &mut Vec<u8>, note: &Note, keeps: &mut impl FnMut() -> bool) {
    if note.op == b'T' {
        if keeps() {
            bytes.resize(note.offset, 0);
        }
        return;
    }
    let mut at = 0;
    while at < note.bytes.len() {
        let from = note.offset + at;
        let length = (SECTOR - from % SECTOR).min(note.bytes.len() - at);
        if keeps() {
            if bytes.len() < from + length {
                bytes.resize(from + length, 0);
            }
            bytes[from..from + length].copy_from_slice(&note.bytes[at..at + length]);
        }
        at += length;
    }
}

/// What a server wrote and synced under load.
struct Recorded {
    faults: Faults,
    histories: Vec<RoomHistory>,
    bytes: u64,
}

/// Records a run with a kill and a clean restart, so that power also fails during recovery and
/// checkpoints.
async fn record(form: Form, synchronous: &str) -> Result<Recorded> {
    let mut setup = Setup::new()
        .with("SHOPTALK_STORAGE__SYNCHRONOUS", synchronous)
        .failing(Faults::with_journal());
    let mut server = setup.serve().await?;
    let journal = setup.faults.as_ref().context("faults")?.journal();
    let journaled =
        Box::new(move || std::fs::metadata(&journal).map_or(0, |journal| journal.len()));
    let mut workload =
        Workload::start_with_journal(server.addr, 8, Behavior::PLAIN, form.seed, journaled).await?;
    let leg = form.pick(500, 12_000);
    workload.wait_for_acks(leg).await?;
    server.kill().await?;
    server = setup.serve().await?;
    workload.reconnect_to(server.addr);
    workload.wait_for_acks(2 * leg).await?;
    server.terminate(DEADLINE).await?;
    server = setup.serve().await?;
    workload.reconnect_to(server.addr);
    workload.wait_for_acks(3 * leg).await?;
    let histories = workload.finish().await?;
    server.kill().await?;
    setup.log()?;
    let faults = setup.faults.take().context("faults")?;
    let bytes = faults.journal_bytes();
    Ok(Recorded {
        faults,
        histories,
        bytes,
    })
}

/// Loses power at random moments, and checks what is left.
struct Losses {
    seeds: usize,
    acked_lost: usize,
    acked: usize,
}

fn lose_power(recorded: &Recorded, seeds: usize, seed: u64) -> Result<Losses> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut moments: Vec<u64> = (0..seeds)
        .map(|_| random.random_range(0..recorded.bytes))
        .collect();
    moments.sort_unstable();
    let mut notes = BufReader::new(std::fs::File::open(recorded.faults.journal())?);
    let mut disk = Disk::default();
    let mut at = 0;
    let mut losses = Losses {
        seeds,
        acked_lost: 0,
        acked: 0,
    };
    for moment in moments {
        while at <= moment {
            let Some((note, length)) = Note::read(&mut notes)? else {
                break;
            };
            disk.take(note);
            at += length;
        }
        let dir = tempfile::tempdir()?;
        disk.lose_power(dir.path(), &mut random)?;
        let database = dir.path().join(FILES[0]);
        if !has_schema(&database)? {
            // Power failed before the first start was through, or all of it is gone.
            let lost = due(&recorded.histories, at);
            losses.acked += lost;
            losses.acked_lost += lost;
            continue;
        }
        let verdict = check_histories(&database, &recorded.histories, Some(at))
            .with_context(|| format!("power lost at {at} of {}", recorded.bytes))?;
        losses.acked_lost += verdict.lost;
        losses.acked += verdict.acked;
        ensure!(
            verdict.duplicated + verdict.reordered + verdict.fabricated == 0,
            "power lost at {at}: {verdict}"
        );
    }
    Ok(losses)
}

/// How many messages were acked by then.
fn due(histories: &[RoomHistory], at: u64) -> usize {
    let sends = histories.iter().flat_map(|room| &room.sends);
    sends
        .filter(|send| matches!(send.outcome, Outcome::Acked { journaled, .. } if journaled <= at))
        .count()
}

fn has_schema(database: &Path) -> Result<bool> {
    if !database.exists() {
        return Ok(false);
    }
    let conn = rusqlite::Connection::open(database)?;
    Ok(conn.query_row(
        "SELECT count(*) = 2 FROM sqlite_schema WHERE name IN ('rooms', 'messages')",
        [],
        |row| row.get(0),
    )?)
}

pub(crate) async fn full(form: Form, line: Line) -> Result<()> {
    let recorded = record(form, "full").await?;
    let losses = lose_power(&recorded, form.pick(30, 500), form.seed)?;
    line.figure(
        &format!("{} power losses", losses.seeds),
        format!(
            "{} acked lost of {} that had to be present, {} MB written",
            losses.acked_lost,
            losses.acked,
            recorded.bytes / 1_000_000
        ),
        "0 lost with FULL",
        losses.acked_lost == 0 && losses.acked > 0,
    )
}

pub(crate) async fn control(form: Form, line: Line) -> Result<()> {
    let recorded = record(form, "normal").await?;
    let losses = lose_power(&recorded, form.pick(30, 100), form.seed)?;
    line.figure(
        &format!("*control*: {} power losses with NORMAL", losses.seeds),
        format!("{} of {} acked lost", losses.acked_lost, losses.acked),
        "some lost",
        losses.acked_lost > 0,
    )
}
