use std::path::PathBuf;

use tokio::sync::{oneshot, watch};

use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::writer::copy::CopyRequest;
use crate::persistence::{CopyError, CopyProgress, StoreError};

impl SqliteStore {
    pub(crate) async fn copy_to(
        &self,
        target: PathBuf,
        progress: watch::Sender<CopyProgress>,
    ) -> Result<(), CopyError> {
        let (reply, replied) = oneshot::channel();
        self.channel().request_copy(CopyRequest {
            target,
            progress,
            done: Box::new(move |copied| {
                // The caller may have stopped waiting.
                let _ = reply.send(copied);
            }),
        })?;
        // An idle writer looks for a copy to make after its next batch: this is one.
        self.write_behind(|_| Ok(()));
        replied.await.unwrap_or(Err(StoreError::Closed.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::watch;

    use crate::persistence::testing::*;
    use crate::persistence::*;

    fn count(path: &std::path::Path) -> (i64, String) {
        let conn = rusqlite::Connection::open(path).expect("a database");
        let messages = conn
            .query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
            .expect("messages");
        let check = conn
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a check");
        (messages, check)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_made_under_load_holds_all_that_was_acked_before_and_stops_nobody() {
        let store = Arc::new(TestStore::in_sqlite());
        let room = store.new_room("Ann").await;
        for _ in 0..400 {
            store.post_as_visitor(room, &"x".repeat(8_000)).await;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let posting = tokio::spawn({
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            async move {
                while !stop.load(Ordering::Relaxed) {
                    store.post_as_visitor(room, "meanwhile").await;
                }
            }
        });
        let target = store.directory.path().join("copy.db");
        std::fs::File::create(&target).expect("it is made");
        let (progress, watched) = watch::channel(CopyProgress::default());
        let before = loop {
            let head = record(&store, room).await.room.last_seq;
            if head > 400 {
                break head;
            }
        };
        store
            .copy_to(target.clone(), progress)
            .await
            .expect("it is copied");
        let after = record(&store, room).await.room.last_seq;
        stop.store(true, Ordering::Relaxed);
        posting.await.expect("every post was acked");
        let seen = *watched.borrow();
        assert!(seen.pages_done == seen.pages_total && seen.pages_total > 800);
        let (messages, check) = count(&target);
        assert_eq!(check, "ok");
        assert!(
            (before..=after).contains(&messages.unsigned_abs()),
            "{before} {messages} {after}"
        );
    }

    #[tokio::test]
    async fn a_copy_that_nobody_watches_is_given_up_and_the_next_one_is_made() {
        let store = TestStore::in_sqlite();
        let room = store.new_room("Ann").await;
        let target = |name: &str| {
            let target = store.directory.path().join(name);
            std::fs::File::create(&target).expect("it is made");
            target
        };
        let (progress, watched) = watch::channel(CopyProgress::default());
        drop(watched);
        let given_up = store.copy_to(target("one.db"), progress).await;
        assert_eq!(given_up, Err(CopyError::Cancelled));
        store.post_as_visitor(room, "goes on").await;
        let (progress, _watched) = watch::channel(CopyProgress::default());
        let two = target("two.db");
        assert_eq!(store.copy_to(two.clone(), progress).await, Ok(()));
        assert_eq!(count(&two), (1, "ok".to_owned()));
        let (progress, _watched) = watch::channel(CopyProgress::default());
        let removed = store.directory.path().join("removed.db");
        let nowhere = store.copy_to(removed.clone(), progress).await;
        assert!(matches!(nowhere, Err(CopyError::Store(_))), "{nowhere:?}");
        assert!(
            !removed.exists(),
            "a file that was removed is not made again"
        );
        assert_eq!(store.post_as_visitor(room, "still").await.seq, 2);
    }
}
