//! The text index beside several nodes.

use futures_util::FutureExt;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{apply, left_out_on_sqlite, nodes, open_room};
use crate::chat::RoomId;
use crate::persistence::postgres::PostgresStore;
use crate::persistence::postgres::tables::room_rows;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::testing::*;
use crate::persistence::*;

async fn find(store: &Store, words: &str) -> Vec<(RoomId, Option<u64>)> {
    let query = SearchQuery {
        words: words.into(),
        status: None,
        filter: Default::default(),
        cursor: None,
        limit: 50,
    };
    let page = store.search(query).await.expect("it searches");
    let hits = page.hits.into_iter();
    hits.map(|hit| (hit.record.room.id, hit.seq)).collect()
}

async fn post(store: &Store, room: RoomId, text: &str) {
    let posted = apply(store, room, RoomOp::Post(visitor_draft(text))).await;
    posted.expect("it is posted");
}

fn postgres(store: &Store) -> &PostgresStore {
    match store {
        Store::Postgres(store) => store,
        Store::Sqlite(_) => panic!("this test is about PostgreSQL"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_nodes_have_committed_is_indexed_by_whichever_flushes() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 2] = nodes(&first);
    let room = open_room(&nodes[0]).await;
    for seq in 1..=40 {
        post(&nodes[seq % 2], room, &format!("word{seq}")).await;
        let node = &nodes[seq / 2 % 2];
        node.flush_search_index().await.expect("indexed");
        let found = find(&nodes[1], &format!("word{seq} ")).await;
        assert_eq!(found, [(room, Some(seq as u64))]);
    }
    let entries = first.rows("SELECT count(*), count(DISTINCT seq) FROM search");
    assert_eq!(entries, ["40|40"]);
}

/// Appends a message whose number was taken long before it is committed.
async fn post_late(
    tx: &mut Tx,
    room: RoomId,
    numbered: Option<oneshot::Sender<()>>,
    released: impl Future<Output = ()>,
) -> Result<(), TxError> {
    let row = room_rows::lock(tx, room).await?.expect("it is there");
    let n = tx.query_one("SELECT nextval('message_n')", &[]).await?;
    let n: i64 = n.try_get(0)?;
    numbered.map(|numbered| numbered.send(()));
    released.await;
    tx.execute(
        "INSERT INTO messages (room, seq, n, id, sender_type, sender_name, content, created_at)
         VALUES ($1, 1, $2, $3, 0, 'Ann', 'late', 0)",
        &[&row.keys.pk, &n, &Uuid::now_v7()],
    )
    .await?;
    let change = tx.next_change();
    let slot = i16::try_from(change.slot).expect("few slots");
    tx.execute(
        "UPDATE room_heads SET last_seq = 1, last_n = $2, slot = $3, change = $4,
             last_message_at = 0, last_sender_type = 0, last_sender_name = 'Ann',
             last_content = 'late'
         WHERE room = $1",
        &[&row.keys.pk, &n, &slot, &change.number.cast_signed()],
    )
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_an_older_number_than_what_is_indexed_is_found() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let second = first.another_node();
    let (late, early) = (open_room(&first).await, open_room(&first).await);
    let (numbered, is_numbered) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let released = released.map(drop).shared();
    let mut numbered = Some(numbered);
    let (done, is_done) = oneshot::channel();
    postgres(&first).submit_write(
        move |tx| Box::pin(post_late(tx, late, numbered.take(), released.clone())),
        Box::new(|result| {
            let _ = done.send(result);
        }),
    );
    is_numbered.await.expect("it takes a number");
    post(&second, early, "early").await;
    second.flush_search_index().await.expect("indexed");
    assert_eq!(find(&second, "early").await, [(early, Some(1))]);
    release.send(()).expect("it waits");
    is_done.await.expect("completed").expect("committed");
    second.flush_search_index().await.expect("indexed");
    assert_eq!(find(&second, "late").await, [(late, Some(1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_of_a_message_is_left_that_is_redacted_while_it_is_indexed() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let second = first.another_node();
    let room = open_room(&first).await;
    for seq in 1..=40 {
        post(&first, room, "a secret").await;
        let by = Principal::CommandLine;
        let redact = apply(&first, room, RoomOp::Redact { seq, by });
        let (redacted, flushed) = tokio::join!(redact, second.flush_search_index());
        redacted.expect("it is redacted");
        flushed.expect("indexed");
    }
    first.flush_search_index().await.expect("indexed");
    assert_eq!(
        first.rows("SELECT count(*) FROM search WHERE seq > 0"),
        ["0"]
    );
    assert_eq!(find(&first, "secret").await, []);
}

/// PostgreSQL keeps new entries in a list that every search reads, once for each block.
#[tokio::test(flavor = "multi_thread")]
async fn no_entry_is_left_in_the_list_of_new_ones() {
    if left_out_on_sqlite() {
        return;
    }
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    for _ in 0..20 {
        store.post_as_visitor(room, "hello").await;
    }
    store.flush_search_index().await.expect("indexed");
    let pages_left = store.rows("SELECT gin_clean_pending_list('search_words')");
    assert_eq!(pages_left, ["0"]);
}

/// Far more messages than one step takes, and more blocks than one query looks at.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_and_old_matches_are_found() {
    if left_out_on_sqlite() {
        return;
    }
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let rare = store.new_room("Bob").await;
    store.post_as_visitor(rare, "needle").await;
    store.post_as_visitor(room, "first").await;
    store.execute_from_outside(
        "INSERT INTO messages (room, seq, n, id, sender_type, sender_name, content, created_at)
         SELECT room, g, nextval('message_n'), gen_random_uuid(), 0, 'Ann', 'common ' || g, 0
         FROM messages, generate_series(2, 2500) g WHERE content = 'first';
         UPDATE room_heads SET last_seq = 2500 WHERE last_content = 'first';
         SELECT setval('message_n', 20000000)",
    );
    store.post_as_visitor(room, "last").await;
    store.flush_search_index().await.expect("indexed");
    assert_eq!(find(&store, "common 2500").await, [(room, Some(2_500))]);
    assert_eq!(find(&store, "comm").await, [(room, Some(2_500))]);
    assert_eq!(find(&store, "last").await, [(room, Some(2_501))]);
    assert_eq!(find(&store, "needle").await, [(rare, Some(1))]);
}
