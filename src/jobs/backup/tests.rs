use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::chat::Details;
use crate::persistence::Principal;
use crate::persistence::testing::*;

#[test]
fn a_backup_replaces_nothing_and_is_closed_to_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let staged = directory.path().join("backup-1.partial");
    let out = directory.path().join("out.db");
    std::fs::write(&out, "older").expect("written");
    create_private(&staged).expect("made");
    let refused = move_out(&staged, &out).expect_err("it is there already");
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&out).expect("read"), "older");
    std::fs::remove_file(&out).expect("removed");
    move_out(&staged, &out).expect("moved");
    assert!(!staged.exists());
    let mode = out.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_backup_that_is_cancelled_at_any_point_leaves_nothing() {
    use std::task::{Context, Waker};
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path();
    let options = crate::persistence::StoreOptions {
        data_dir: data_dir.to_owned(),
        ..crate::config::Config::default().storage.options(true)
    };
    let store = Store::open(options).expect("it opens");
    let partial = || {
        let entries = std::fs::read_dir(data_dir).expect("listed");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .filter(|name| name.to_string_lossy().contains(PARTIAL_SUFFIX))
            .count()
    };
    let finishing = Finishing {
        verify: true,
        recipients: vec![age::x25519::Identity::generate().to_public()],
    };
    // Polled this many times, then dropped.
    for polls in 1..6 {
        let (progress, mut watched) = watch::channel(CopyProgress::default());
        let mut making = Box::pin(StagedBackup::make(
            &store,
            data_dir,
            finishing.clone(),
            progress,
        ));
        let mut context = Context::from_waker(Waker::noop());
        for poll in 0..polls {
            if making.as_mut().poll(&mut context).is_ready() {
                break;
            }
            assert_eq!(partial(), 2, "it is in the middle");
            if poll == 0 {
                // The next poll finds the copy complete.
                while watched.changed().await.is_ok() {
                    let progress = *watched.borrow();
                    if progress.pages_done == progress.pages_total {
                        break;
                    }
                }
            }
        }
        drop(making);
        assert_eq!(partial(), 0, "after {polls} polls");
    }
    store.close().await;
}

/// Until the file is rewritten, it has the bytes of what was erased. No backup takes them along.
#[tokio::test]
async fn what_was_erased_before_the_backup_leaves_no_bytes_in_it() {
    const WORD: &[u8] = b"zymurgist";
    let has_word = |path: &Path| {
        let bytes = std::fs::read(path).expect("it reads");
        bytes.windows(WORD.len()).any(|part| part == WORD)
    };
    for all_steps in [true, false] {
        let store = TestStore::in_sqlite();
        let opened = store.open_room(anonymous(Details::default()));
        let opened = opened.await.expect("it opens").record;
        let bob = store.new_room("Bob").await;
        for _ in 0..40 {
            store.post_as_visitor(opened.room.id, "a zymurgist").await;
            store.post_as_visitor(bob, "filler words").await;
        }
        store.flush_search_index().await.expect("indexed");
        let begun = store.begin_erasure(vec![opened.visitor_id], Principal::CommandLine);
        begun.await.expect("decided").expect("known");
        while all_steps && store.erase_step().await.expect("it goes on").is_some() {}
        let (progress, _watched) = watch::channel(CopyProgress::default());
        let finishing = Finishing {
            verify: true,
            ..Finishing::default()
        };
        let data_dir = store.directory.path();
        let made = StagedBackup::make(&store, data_dir, finishing, progress);
        let made = made.await.expect("it is made and sound");
        assert_eq!((made.manifest().rooms, made.manifest().messages), (1, 40));
        assert!(!has_word(made.path()), "steps done: {all_steps}");
        let live = ["shoptalk.db", "shoptalk.db-wal"].map(|name| data_dir.join(name));
        assert!(live.iter().any(|file| has_word(file)), "the control");
        let others = std::fs::read_dir(data_dir)
            .expect("listed")
            .filter(|entry| {
                let path = entry.as_ref().expect("an entry").path();
                path != made.path() && path.to_string_lossy().contains(PARTIAL_SUFFIX)
            });
        assert_eq!(others.count(), 0, "nothing else is left");
    }
}

#[test]
fn a_copy_to_another_file_system_is_whole_and_leaves_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let staged = directory.path().join("staged");
    std::fs::write(&staged, "all of it").expect("written");
    let out = directory.path().join("out.db");
    copy_out(&staged, &out).expect("copied");
    assert_eq!(std::fs::read_to_string(&out).expect("read"), "all of it");
    assert!(copy_out(&staged, &out).is_err());
    let names = std::fs::read_dir(directory.path()).expect("listed").count();
    assert_eq!(names, 2, "no partial file is left");
}

#[test]
fn what_a_killed_backup_has_left_is_removed_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in [
        "backup-1.partial",
        "backup-1.partial-journal",
        "shoptalk.db",
        "backup-of-mine.db",
    ] {
        std::fs::write(directory.path().join(name), "").expect("written");
    }
    remove_unfinished(directory.path()).expect("removed");
    let mut left: Vec<_> = std::fs::read_dir(directory.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["backup-of-mine.db", "shoptalk.db"]);
}
