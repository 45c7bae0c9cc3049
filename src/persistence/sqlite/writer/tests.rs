use futures_util::FutureExt;

use crate::persistence::testing::*;
use crate::persistence::*;

#[tokio::test]
async fn what_is_queued_shares_a_commit() {
    let store = TestStore::in_sqlite();
    let room = store.new_room("Ann").await;
    store.sqlite().hooks().pause_index();
    let pause = store.pause_writer().await;
    let before = store.sqlite().hooks().commits();
    let replies: Vec<_> = (0..20)
        .map(|_| store.submit_op(room, RoomOp::Post(visitor_draft("hello"))))
        .collect();
    drop(pause);
    for (place, reply) in replies.into_iter().enumerate() {
        let message = posted(reply.await.expect("it is completed"));
        assert_eq!(message.seq, place as u64 + 1, "in the order of the queue");
    }
    assert_eq!(
        store.sqlite().hooks().commits() - before,
        2,
        "the held one and theirs"
    );
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once() {
    let store = TestStore::in_sqlite_with(|options| options.queue_items = 2);
    let room = store.new_room("Ann").await;
    let pause = store.pause_writer().await;
    let mut replies: Vec<_> = (0..3)
        .map(|_| store.submit_op(room, RoomOp::Post(visitor_draft("hello"))))
        .collect();
    let third = replies.pop().expect("three were sent").await;
    assert_eq!(
        third.expect("it is completed").err(),
        Some(StoreError::Busy.into())
    );
    drop(pause);
    for reply in replies {
        posted(reply.await.expect("it is completed"));
    }
}

#[tokio::test]
async fn a_refusal_or_panic_does_not_affect_other_writes() {
    let store = TestStore::in_sqlite();
    let room = store.new_room("Ann").await;
    let pause = store.pause_writer().await;
    let one = store.submit_op(room, RoomOp::Post(visitor_draft("one")));
    let mark = RoomOp::MarkRead {
        side: crate::chat::Side::Agent,
        seq: 9,
    };
    let refused = store.submit_op(room, mark);
    let panicking = tokio::spawn({
        let store = store.store.clone();
        async move {
            store
                .sqlite()
                .write(|tx| -> Result<(), _> {
                    tx.state.last_change += 7;
                    tx.execute("DELETE FROM messages", [])?;
                    panic!("injected by a test")
                })
                .await
        }
    });
    tokio::task::yield_now().await;
    let two = store.submit_op(room, RoomOp::Post(visitor_draft("two")));
    drop(pause);
    assert_eq!(posted(one.await.expect("completed")).seq, 1);
    assert!(matches!(
        refused.await.expect("completed"),
        Err(WriteError::Refused(_))
    ));
    assert!(matches!(
        panicking.await.expect("it is completed"),
        Err(WriteError::Store(StoreError::Internal(_)))
    ));
    assert_eq!(posted(two.await.expect("completed")).seq, 2);
    assert_eq!(store.head().changes.single_writer(), 2);
    assert_eq!(store.post_as_visitor(room, "three").await.seq, 3);
}

#[tokio::test]
async fn a_failed_commit_is_reported_and_stores_nothing() {
    let store = TestStore::in_sqlite();
    store.sqlite().hooks().pause_index();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "one").await;
    store.sqlite().hooks().fail_next_commit();
    let failed = store.apply(room, RoomOp::Post(visitor_draft("two"))).await;
    assert!(matches!(
        failed,
        Err(WriteError::Store(StoreError::Unavailable(_)))
    ));
    assert_eq!(store.head().changes.single_writer(), 1);
    assert_eq!(store.room_head(room).await, Ok(Some(1)));
    assert_eq!(
        store.post_as_visitor(room, "two").await.seq,
        2,
        "and it goes on"
    );
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let store = TestStore::in_sqlite();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "one").await;
    let pages = |count: u32| {
        store.sqlite().write(move |tx| {
            tx.conn
                .pragma_update_and_check(None, "max_page_count", count, |_| Ok(()))?;
            Ok(())
        })
    };
    // SQLite takes the present size when less is asked for.
    pages(1).await.expect("it is set");
    let long = "x".repeat(8_000);
    let full = loop {
        let commit = store.apply(room, RoomOp::Post(visitor_draft(&long))).await;
        if let Err(error) = commit {
            break error;
        }
    };
    assert_eq!(full, WriteError::Store(StoreError::Full));
    let head = store.room_head(room).await.expect("reading goes on");
    pages(1_000_000).await.expect("space is freed");
    assert_eq!(
        Some(store.post_as_visitor(room, &long).await.seq),
        head.map(|seq| seq + 1)
    );
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_read_from_the_file() {
    let store = TestStore::in_sqlite();
    store.sqlite().hooks().pause_index();
    let room = store.new_room("Ann").await;
    store.sqlite().hooks().misreport_next_commit();
    assert_eq!(
        store.post_as_visitor(room, "one").await.seq,
        1,
        "it had happened"
    );
    assert_eq!(store.head().changes.single_writer(), 1);
    assert_eq!(store.post_as_visitor(room, "two").await.seq, 2);
}

#[tokio::test]
async fn a_dead_writer_is_noticed_and_completes_its_writes() {
    let store = TestStore::in_sqlite();
    store.sqlite().hooks().kill_writer();
    let waiting = store.write_canary();
    let (death, reply) = tokio::join!(
        tokio::time::timeout(std::time::Duration::from_secs(60), store.writer_died()),
        waiting
    );
    death.expect("in time");
    assert_eq!(reply, Err(StoreError::Closed));
}

#[tokio::test]
async fn a_closed_store_has_no_dead_writer() {
    let store = TestStore::in_sqlite();
    store.close().await;
    // How the thread has ended is known when it is closed, so one look is enough.
    let died = store.writer_died().now_or_never();
    assert_eq!(died, None, "it was closed, and has not died");
}

#[tokio::test]
async fn a_load_comes_behind_the_writes_before_it() {
    let store = TestStore::in_sqlite();
    let room = store.new_room("Ann").await;
    let pause = store.pause_writer().await;
    drop(store.submit_op(room, RoomOp::Post(visitor_draft("one"))));
    let (reply, replied) = tokio::sync::oneshot::channel();
    store.load_room(
        room,
        Box::new(move |loaded| {
            let _ = reply.send(loaded);
        }),
    );
    drop(pause);
    let loaded = replied.await.expect("completed").expect("it loads");
    assert_eq!(loaded.expect("it is there").room.last_seq, 1);
}

#[tokio::test]
async fn damage_is_remembered() {
    let store = TestStore::in_sqlite();
    let room = store.new_room("Ann").await;
    let corrupt = store
        .sqlite()
        .write(
            |_| -> Result<(), crate::persistence::sqlite::tx_error::TxError> {
                Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                    None,
                )
                .into())
            },
        )
        .await;
    assert!(matches!(
        corrupt,
        Err(WriteError::Store(StoreError::Corrupt(_)))
    ));
    assert!(store.damage().is_some());
    let refused = store
        .apply(room, RoomOp::Post(visitor_draft("hello")))
        .await;
    assert!(matches!(
        refused,
        Err(WriteError::Store(StoreError::Corrupt(_)))
    ));
    assert!(store.room(room).await.is_ok(), "reading goes on");
}
