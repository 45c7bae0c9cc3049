//! Putting a backup in the place of the database.
//!
//! The new database is prepared under another name. Then the present files are set aside and the
//! new one takes their place, which is not one step for the system: a write-ahead log must never
//! meet a database that it does not belong to. So a file notes the intention first, and whoever
//! opens the database next finishes what a kill has interrupted.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::chat::Timestamp;
use crate::persistence::sqlite::backup_file;
use crate::persistence::sqlite::commit_mark;
use crate::persistence::sqlite::consistency;
use crate::persistence::sqlite::data_directory::{self, DATABASE_FILE};
use crate::persistence::sqlite::schema;
use crate::persistence::sqlite::tx_error::classify;
use crate::persistence::{RestoreError, RestoreReport};

/// The new database until it takes the place of the present one.
const PREPARED_FILE: &str = "shoptalk.db.restored";
/// Exists while the files are being exchanged.
const INTENTION_FILE: &str = "shoptalk.db.exchanging";
/// What SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Replaces the database of a directory by a backup. The present files are kept in a directory
/// of their own.
pub fn restore(data_dir: &Path, backup: &Path) -> Result<RestoreReport, RestoreError> {
    data_directory::create(data_dir)?;
    let _lock = data_directory::lock(data_dir)?;
    finish_exchange(data_dir).map_err(|cause| in_directory(data_dir, cause))?;
    let manifest = backup_file::verify(backup)?;
    let prepared = data_dir.join(PREPARED_FILE);
    let present = data_dir.join(DATABASE_FILE);
    let kept = prepare(backup, &prepared, &present).inspect_err(|_| {
        // The failure is what counts; the next restore removes what cannot be removed now.
        let _ = remove_database(&prepared);
    })?;
    let aside = present.exists().then(|| aside_directory(data_dir));
    exchange(data_dir, aside.as_deref()).map_err(|cause| in_directory(data_dir, cause))?;
    Ok(RestoreReport {
        manifest,
        set_aside: aside,
        kept_from_present: kept,
    })
}

fn in_directory(data_dir: &Path, cause: io::Error) -> RestoreError {
    RestoreError::Io {
        path: data_dir.to_owned(),
        cause,
    }
}

/// Makes the new database. Returns whether the present one could say what has ended since.
fn prepare(backup: &Path, prepared: &Path, present: &Path) -> Result<bool, RestoreError> {
    let io_failed = |cause| RestoreError::Io {
        path: prepared.to_owned(),
        cause,
    };
    remove_database(prepared).map_err(io_failed)?;
    data_directory::create_database(prepared)?;
    let copied = File::open(backup).and_then(|mut source| {
        let mut target = File::options().write(true).open(prepared)?;
        io::copy(&mut source, &mut target)
    });
    copied.map_err(io_failed)?;
    let sqlite_failed = |error: rusqlite::Error| RestoreError::Prepare {
        path: prepared.to_owned(),
        cause: classify(&error).to_string(),
    };
    let mut conn = Connection::open(prepared).map_err(sqlite_failed)?;
    schema::migrate(&mut conn).map_err(|error| RestoreError::Prepare {
        path: prepared.to_owned(),
        cause: schema::describe(&error),
    })?;
    let kept = keep_what_has_ended(&conn, present).map_err(sqlite_failed)?;
    schema::begin_epoch(&conn).map_err(sqlite_failed)?;
    let found = consistency::contradictions(&conn).map_err(sqlite_failed)?;
    if !found.is_empty() {
        return Err(RestoreError::Prepare {
            path: prepared.to_owned(),
            cause: found.join("; "),
        });
    }
    conn.close().map_err(|(_, error)| sqlite_failed(error))?;
    let synced = File::open(prepared).and_then(|file| file.sync_all());
    synced.map_err(io_failed)?;
    Ok(kept)
}

/// What the present database knows to have ended stays ended: passwords that were changed, agents
/// who were disabled, visitors' tokens. Returns `false` when there is none, or it cannot be read.
fn keep_what_has_ended(conn: &Connection, present: &Path) -> rusqlite::Result<bool> {
    if !present.exists() {
        return Ok(false);
    }
    let attached = conn
        .execute(
            "ATTACH DATABASE ?1 AS present",
            [present.display().to_string()],
        )
        .and_then(|_| {
            let version = "SELECT user_version FROM present.pragma_user_version";
            conn.query_row(version, [], |row| row.get::<_, i64>(0))
        });
    if attached.is_err() {
        return Ok(false);
    }
    let kept = conn.execute_batch(
        "BEGIN;
         UPDATE main.agents SET
             password_hash = p.password_hash, disabled = max(main.agents.disabled, p.disabled),
             role = min(main.agents.role, p.role)
         FROM present.agents AS p WHERE p.id = main.agents.id;
         DELETE FROM main.visitor_tokens
         WHERE hash NOT IN (SELECT hash FROM present.visitor_tokens);
         COMMIT",
    );
    // A damaged database is why people restore; what it cannot say is reported. After some errors
    // SQLite has rolled back by itself.
    if kept.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    conn.execute_batch("DETACH DATABASE present")?;
    Ok(kept.is_ok())
}

fn aside_directory(data_dir: &Path) -> PathBuf {
    let now = Timestamp::now().to_string().replace(':', "-");
    data_dir.join(format!("before-restore-{now}"))
}

/// Puts the prepared database in the place of the present files.
fn exchange(data_dir: &Path, aside: Option<&Path>) -> io::Result<()> {
    if let Some(aside) = aside {
        std::fs::create_dir(aside)?;
        for end in ["", BESIDE[0], BESIDE[1]] {
            let name = format!("{DATABASE_FILE}{end}");
            let file = data_dir.join(&name);
            if file.exists() {
                // A further name, so that nothing is missing whenever this is interrupted.
                std::fs::hard_link(&file, aside.join(&name))?;
            }
        }
        File::open(aside)?.sync_all()?;
    }
    File::create(data_dir.join(INTENTION_FILE))?.sync_all()?;
    File::open(data_dir)?.sync_all()?;
    finish_exchange(data_dir)
}

/// Finishes an exchange that was begun, if one was. The caller holds the directory's lock.
pub(crate) fn finish_exchange(data_dir: &Path) -> io::Result<()> {
    let intention = data_dir.join(INTENTION_FILE);
    if !intention.exists() {
        // What a restore has left that was killed before it had begun to exchange.
        return remove_database(&data_dir.join(PREPARED_FILE));
    }
    let database = data_dir.join(DATABASE_FILE);
    commit_mark::remove(data_dir)?;
    for end in BESIDE {
        remove_if_there(&PathBuf::from(format!("{}{end}", database.display())))?;
    }
    let prepared = data_dir.join(PREPARED_FILE);
    if prepared.exists() {
        std::fs::rename(prepared, database)?;
    }
    File::open(data_dir)?.sync_all()?;
    std::fs::remove_file(intention)?;
    File::open(data_dir)?.sync_all()
}

fn remove_database(path: &Path) -> io::Result<()> {
    for end in ["", BESIDE[0], BESIDE[1], "-journal"] {
        remove_if_there(&PathBuf::from(format!("{}{end}", path.display())))?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::chat::{Details, RoomId};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    struct Scene {
        store: TestStore,
        backup: PathBuf,
        room: RoomId,
        token: TokenHash,
        _outside: tempfile::TempDir,
    }

    /// A database with a room of one message, and a backup of it.
    async fn backed_up() -> Scene {
        let store = TestStore::new();
        let request = anonymous(Details::default());
        let token = request.fresh_token;
        let room = store.open_room(request).await.expect("it opens");
        let room = room.record.room.id;
        store.post_as_visitor(room, "before").await;
        let outside = tempfile::tempdir().expect("a directory");
        let backup = outside.path().join("backup.db");
        File::create(&backup).expect("it is made");
        let (progress, _watched) = watch::channel(CopyProgress::default());
        store
            .copy_to(backup.clone(), progress)
            .await
            .expect("it is copied");
        seal_backup(&backup).expect("it is sealed");
        Scene {
            store,
            backup,
            room,
            token,
            _outside: outside,
        }
    }

    #[tokio::test]
    async fn a_backup_takes_the_place_and_the_present_files_are_kept() {
        let scene = backed_up().await;
        let Scene { store, room, .. } = &scene;
        store.post_as_visitor(*room, "after").await;
        let epoch = store.epoch().to_owned();
        assert!(store.end_visitor_token(scene.token).await.expect("ended"));
        let TestStore { store, directory } = scene.store;
        assert!(
            matches!(
                restore(directory.path(), &scene.backup),
                Err(RestoreError::Open(OpenError::Locked(_)))
            ),
            "a server runs"
        );
        drop(store);
        let report = restore(directory.path(), &scene.backup).expect("it is restored");
        assert_eq!((report.manifest.rooms, report.manifest.messages), (1, 1));
        assert!(report.kept_from_present);
        let store = Store::open(options(&directory)).expect("it opens");
        assert_ne!(store.epoch(), epoch, "clients notice");
        assert_eq!(store.room_head(scene.room).await, Ok(Some(1)));
        assert_eq!(
            store.visitor_by_token(scene.token).await,
            Ok(None),
            "what has ended stays ended"
        );
        store.close().await;
        let aside = report.set_aside.expect("there was a database");
        let old = Connection::open(aside.join(DATABASE_FILE)).expect("it opens");
        let messages: i64 = old
            .query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
            .expect("it reads");
        assert_eq!(messages, 2, "nothing was lost");
    }

    #[tokio::test]
    async fn a_changed_password_and_a_disabled_agent_are_not_revived() {
        let store = TestStore::new();
        let new = NewAgent {
            username: "mia".into(),
            display_name: "Mia".into(),
            role: crate::chat::Role::Admin,
            password_hash: "old".into(),
        };
        let mia = store
            .add_agent(new.clone(), Principal::CommandLine)
            .await
            .expect("added");
        let tom = NewAgent {
            username: "tom".into(),
            ..new
        };
        let tom = store
            .add_agent(tom, Principal::CommandLine)
            .await
            .expect("added");
        let outside = tempfile::tempdir().expect("a directory");
        let backup = outside.path().join("backup.db");
        File::create(&backup).expect("it is made");
        let (progress, _watched) = watch::channel(CopyProgress::default());
        store
            .copy_to(backup.clone(), progress)
            .await
            .expect("it is copied");
        seal_backup(&backup).expect("it is sealed");
        let password = AgentPatch {
            password_hash: Some("new".into()),
            ..AgentPatch::default()
        };
        let disabled = AgentPatch {
            disabled: Some(true),
            ..AgentPatch::default()
        };
        let demoted = AgentPatch {
            role: Some(crate::chat::Role::Agent),
            ..AgentPatch::default()
        };
        for (agent, patch) in [(mia.id, password), (tom.id, demoted), (tom.id, disabled)] {
            store
                .change_agent(agent, patch, Principal::CommandLine)
                .await
                .expect("changed");
        }
        let TestStore { store, directory } = store;
        drop(store);
        restore(directory.path(), &backup).expect("it is restored");
        let store = Store::open(options(&directory)).expect("it opens");
        let credentials = store.agent_credentials("mia").await.expect("it reads");
        assert_eq!(credentials.map(|it| it.password_hash), Some("new".into()));
        let tom = store.agent(tom.id).await.expect("it reads");
        assert_eq!(
            tom.map(|it| (it.disabled, it.role)),
            Some((true, crate::chat::Role::Agent))
        );
    }

    #[tokio::test]
    async fn an_interrupted_exchange_is_finished_by_whoever_opens_next() {
        for steps in 0..3 {
            let scene = backed_up().await;
            scene.store.post_as_visitor(scene.room, "after").await;
            let TestStore { store, directory } = scene.store;
            drop(store);
            let dir = directory.path();
            let prepared = dir.join(PREPARED_FILE);
            let present = dir.join(DATABASE_FILE);
            prepare(&scene.backup, &prepared, &present).expect("prepared");
            std::fs::write(format!("{}-wal", present.display()), "an old log").expect("written");
            File::create(dir.join(INTENTION_FILE)).expect("noted");
            if steps > 0 {
                std::fs::remove_file(format!("{}-wal", present.display())).expect("removed");
            }
            if steps > 1 {
                std::fs::rename(&prepared, &present).expect("renamed");
            }
            let store = Store::open(options(&directory)).expect("it opens");
            assert_eq!(store.room_head(scene.room).await, Ok(Some(1)), "{steps}");
            store.close().await;
            assert!(!dir.join(INTENTION_FILE).exists() && !prepared.exists());
        }
    }

    #[tokio::test]
    async fn what_is_no_backup_changes_nothing() {
        let scene = backed_up().await;
        let TestStore { store, directory } = scene.store;
        let epoch = store.epoch().to_owned();
        drop(store);
        // A kill in the middle of the preparation.
        std::fs::write(directory.path().join(PREPARED_FILE), "half").expect("written");
        let conn = Connection::open(&scene.backup).expect("it opens");
        conn.pragma_update(None, "user_version", 99).expect("newer");
        conn.close().expect("closed");
        seal_backup(&scene.backup).expect("sealed");
        let newer = restore(directory.path(), &scene.backup).map_err(|error| error.to_string());
        let newer = newer.expect_err("a newer version made it");
        assert!(newer.contains("use that version or a newer one"), "{newer}");
        assert!(!directory.path().join(PREPARED_FILE).exists());
        let letter = directory.path().join("letter");
        std::fs::write(&letter, "x".repeat(5_000)).expect("written");
        let refused = restore(directory.path(), &letter);
        assert!(matches!(
            refused,
            Err(RestoreError::Backup(BackupError::NoBackup(_)))
        ));
        let store = Store::open(options(&directory)).expect("it opens");
        assert_eq!(store.epoch(), epoch);
    }
}
