//! A backup: a copy of the database in one file, with a manifest that says what is in it and a
//! checksum over every byte.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};
use sha2::{Digest, Sha256};

use crate::chat::Timestamp;
use crate::persistence::sqlite::codes::uint;
use crate::persistence::sqlite::consistency;
use crate::persistence::sqlite::schema;
use crate::persistence::sqlite::tx_error::classify;
use crate::persistence::{BackupError, BackupManifest};

/// The table that makes a database a backup.
const MANIFEST_TABLE: &str = "
    CREATE TABLE backup_manifest (
        id         INTEGER PRIMARY KEY CHECK (id = 1),
        -- The program that made it.
        version    TEXT    NOT NULL,
        schema     INTEGER NOT NULL,
        epoch      TEXT    NOT NULL,
        made_at    INTEGER NOT NULL,
        rooms      INTEGER NOT NULL,
        messages   INTEGER NOT NULL,
        visitors   INTEGER NOT NULL,
        agents     INTEGER NOT NULL,
        -- SHA-256 of the file with these bytes taken for zeros.
        checksum   BLOB    NOT NULL
    ) STRICT";

const CHECKSUM_BYTES: usize = 32;
/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Makes a backup of a copy of the database, and fsyncs it.
pub fn seal(path: &Path) -> Result<BackupManifest, BackupError> {
    let placeholder: [u8; CHECKSUM_BYTES] = rand::random();
    let manifest = write_manifest(path, &placeholder).map_err(|error| sqlite(path, &error))?;
    let mut file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| io(path, error))?;
    let (position, checksum) = checksum(&mut file, &placeholder)
        .map_err(|error| io(path, error))?
        .ok_or_else(|| BackupError::Damaged {
            path: path.to_owned(),
            found: vec!["its checksum has no place of its own".into()],
        })?;
    let patched = file
        .seek(SeekFrom::Start(position))
        .and_then(|_| file.write_all(&checksum))
        .and_then(|()| file.sync_all());
    patched.map_err(|error| io(path, error))?;
    Ok(manifest)
}

fn write_manifest(path: &Path, placeholder: &[u8]) -> rusqlite::Result<BackupManifest> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // The copy's header still has journal mode WAL, which would need a second file.
    conn.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    // A backup that was put in the place of a database by hand still has its manifest.
    conn.execute_batch("DROP TABLE IF EXISTS backup_manifest")?;
    conn.execute_batch(MANIFEST_TABLE)?;
    let count = |table: &str| {
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            uint(row, 0)
        })
    };
    let manifest = BackupManifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: schema::version(&conn)?,
        epoch: schema::epoch(&conn)?,
        made_at: Timestamp::now(),
        rooms: count("rooms")?,
        messages: count("messages")?,
        visitors: count("visitors")?,
        agents: count("agents")?,
    };
    conn.execute(
        "INSERT INTO backup_manifest VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            manifest.version,
            manifest.schema as i64,
            manifest.epoch,
            manifest.made_at.0,
            manifest.rooms as i64,
            manifest.messages as i64,
            manifest.visitors as i64,
            manifest.agents as i64,
            placeholder,
        ],
    )?;
    conn.close().map_err(|(_, error)| error)?;
    Ok(manifest)
}

/// Checks a backup: the checksum, the pages, every number that is kept, and one search.
pub fn verify(path: &Path) -> Result<BackupManifest, BackupError> {
    let mut file = File::open(path).map_err(|error| io(path, error))?;
    let (manifest, stored) = read_manifest(path)?;
    let damaged = |found| BackupError::Damaged {
        path: path.to_owned(),
        found,
    };
    let computed = checksum(&mut file, &stored).map_err(|error| io(path, error))?;
    if computed.is_none_or(|(_, checksum)| checksum != stored) {
        return Err(damaged(vec![
            "its checksum is not the one that it was made with".into(),
        ]));
    }
    // It may have tables and rules that this version does not know.
    if manifest.schema > schema::LATEST {
        return Err(BackupError::Newer {
            path: path.to_owned(),
            version: manifest.version,
        });
    }
    let conn = open_to_read(path).map_err(|error| sqlite(path, &error))?;
    // The columns of an older schema are others. Its numbers are checked once it was migrated.
    let check = if manifest.schema == schema::LATEST {
        consistency::contradictions
    } else {
        consistency::damaged_pages
    };
    let mut found = check(&conn).map_err(|error| sqlite(path, &error))?;
    if let Err(error) = search_once(&conn) {
        found.push(format!("the text index cannot be searched: {error}"));
    }
    if found.is_empty() {
        Ok(manifest)
    } else {
        Err(damaged(found))
    }
}

fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Counting makes a temporary table; it may be large, and goes to the disk then.
    conn.pragma_update(None, "temp_store", "FILE")?;
    Ok(conn)
}

fn read_manifest(path: &Path) -> Result<(BackupManifest, Vec<u8>), BackupError> {
    let read = || -> rusqlite::Result<Option<(BackupManifest, Vec<u8>)>> {
        let conn = open_to_read(path)?;
        if !conn.table_exists(None, "backup_manifest")? {
            return Ok(None);
        }
        conn.query_row(
            "SELECT version, schema, epoch, made_at, rooms, messages, visitors, agents, checksum
             FROM backup_manifest",
            [],
            |row| {
                let manifest = BackupManifest {
                    version: row.get(0)?,
                    schema: uint(row, 1)?,
                    epoch: row.get(2)?,
                    made_at: Timestamp(row.get(3)?),
                    rooms: uint(row, 4)?,
                    messages: uint(row, 5)?,
                    visitors: uint(row, 6)?,
                    agents: uint(row, 7)?,
                };
                Ok(Some((manifest, row.get(8)?)))
            },
        )
    };
    read()
        .map_err(|error| sqlite(path, &error))?
        .ok_or_else(|| BackupError::NoBackup(path.to_owned()))
}

fn search_once(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare("SELECT rowid FROM search WHERE search MATCH 'a*' ORDER BY rowid DESC LIMIT 1")?
        .exists([])?;
    Ok(())
}

/// The place of `hole` in the file, and the SHA-256 of the file with zeros there; `None` unless it
/// is there exactly once.
fn checksum(file: &mut File, hole: &[u8]) -> std::io::Result<Option<(u64, Vec<u8>)>> {
    let Some(position) = position_of(file, hole)? else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    hash_exactly(file, position, &mut hash)?;
    hash.update(vec![0; hole.len()]);
    file.seek(SeekFrom::Current(hole.len() as i64))?;
    hash_exactly(file, u64::MAX, &mut hash)?;
    Ok(Some((position, hash.finalize().to_vec())))
}

fn hash_exactly(file: &mut File, bytes: u64, hash: &mut Sha256) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut reader = file.take(bytes);
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok(()),
            read => hash.update(&chunk[..read]),
        }
    }
}

fn position_of(file: &mut File, needle: &[u8]) -> std::io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(0))?;
    let mut window: Vec<u8> = Vec::with_capacity(CHUNK_BYTES + needle.len());
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut begins, mut found) = (0_u64, None);
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(found);
        }
        window.extend(&chunk[..read]);
        for (at, _) in window
            .windows(needle.len())
            .enumerate()
            .filter(|(_, part)| *part == needle)
        {
            if found.replace(begins + at as u64).is_some() {
                return Ok(None);
            }
        }
        // A needle that lies across two chunks has to be found, and only once.
        let kept = window.len().min(needle.len() - 1);
        begins += (window.len() - kept) as u64;
        window.drain(..window.len() - kept);
    }
}

fn io(path: &Path, cause: std::io::Error) -> BackupError {
    BackupError::Io {
        path: path.to_owned(),
        cause,
    }
}

pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> BackupError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => BackupError::NoBackup(path.to_owned()),
        // What helps a damaged database, to restore a backup, is no help with a damaged backup.
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => BackupError::Damaged {
            path: path.to_owned(),
            found: vec![error.to_string()],
        },
        _ => BackupError::Unreadable {
            path: path.to_owned(),
            cause: classify(error).to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use tokio::sync::watch;

    use super::*;
    use crate::persistence::CopyProgress;
    use crate::persistence::testing::*;

    async fn backup(store: &TestStore) -> std::path::PathBuf {
        let room = store.new_room("Ann").await;
        for _ in 0..40 {
            store.post_as_visitor(room, "Where is my parcel?").await;
        }
        store.post_as_agent(room, "On its way.").await;
        store.flush_search_index().await.expect("indexed");
        let path = store.directory.path().join("backup.db");
        File::create(&path).expect("it is made");
        let (progress, _watched) = watch::channel(CopyProgress::default());
        store
            .copy_to(path.clone(), progress)
            .await
            .expect("it is copied");
        path
    }

    #[tokio::test]
    async fn a_sealed_copy_verifies_and_its_manifest_counts_the_rows() {
        let store = TestStore::in_sqlite();
        let path = backup(&store).await;
        assert!(matches!(verify(&path), Err(BackupError::NoBackup(_))));
        let sealed = seal(&path).expect("it is sealed");
        assert_eq!((sealed.rooms, sealed.messages, sealed.visitors), (1, 41, 1));
        assert_eq!(sealed.epoch, store.epoch());
        assert_eq!(verify(&path).expect("it verifies"), sealed);
        for end in ["-wal", "-shm", "-journal"] {
            let beside = format!("{}{end}", path.display());
            assert!(!Path::new(&beside).exists(), "a backup is one file");
        }
    }

    #[tokio::test]
    async fn any_changed_byte_is_found() {
        let store = TestStore::in_sqlite();
        let path = backup(&store).await;
        seal(&path).expect("it is sealed");
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .expect("it opens");
        let length = file.metadata().expect("a length").len();
        for position in (100..length).step_by(9_973) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, position).expect("a byte");
            file.write_all_at(&[byte[0] ^ 0x40], position)
                .expect("written");
            assert!(verify(&path).is_err(), "byte {position}");
            file.write_all_at(&byte, position).expect("written back");
        }
        verify(&path).expect("as it was");
    }

    #[tokio::test]
    async fn contradictions_are_found_even_if_the_checksum_is_right() {
        let store = TestStore::in_sqlite();
        let path = backup(&store).await;
        let conn = Connection::open(&path).expect("it opens");
        conn.execute_batch("DELETE FROM messages WHERE seq = 7; UPDATE rooms SET unread_count = 3")
            .expect("changed");
        conn.close().expect("closed");
        seal(&path).expect("it is sealed");
        let Err(BackupError::Damaged { found, .. }) = verify(&path) else {
            panic!("it contradicts itself");
        };
        let found = found.join("\n");
        assert!(found.contains("gap in their seqs"), "{found}");
        assert!(found.contains("count of unread"), "{found}");
    }

    #[test]
    fn other_files_are_no_backups() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("letter");
        std::fs::write(&path, "not a database at all ".repeat(100)).expect("written");
        assert!(matches!(verify(&path), Err(BackupError::NoBackup(_))));
        let missing = directory.path().join("missing");
        assert!(matches!(verify(&missing), Err(BackupError::Io { .. })));
    }
}
