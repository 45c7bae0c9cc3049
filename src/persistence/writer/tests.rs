use futures_util::FutureExt;

use super::super::testing::*;
use super::super::*;

#[tokio::test]
async fn what_is_queued_shares_a_commit() {
    let bench = Bench::new();
    let room = bench.new_room("Ann").await;
    bench.hooks().pause_index();
    let hold = bench.hold().await;
    let before = bench.hooks().commits();
    let answers: Vec<_> = (0..20)
        .map(|_| bench.submit_op(room, RoomOp::Post(question("hello"))))
        .collect();
    drop(hold);
    for (place, answer) in answers.into_iter().enumerate() {
        let message = posted(answer.await.expect("it is answered"));
        assert_eq!(message.seq, place as u64 + 1, "in the order of the queue");
    }
    assert_eq!(
        bench.hooks().commits() - before,
        2,
        "the held one and theirs"
    );
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once() {
    let bench = Bench::with(|options| options.queue_items = 2);
    let room = bench.new_room("Ann").await;
    let hold = bench.hold().await;
    let mut answers: Vec<_> = (0..3)
        .map(|_| bench.submit_op(room, RoomOp::Post(question("hello"))))
        .collect();
    let third = answers.pop().expect("three were sent").await;
    assert_eq!(
        third.expect("it is answered").err(),
        Some(StoreError::Busy.into())
    );
    drop(hold);
    for answer in answers {
        posted(answer.await.expect("it is answered"));
    }
}

#[tokio::test]
async fn a_refusal_or_panic_takes_nothing_with_it() {
    let bench = Bench::new();
    let room = bench.new_room("Ann").await;
    let hold = bench.hold().await;
    let one = bench.submit_op(room, RoomOp::Post(question("one")));
    let mark = RoomOp::MarkRead {
        side: crate::chat::Side::Agent,
        seq: 9,
    };
    let refused = bench.submit_op(room, mark);
    let panicking = tokio::spawn({
        let store = bench.store.clone();
        async move {
            store
                .write(|tx| -> Result<(), _> {
                    tx.state.change += 7;
                    tx.execute("DELETE FROM messages", [])?;
                    panic!("a test says so")
                })
                .await
        }
    });
    tokio::task::yield_now().await;
    let two = bench.submit_op(room, RoomOp::Post(question("two")));
    drop(hold);
    assert_eq!(posted(one.await.expect("answered")).seq, 1);
    assert!(matches!(
        refused.await.expect("answered"),
        Err(WriteError::Refused(_))
    ));
    assert!(matches!(
        panicking.await.expect("it is answered"),
        Err(WriteError::Store(StoreError::Internal(_)))
    ));
    assert_eq!(posted(two.await.expect("answered")).seq, 2);
    assert_eq!(bench.head().change, 2);
    assert_eq!(bench.ask(room, "three").await.seq, 3);
}

#[tokio::test]
async fn a_failed_commit_is_told_and_leaves_nothing() {
    let bench = Bench::new();
    bench.hooks().pause_index();
    let room = bench.new_room("Ann").await;
    bench.ask(room, "one").await;
    bench.hooks().fail_next_commit();
    let failed = bench.apply(room, RoomOp::Post(question("two"))).await;
    assert!(matches!(
        failed,
        Err(WriteError::Store(StoreError::Unavailable(_)))
    ));
    assert_eq!(bench.head().change, 1);
    assert_eq!(bench.room_head(room).await, Ok(Some(1)));
    assert_eq!(bench.ask(room, "two").await.seq, 2, "and it goes on");
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let bench = Bench::new();
    let room = bench.new_room("Ann").await;
    bench.ask(room, "one").await;
    let pages = |count: u32| {
        bench.write(move |tx| {
            tx.conn
                .pragma_update_and_check(None, "max_page_count", count, |_| Ok(()))?;
            Ok(())
        })
    };
    // SQLite takes the present size when less is asked for.
    pages(1).await.expect("it is set");
    let long = "x".repeat(8_000);
    let full = loop {
        let commit = bench.apply(room, RoomOp::Post(question(&long))).await;
        if let Err(error) = commit {
            break error;
        }
    };
    assert_eq!(full, WriteError::Store(StoreError::Full));
    let head = bench.room_head(room).await.expect("reading goes on");
    pages(1_000_000).await.expect("space is freed");
    assert_eq!(
        Some(bench.ask(room, &long).await.seq),
        head.map(|seq| seq + 1)
    );
}

#[tokio::test]
async fn a_commit_of_unknown_fate_is_looked_up() {
    let bench = Bench::new();
    bench.hooks().pause_index();
    let room = bench.new_room("Ann").await;
    bench.hooks().blur_next_commit();
    assert_eq!(bench.ask(room, "one").await.seq, 1, "it had happened");
    assert_eq!(bench.head().change, 1);
    assert_eq!(bench.ask(room, "two").await.seq, 2);
}

#[tokio::test]
async fn a_dead_writer_is_noticed_and_answers() {
    let bench = Bench::new();
    bench.hooks().kill_writer();
    let waiting = bench.canary();
    let (death, answer) = tokio::join!(
        tokio::time::timeout(std::time::Duration::from_secs(60), bench.writer_died()),
        waiting
    );
    death.expect("in time");
    assert_eq!(answer, Err(StoreError::Closed));
}

#[tokio::test]
async fn a_closed_store_has_no_dead_writer() {
    let bench = Bench::new();
    bench.close().await;
    // How the thread has ended is known when it is closed, so one look is enough.
    let died = bench.writer_died().now_or_never();
    assert_eq!(died, None, "it was closed, it has not died");
}

#[tokio::test]
async fn a_load_comes_behind_the_writes_before_it() {
    let bench = Bench::new();
    let room = bench.new_room("Ann").await;
    let hold = bench.hold().await;
    drop(bench.submit_op(room, RoomOp::Post(question("one"))));
    let (answer, answered) = tokio::sync::oneshot::channel();
    bench.load_room(
        room,
        Box::new(move |loaded| {
            let _ = answer.send(loaded);
        }),
    );
    drop(hold);
    let loaded = answered.await.expect("answered").expect("it loads");
    assert_eq!(loaded.expect("it is there").room.last_seq, 1);
}

#[tokio::test]
async fn damage_is_remembered() {
    let bench = Bench::new();
    let room = bench.new_room("Ann").await;
    let corrupt = bench
        .write(|_| -> Result<(), super::super::failure::Trouble> {
            Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                None,
            )
            .into())
        })
        .await;
    assert!(matches!(
        corrupt,
        Err(WriteError::Store(StoreError::Corrupt(_)))
    ));
    assert!(bench.damage().is_some());
    let refused = bench.apply(room, RoomOp::Post(question("hello"))).await;
    assert!(matches!(
        refused,
        Err(WriteError::Store(StoreError::Corrupt(_)))
    ));
    assert!(bench.room(room).await.is_ok(), "reading goes on");
}
