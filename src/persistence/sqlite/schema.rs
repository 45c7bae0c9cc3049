use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension};
use rusqlite_migration::{M, Migrations, SchemaVersion};

use crate::persistence::new_epoch;
use crate::persistence::sqlite::tx_error::classify;

/// Every change of the schema, oldest first. A released one is never edited, comments included:
/// SQLite keeps them, and a database whose schema reads otherwise counts as damaged.
const TEXTS: [&str; 9] = [
    include_str!("migrations/0001_base.sql"),
    include_str!("migrations/0002_search.sql"),
    include_str!("migrations/0003_arrival.sql"),
    include_str!("migrations/0004_open_rooms.sql"),
    include_str!("migrations/0005_visitor_changes.sql"),
    include_str!("migrations/0006_erasures.sql"),
    include_str!("migrations/0007_reach.sql"),
    include_str!("migrations/0008_desk.sql"),
    include_str!("migrations/0009_language.sql"),
];
const STEPS: &[M<'_>] = &[
    M::up(TEXTS[0]),
    M::up(TEXTS[1]),
    M::up(TEXTS[2]),
    M::up(TEXTS[3]),
    M::up(TEXTS[4]),
    M::up(TEXTS[5]),
    M::up(TEXTS[6]),
    M::up(TEXTS[7]),
    M::up(TEXTS[8]),
];
/// The number of the schema that this program makes.
pub(crate) const LATEST: u64 = TEXTS.len() as u64;
const MIGRATIONS: Migrations<'_> = Migrations::from_slice(STEPS);

/// Brings the schema up to date and makes the state row of a new database.
/// Each step is one transaction, so an upgrade that was killed goes on at the
/// next start.
pub(crate) fn migrate(conn: &mut Connection) -> Result<(), rusqlite_migration::Error> {
    // A step over many messages sorts them, and may take the disk for it.
    conn.pragma_update(None, "temp_store", "DEFAULT")?;
    MIGRATIONS.to_latest(conn)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    let known = conn
        .query_row("SELECT 1 FROM state", [], |_| Ok(()))
        .optional()?;
    if known.is_none() {
        // If the state row was lost, numbers would start again and be given twice.
        if has_accounts(conn)? {
            return Err(lost_numbers().into());
        }
        // Two processes may meet here at a database's first start; one epoch stays.
        conn.execute(
            "INSERT INTO state VALUES (1, ?1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
            [new_epoch()],
        )?;
    }
    Ok(())
}

fn lost_numbers() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, "its table state is empty".into())
}

/// Whether somebody uses it: a first start that was killed part-way has left nothing to lose.
/// These two tables are there since the first schema.
pub(crate) fn has_accounts(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM visitors) OR EXISTS (SELECT 1 FROM agents)",
        [],
        |row| row.get(0),
    )
}

/// The schema's number, if it is not the current one.
pub(crate) fn other_version(
    conn: &Connection,
) -> Result<Option<String>, rusqlite_migration::Error> {
    Ok(match MIGRATIONS.current_version(conn)? {
        SchemaVersion::Inside(version) if version.get() == STEPS.len() => None,
        other => Some(other.to_string()),
    })
}

/// The first part of the schema that differs from what the steps make: its text was damaged, and
/// SQLite reads it as another schema. Additions of other programs are ignored.
pub(crate) fn damaged_part(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let sound = Connection::open_in_memory()?;
    for text in TEXTS {
        sound.execute_batch(text)?;
    }
    // The tables behind a virtual table are SQLite's own, and differ between its versions.
    let mut parts = sound.prepare(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT IN \
             (SELECT name FROM pragma_table_list WHERE type = 'shadow')",
    )?;
    let mut found =
        conn.prepare("SELECT 1 FROM sqlite_schema WHERE (type, name, sql) = (?, ?, ?)")?;
    let mut parts = parts.query([])?;
    while let Some(part) = parts.next()? {
        let (kind, name): (String, String) = (part.get(0)?, part.get(1)?);
        if !found.exists((&kind, &name, part.get::<_, String>(2)?))? {
            return Ok(Some(format!("{kind} {name}")));
        }
    }
    Ok(None)
}

/// What an operator can do about a migration that failed.
pub(crate) fn describe(error: &rusqlite_migration::Error) -> String {
    use rusqlite_migration::{Error, MigrationDefinitionError};
    match error {
        Error::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => {
            "a newer shoptalk made it; start that version, or restore a backup from before it"
                .to_owned()
        }
        Error::RusqliteError { err, .. } => classify(err).to_string(),
        other => other.to_string(),
    }
}

/// The number of the schema, which grows with every migration.
pub(crate) fn version(conn: &Connection) -> rusqlite::Result<u64> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(u64::try_from(version).unwrap_or(0))
}

/// The string made with the database; see [`Store::epoch`](crate::persistence::Store::epoch).
pub(crate) fn epoch(conn: &Connection) -> rusqlite::Result<String> {
    conn.query_row("SELECT epoch FROM state", [], |row| row.get(0))
}

/// Begins a new epoch in a database that was put in the place of another one: seqs, versions and
/// cursors of before mean nothing any more, and every agent signs in again. What made it a backup
/// goes.
pub(crate) fn begin_epoch(conn: &Connection) -> rusqlite::Result<()> {
    let tx = conn.unchecked_transaction()?;
    tx.execute_batch(
        "DROP TABLE IF EXISTS backup_manifest; DELETE FROM push_subscriptions;
         DELETE FROM agent_sessions",
    )?;
    tx.execute(
        "UPDATE state SET epoch = ?1, auth_version = auth_version + 1",
        [new_epoch()],
    )?;
    tx.commit()
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params};
    use rusqlite_migration::Migrations;
    use uuid::Uuid;

    use crate::chat::Side;
    use crate::persistence::testing::*;
    use crate::persistence::*;

    /// A database as the second step left it, with this many messages in each room, which arrived
    /// in turns. Two of three are the customer's.
    fn second_schema(directory: &tempfile::TempDir, lengths: &[i64]) -> Vec<Uuid> {
        let mut conn = Connection::open(directory.path().join("shoptalk.db")).expect("it is made");
        Migrations::from_slice(&super::STEPS[..2])
            .to_latest(&mut conn)
            .expect("it migrates");
        let (mut rooms, mut n) = (Vec::new(), 0);
        for length in lengths {
            let (visitor, room) = (Uuid::now_v7(), Uuid::now_v7());
            conn.execute("INSERT INTO visitors VALUES (?1, NULL, 0, 0)", [visitor])
                .expect("a visitor");
            conn.execute(
                "INSERT INTO rooms (id, visitor, status, customer_name, signed, created_at,
                     updated_at, last_seq, customer_read_seq, admin_read_seq, unread_count, version)
                 VALUES (?1, ?2, 1, 'Ann', 0, 0, 0, ?3, 0, 0, (2 * ?3 + 2) / 3, ?3)",
                params![room, visitor, length],
            )
            .expect("a room");
            rooms.push(room);
        }
        for seq in 1..=lengths.iter().copied().max().unwrap_or(0) {
            for (at, _) in lengths
                .iter()
                .enumerate()
                .filter(|(_, length)| seq <= **length)
            {
                n += 1;
                let pk = at as i64 + 1;
                conn.execute(
                    "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, 'Ann', ?6, NULL, 5)",
                    params![
                        pk,
                        seq,
                        n,
                        Uuid::now_v7(),
                        i64::from(seq % 3 == 0),
                        format!("word{n}")
                    ],
                )
                .expect("a message");
                conn.execute(
                    "UPDATE rooms SET change = ?2, last_n = ?2, last_message_at = 5,
                         last_sender_type = 0, last_sender_name = 'Ann', last_content = ''
                     WHERE pk = ?1",
                    [pk, n],
                )
                .expect("its room");
            }
        }
        conn.execute(
            "INSERT INTO state VALUES (1, 'epoch', ?1, ?1, 0, ?2, 0, 0, ?1, 1, 0)",
            params![n, lengths.len() as i64],
        )
        .expect("the state");
        rooms
    }

    /// Which rooms are marked as closed.
    fn closed(file: &Connection) -> Vec<bool> {
        let mut query = file
            .prepare("SELECT closed FROM rooms ORDER BY pk")
            .expect("the column is there");
        let rooms = query.query_map([], |row| row.get(0)).expect("it reads");
        rooms.collect::<Result<_, _>>().expect("booleans")
    }

    #[tokio::test]
    async fn a_database_of_the_second_schema_is_taken_over_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let lengths = [1, 31, 32, 33, 64, 100];
        let rooms = second_schema(&directory, &lengths);
        let file = Connection::open(directory.path().join("shoptalk.db")).expect("it opens");
        file.execute("UPDATE rooms SET status = 2 WHERE pk = 2", [])
            .expect("a room is closed");
        let store = Store::open(options(&directory)).expect("it migrates");
        let store = TestStore::opened(store, directory);
        assert_eq!(store.damage(), None);
        assert_eq!(store.epoch(), "epoch");
        assert_eq!(closed(&file), [false, true, false, false, false, false]);
        for (room, length) in rooms.iter().zip(lengths) {
            let page = store.messages_after(*room, 0, 200).await.expect("it reads");
            let seqs: Vec<_> = page.messages.iter().map(|message| message.seq).collect();
            assert_eq!(seqs, (1..=length as u64).collect::<Vec<_>>());
            let newest = store
                .messages_before(*room, None, 2)
                .await
                .expect("it reads");
            assert_eq!(newest.messages.last(), page.messages.last());
            let read = RoomOp::MarkRead {
                side: Side::Agent,
                seq: 1,
            };
            let commit = store.apply(*room, read).await.expect("it moves");
            assert_eq!(
                commit.record.unread_count,
                (2 * length as u64).div_ceil(3) - 1
            );
            assert_eq!(
                store.post_as_visitor(*room, "more").await.seq,
                length as u64 + 1
            );
        }
        assert_eq!(closed(&file), [false; 6], "a message reopens a room");
        store.flush_search_index().await.expect("indexed");
        for words in ["word1", "word261", "more", "ann"] {
            let query = SearchQuery {
                words: words.into(),
                status: None,
                filter: Default::default(),
                cursor: None,
                limit: 50,
            };
            let found = store.search(query).await.expect("it searches");
            assert!(!found.hits.is_empty(), "{words}");
        }
    }

    /// SHA-256 of each released step. A new step adds a line; a line that is here never changes.
    const RELEASED: [&str; 8] = [
        "7346cd1d11f6f5a92f4a905afbfb086e108f3768be0d01ac9d5c2aa77acccb33",
        "4f53cf5d0046bbf950cfadec19963e1b0ec794f50aafa65c13b543f3a91da272",
        "aafb08bebe46014bfccee0f1663ca1069e98945ca4e15bbe70802c0b644da9a8",
        "fb689e771161eb41dfea42e32e31c71118e4f55fe91e8e383b74ad27eb30e694",
        "6e4cf7b6f28e760a028761279ef47efe8daef71f707718784bc043d68f7b1e9e",
        "94b6e6c401444ae4edf98f3bc862ba6a73ac60e6949499ca6b14c795a937c874",
        "6bcee704e49844179f5859c23a99b03e156a17564ed2be14b96bcc7918184c3d",
        "e8ae3430465cfd0c859d6e611190c2997537ce6b71f90e9ca6bbb6dfdc8265f9",
    ];

    #[test]
    fn released_steps_are_never_edited() {
        use sha2::{Digest, Sha256};
        for (text, released) in super::TEXTS.iter().zip(RELEASED) {
            let hash: String = Sha256::digest(text)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(hash, released, "{}", text.lines().next().unwrap_or(""));
        }
    }

    #[test]
    fn the_migrations_are_well_formed() {
        super::MIGRATIONS.validate().expect("every step applies");
        assert_eq!(super::STEPS.len(), super::TEXTS.len());
    }
}
