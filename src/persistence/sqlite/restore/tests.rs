use rusqlite::Connection;
use tokio::sync::watch;

use super::*;
use crate::chat::{Details, RoomId};
use crate::persistence::testing::*;
use crate::persistence::*;

mod erasures;

/// A backup of a store, outside of its directory.
async fn back_up(store: &Store) -> (tempfile::TempDir, PathBuf) {
    let outside = tempfile::tempdir().expect("a directory");
    let backup = outside.path().join("backup.db");
    File::create(&backup).expect("it is made");
    let (progress, _watched) = watch::channel(CopyProgress::default());
    store
        .copy_to(backup.clone(), progress)
        .await
        .expect("it is copied");
    seal_backup(&backup).expect("it is sealed");
    (outside, backup)
}

/// A token for programs, with the hash of its secret.
async fn api_token(store: &Store) -> (crate::chat::ApiTokenId, TokenHash) {
    let new = NewApiToken {
        token: token(),
        name: "Robot".into(),
        rights: vec![crate::chat::Right::RoomsRead],
        created_by: uuid::Uuid::nil(),
        expires_at: None,
    };
    let hash = new.token;
    (store.add_api_token(new).await.expect("made").id, hash)
}

struct Scene {
    store: TestStore,
    backup: PathBuf,
    room: RoomId,
    token: TokenHash,
    _outside: tempfile::TempDir,
}

/// A database with a room of one message, and a backup of it.
async fn backed_up() -> Scene {
    let store = TestStore::in_sqlite();
    let request = anonymous(Details::default());
    let token = request.fresh_token;
    let room = store.open_room(request).await.expect("it opens");
    let room = room.record.room.id;
    store.post_as_visitor(room, "before").await;
    let (_outside, backup) = back_up(&store).await;
    Scene {
        store,
        backup,
        room,
        token,
        _outside,
    }
}

#[tokio::test]
async fn a_backup_takes_the_place_and_the_present_files_are_kept() {
    let scene = backed_up().await;
    let Scene { store, room, .. } = &scene;
    store.post_as_visitor(*room, "after").await;
    let epoch = store.epoch().to_owned();
    assert!(store.end_visitor_token(scene.token).await.expect("ended"));
    let TestStore {
        store, directory, ..
    } = scene.store;
    assert!(
        matches!(
            restore(directory.path(), &scene.backup, &Erased::default()),
            Err(RestoreError::Open(OpenError::Locked(_)))
        ),
        "a server runs"
    );
    drop(store);
    let report =
        restore(directory.path(), &scene.backup, &Erased::default()).expect("it is restored");
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
async fn a_changed_password_and_a_disabled_agent_stay_so_after_a_restore() {
    let store = TestStore::in_sqlite();
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
    let (robot, ended) = api_token(&store).await;
    let (_, kept) = api_token(&store).await;
    let (_outside, backup) = back_up(&store).await;
    let ending = store.end_api_token(robot, Principal::CommandLine).await;
    ending.expect("ended");
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
    let TestStore {
        store, directory, ..
    } = store;
    drop(store);
    restore(directory.path(), &backup, &Erased::default()).expect("it is restored");
    let store = Store::open(options(&directory)).expect("it opens");
    let credentials = store.agent_credentials("mia").await.expect("it reads");
    assert_eq!(credentials.map(|it| it.password_hash), Some("new".into()));
    let tom = store.agent(tom.id).await.expect("it reads");
    assert_eq!(
        tom.map(|it| (it.disabled, it.role)),
        Some((true, crate::chat::Role::Agent))
    );
    assert_eq!(store.api_token(ended).await, Ok(None), "it stays ended");
    let kept = store.api_token(kept).await.expect("it reads");
    assert!(kept.is_some(), "the other one goes on");
}

#[tokio::test]
async fn an_interrupted_exchange_is_finished_by_whoever_opens_next() {
    for steps in 0..3 {
        let scene = backed_up().await;
        scene.store.post_as_visitor(scene.room, "after").await;
        let TestStore {
            store, directory, ..
        } = scene.store;
        drop(store);
        let dir = directory.path();
        let prepared = dir.join(PREPARED_FILE);
        let present = dir.join(DATABASE_FILE);
        prepare(&scene.backup, &prepared, &present, &Erased::default()).expect("prepared");
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
    let TestStore {
        store, directory, ..
    } = scene.store;
    let epoch = store.epoch().to_owned();
    drop(store);
    // A kill in the middle of the preparation.
    std::fs::write(directory.path().join(PREPARED_FILE), "half").expect("written");
    let conn = Connection::open(&scene.backup).expect("it opens");
    conn.pragma_update(None, "user_version", 99).expect("newer");
    conn.close().expect("closed");
    seal_backup(&scene.backup).expect("sealed");
    let newer = restore(directory.path(), &scene.backup, &Erased::default())
        .map_err(|error| error.to_string());
    let newer = newer.expect_err("a newer version made it");
    assert!(newer.contains("use that version or a newer one"), "{newer}");
    assert!(!directory.path().join(PREPARED_FILE).exists());
    let letter = directory.path().join("letter");
    std::fs::write(&letter, "x".repeat(5_000)).expect("written");
    let refused = restore(directory.path(), &letter, &Erased::default());
    assert!(matches!(
        refused,
        Err(RestoreError::Backup(BackupError::NoBackup(_)))
    ));
    let store = Store::open(options(&directory)).expect("it opens");
    assert_eq!(store.epoch(), epoch);
}
