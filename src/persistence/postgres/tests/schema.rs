//! Programs of two schemas on one database, while nodes are upgraded one after the other.

use super::{apply, left_out_on_sqlite, log, open_room};
use crate::persistence::testing::*;
use crate::persistence::*;

/// The schema that this program knows.
const KNOWN: i32 = 1;

/// Says of the database what a newer program would.
fn mark(test: &TestStore, version: i32, oldest: i32) {
    let sql = format!("UPDATE schema_version SET version = {version}, oldest = {oldest}");
    test.execute_from_outside(&sql);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_serves_a_database_of_the_next_schema_that_lets_it() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let known = test.rows("SELECT version FROM schema_version");
    assert_eq!(known, [KNOWN.to_string()], "this test marks its successor");
    // The first node stands for one of the next version, which has just done its step.
    mark(&test, KNOWN + 1, KNOWN);
    let beside = test.another_node();
    let room = open_room(&beside).await;
    for number in 0..40 {
        let node = if number % 2 == 0 {
            &test.store
        } else {
            &beside
        };
        let posted = apply(node, room, RoomOp::Post(visitor_draft("hello"))).await;
        posted.expect("it is posted");
    }
    assert_eq!(log(&test.store, room).await.len(), 40);
    let marked = test.rows("SELECT version, oldest FROM schema_version");
    assert_eq!(
        marked,
        [format!("{}|{KNOWN}", KNOWN + 1)],
        "nothing is taken back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_schema_that_does_not_let_it_is_refused_with_what_to_do() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    for (version, oldest) in [(KNOWN + 1, KNOWN + 1), (KNOWN + 2, KNOWN)] {
        mark(&test, version, oldest);
        let error = test
            .try_another_node()
            .map(drop)
            .expect_err("it is refused");
        let words = error.to_string();
        for part in [
            format!("schema {version} was made by a newer version"),
            format!("schema {} or newer", KNOWN + 1),
            "use that version".to_owned(),
        ] {
            assert!(words.contains(&part), "{words}");
        }
    }
}

/// A batch that is undone often ends its transaction twice, and PostgreSQL would warn of each.
#[tokio::test(flavor = "multi_thread")]
async fn warnings_of_the_database_are_not_sent_and_so_not_logged() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let Store::Postgres(store) = &test.store else {
        panic!("this test is about PostgreSQL");
    };
    let level = store
        .write(|tx| {
            Box::pin(async move {
                let setting = "SELECT current_setting('client_min_messages')";
                let row = tx.query_one(setting, &[]).await?;
                Ok(row.try_get::<_, String>(0)?)
            })
        })
        .await;
    assert_eq!(level.expect("it is read"), "error");
}
