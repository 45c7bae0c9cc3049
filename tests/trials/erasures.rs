//! P16: a person who was erased stays erased, whatever is killed, restored or imported.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};

use crate::common::DEADLINE;
use crate::crowd::{self, Person, Size, words_in};
use crate::faults::{Faults, KILLED, Order, SYNCS, TRUNCATES, WRITES};
use crate::history::check_histories;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

/// Finds nobody; what was erased before is rewritten.
const NOBODY: &str = "user:nobody";

fn read<T: rusqlite::types::FromSql>(database: &Path, sql: &str) -> Result<T> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

/// Messages of a room, 0 if there is no such room.
fn messages_of(database: &Path, person: &Person) -> Result<i64> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT count(*) FROM messages m JOIN rooms r ON r.pk = m.room WHERE r.id = ?1";
    Ok(conn.query_row(sql, [person.room], |row| row.get(0))?)
}

/// What is left to do of decided erasures.
const LEFT_TO_ERASE: &str = "SELECT (SELECT count(*) FROM erased_visitors WHERE pending = 1)
    + (SELECT count(*) FROM erasing_rooms)";

/// Counts that do not fit the rows, and what `PRAGMA integrity_check` finds.
fn check_sound(database: &Path) -> Result<()> {
    let check: String = read(database, "PRAGMA integrity_check")?;
    ensure!(check == "ok", "{check}");
    let broken: i64 = read(
        database,
        "SELECT (SELECT count(*) FROM rooms r
                 WHERE last_seq <> (SELECT count(*) FROM messages m WHERE m.room = r.pk))
              + (SELECT count(*) FROM messages WHERE room NOT IN (SELECT pk FROM rooms))",
    )?;
    ensure!(
        broken == 0,
        "{broken} rooms or messages do not fit together"
    );
    Ok(())
}

async fn run(setup: &Setup, arguments: &[&str]) -> Result<()> {
    let ended = setup.run(arguments).await?;
    ensure!(ended.success(), "{arguments:?}: {ended}\n{}", setup.log()?);
    Ok(())
}

/// Copies a directory with its contents.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Replaces the data directory with a template.
fn reset(setup: &Setup, template: &Path) -> Result<()> {
    if setup.data_dir().exists() {
        std::fs::remove_dir_all(setup.data_dir())?;
    }
    copy(template, &setup.data_dir())
}

/// Starts a server, which finishes what was interrupted, and stops it.
async fn start_and_stop(setup: &mut Setup) -> Result<()> {
    let mut server = setup.serve().await?;
    let began = Instant::now();
    while read::<i64>(&setup.database(), LEFT_TO_ERASE)? > 0 {
        ensure!(began.elapsed() < DEADLINE, "an erasure does not go on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ready = server.rest().get("/readyz").await;
    ensure!(ready.status == 200, "{}", ready.text);
    server.terminate(DEADLINE).await?;
    Ok(())
}

/// Erasures beside a chat, of which the command or the server is killed: each is decided or not, and
/// one that is decided is finished.
pub(crate) async fn killed_beside_a_chat(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(4, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let size = Size {
        people: kills + 1,
        of_each: form.pick(600, 2_000),
        others: 1_000,
        in_each_room: 100,
    };
    let people = crowd::fill(&setup.data_dir(), size, form.seed).await?;
    let (first, people) = people.split_first().context("somebody")?;
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    let began = Instant::now();
    run(&setup, &["erase", &first.who()]).await?;
    let whole = began.elapsed();
    let (mut decided, mut as_before) = (0, 0);
    for (number, person) in people.iter().enumerate() {
        workload.wait_for_acks(workload.acks() + 20).await?;
        let who = person.who();
        if number % 2 == 0 {
            setup
                .kill_within(&["erase", &who], whole, &mut random)
                .await?;
        } else {
            let mut child = setup.spawn(&["erase", &who])?;
            tokio::time::sleep(whole.mul_f64(random.random_range(0.0..1.2))).await;
            server.kill().await?;
            child.wait().await?;
            server = setup.serve().await?;
            workload.reconnect_to(server.addr);
        }
        let began = Instant::now();
        while read::<i64>(&setup.database(), LEFT_TO_ERASE)? > 0 {
            ensure!(began.elapsed() < DEADLINE, "an erasure does not go on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match usize::try_from(messages_of(&setup.database(), person)?)? {
            0 => decided += 1,
            all if all == size.of_each => as_before += 1,
            some => anyhow::bail!("{some} of {} messages are left", size.of_each),
        }
        run(&setup, &["erase", &who]).await?;
        ensure!(messages_of(&setup.database(), person)? == 0, "not erased");
    }
    workload.wait_for_acks(workload.acks() + 20).await?;
    run(&setup, &["erase", NOBODY, "--now"]).await?;
    let left = words_in(&setup.data_dir(), people)?.len();
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{kills} erasures beside 4 senders: the command or the server killed"),
        format!(
            "{decided} were decided and finished by themselves, {as_before} as before; repeated, {left} words of theirs \
             left in the files; {verdict}"
        ),
        "all or nothing of a person, the chat unharmed, 0 words left",
        left == 0 && verdict.faults() == 0 && verdict.unknown == 0,
    )
}

/// Erasures without a server, with the rewrite, killed at a random write of the database's files.
pub(crate) async fn killed_at_writes(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(6, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new().failing(Faults::new());
    let template = setup.outside("template");
    let size = Size {
        people: 1,
        of_each: 600,
        others: 2_000,
        in_each_room: 100,
    };
    let people = crowd::fill(&template, size, form.seed).await?;
    let who = people[0].who();
    let erase = ["erase", who.as_str(), "--now"];
    reset(&setup, &template)?;
    run(&setup, &erase).await?;
    let calls = u64::try_from(setup.faults.as_ref().context("faults")?.calls())?;
    let (mut killed, mut decided) = (0, 0);
    for number in 0..kills {
        reset(&setup, &template)?;
        // Most writes are those of the rewrite; every other kill is before it.
        let last = if number % 2 == 0 { calls } else { calls / 10 };
        let faults = setup.faults.as_ref().context("faults")?;
        faults.order(Order {
            nth: random.random_range(1..=last),
            kinds: WRITES | SYNCS | TRUNCATES,
            error: KILLED,
            repeat: 1,
            torn: false,
        });
        killed += u32::from(!setup.run(&erase).await?.success());
        setup.faults.as_ref().context("faults")?.withdraw();
        start_and_stop(&mut setup).await?;
        check_sound(&setup.database())?;
        let left = messages_of(&setup.database(), &people[0])?;
        ensure!([0, 600].contains(&left), "{left} of 600 messages are left");
        decided += u32::from(left == 0);
        run(&setup, &erase).await?;
        let left = words_in(&setup.data_dir(), &people)?;
        ensure!(left.is_empty(), "a word is left in the files");
    }
    setup.log()?;
    line.figure(
        &format!("{kills} erasures with --now, killed at a random write of {calls}"),
        format!("{killed} killed part-way, {decided} were decided by then and finished at the next start; repeated, 0 words left in the files"),
        "all or nothing of a person, sound, 0 words left when it is repeated",
        killed > 0,
    )
}

/// Restores of a backup that still has the person, killed at random: neither the old database nor the
/// restored one has a word of them. Every other time the disk was lost, and the ledger is all that
/// is known.
pub(crate) async fn killed_restores(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(4, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let size = Size {
        people: 3,
        of_each: 300,
        others: form.pick(2_000, 20_000),
        in_each_room: 100,
    };
    let people = crowd::fill(&setup.data_dir(), size, form.seed).await?;
    let backup = setup.outside("backup.db");
    let backup_name = backup.display().to_string();
    run(&setup, &["backup", &backup_name]).await?;
    ensure!(
        words_in(backup.parent().context("a directory")?, &people)?.len() == people.len(),
        "the control: the backup has their words"
    );
    for person in &people {
        run(&setup, &["erase", &person.who()]).await?;
    }
    run(&setup, &["erase", NOBODY, "--now"]).await?;
    // A server writes the ledger again if it could not be written.
    start_and_stop(&mut setup).await?;
    let template = setup.outside("template");
    copy(&setup.data_dir(), &template)?;
    let restore = ["restore", backup_name.as_str()];
    let count = "SELECT count(*) FROM messages";
    let old: i64 = read(&setup.database(), count)?;
    let began = Instant::now();
    run(&setup, &restore).await?;
    let whole = began.elapsed();
    let (mut restored, mut as_before) = (0, 0);
    for number in 0..kills {
        reset(&setup, &template)?;
        let is_lost = number % 2 == 1;
        if is_lost {
            std::fs::remove_file(setup.database())?;
        }
        setup.kill_within(&restore, whole, &mut random).await?;
        start_and_stop(&mut setup).await?;
        check_sound(&setup.database())?;
        let found: i64 = read(&setup.database(), count)?;
        let before = if is_lost { 0 } else { old };
        ensure!(
            [before, old].contains(&found),
            "{found} messages are neither {before} nor {old}"
        );
        let epoch = read::<String>(&setup.database(), "SELECT epoch FROM state")?;
        let old_epoch: String = read(&template.join("shoptalk.db"), "SELECT epoch FROM state")?;
        if found == before && (is_lost || epoch == old_epoch) {
            as_before += 1;
        } else {
            restored += 1;
        }
        let left = words_in(&setup.data_dir(), &people)?.len();
        ensure!(left == 0, "{left} words are back");
        run(&setup, &restore).await?;
        let left = words_in(&setup.data_dir(), &people)?.len();
        ensure!(left == 0, "{left} words are back");
        ensure!(
            read::<i64>(&setup.database(), count)? == old,
            "not restored"
        );
    }
    setup.log()?;
    line.figure(
        &format!("{kills} restores of a backup from before an erasure, killed at random"),
        format!(
            "{as_before} as before, {restored} restored, each sound; 0 words of the erased people in any file"
        ),
        "the old database or the restored one, who was erased stays erased",
        true,
    )
}

/// Imports of an export from before an erasure, killed at random: whole rooms, and run again, all but
/// the erased ones.
pub(crate) async fn killed_imports(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(4, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let setup = Setup::new();
    let size = Size {
        people: 2,
        of_each: 300,
        others: form.pick(6_000, 20_000),
        in_each_room: 50,
    };
    let people = crowd::fill(&setup.data_dir(), size, form.seed).await?;
    let file = |name: &str| setup.outside(name).display().to_string();
    let (all, left, one) = (file("all.jsonl"), file("left.jsonl"), file("one.jsonl"));
    run(&setup, &["export", "--out", &all]).await?;
    // A database that knows of the erasures, and has nothing else.
    let template = setup.outside("template");
    for (number, person) in people.iter().enumerate() {
        let out = format!("{one}.{number}");
        run(
            &setup,
            &["export", "--person", &person.who(), "--out", &out],
        )
        .await?;
        run(&setup, &["erase", &person.who()]).await?;
    }
    run(&setup, &["export", "--out", &left]).await?;
    std::fs::remove_dir_all(setup.data_dir())?;
    for (number, person) in people.iter().enumerate() {
        run(&setup, &["import", &format!("{one}.{number}")]).await?;
        run(&setup, &["erase", &person.who()]).await?;
    }
    run(&setup, &["erase", NOBODY, "--now"]).await?;
    copy(&setup.data_dir(), &template)?;
    let import = ["import", all.as_str()];
    let began = Instant::now();
    run(&setup, &import).await?;
    let whole = began.elapsed();
    let left = std::fs::read(left)?;
    let mut part_way = 0;
    for number in 0..kills {
        reset(&setup, &template)?;
        setup.kill_within(&import, whole, &mut random).await?;
        check_sound(&setup.database())?;
        let rooms: i64 = read(&setup.database(), "SELECT count(*) FROM rooms")?;
        let total = i64::try_from(size.others / size.in_each_room)?;
        part_way += u32::from(rooms > 0 && rooms < total);
        run(&setup, &import).await?;
        let out = file(&format!("again-{number}.jsonl"));
        run(&setup, &["export", "--out", &out]).await?;
        ensure!(std::fs::read(&out)? == left, "the export is another one");
        std::fs::remove_file(out)?;
        let back = words_in(&setup.data_dir(), &people)?.len();
        ensure!(back == 0, "{back} words are back");
    }
    setup.log()?;
    line.figure(
        &format!("{kills} imports of an export from before an erasure, killed at random"),
        format!(
            "{part_way} had a part of the rooms, each of them whole; run again, the export is that of the database \
             without the erased people, byte for byte"
        ),
        "whole rooms; run again, all but who was erased",
        true,
    )
}

/// People who are erased one after the other beside a chat, and the rewrite after it.
pub(crate) async fn no_byte_left(form: Form, line: Line) -> Result<()> {
    let mut setup = Setup::new().with("SHOPTALK_BACKUP__EVERY_MS", "0");
    let size = Size {
        people: form.pick(5, 100),
        of_each: form.pick(20, 100),
        others: form.pick(3_000, messages_in_the_long_form()),
        in_each_room: 100,
    };
    let people = crowd::fill(&setup.data_dir(), size, form.seed).await?;
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 8, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(100).await?;
    let began = Instant::now();
    for person in &people {
        run(&setup, &["erase", &person.who()]).await?;
    }
    let erasing = began.elapsed();
    let before = words_in(&setup.data_dir(), &people)?.len();
    let began = Instant::now();
    run(&setup, &["erase", NOBODY, "--now"]).await?;
    let rewriting = began.elapsed();
    let left = words_in(&setup.data_dir(), &people)?.len();
    let bytes = std::fs::metadata(setup.database())?.len();
    workload.wait_for_acks(workload.acks() + 100).await?;
    let (resumes, errors) = (workload.resumes(), workload.errors());
    let histories = workload.finish().await?;
    server.terminate(DEADLINE).await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    let after = words_in(&setup.data_dir(), &people)?.len();
    setup.log()?;
    let name = format!(
        "{} people erased from {} messages ({} MB) beside 8 senders",
        size.people,
        size.others + size.people * size.of_each,
        bytes / 1_000_000
    );
    line.figure(
        &format!("*control*: {name}, before the rewrite"),
        format!("words of {before} of them are in the files"),
        "some",
        before > 0,
    )?;
    line.figure(
        &format!("{name}, rewritten"),
        format!(
            "erased in {:.1} s, rewritten in {:.1} s; {left} of their words in any file, {after} after the end; {resumes} \
             sockets lost, {errors} refusals; {verdict}",
            erasing.as_secs_f64(),
            rewriting.as_secs_f64()
        ),
        "0 words in every file, no socket and no post lost",
        left + after == 0 && resumes + errors == 0 && verdict.faults() + verdict.unknown == 0,
    )
}

/// `SHOPTALK_TRIALS_MESSAGES`, or a million.
pub(crate) fn messages_in_the_long_form() -> usize {
    let messages = std::env::var("SHOPTALK_TRIALS_MESSAGES").ok();
    messages.map_or(1_000_000, |number| number.parse().expect("a number"))
}
