//! Who is online on which node: only what has changed is written and read.

use uuid::Uuid;

use super::left_out_on_sqlite;
use crate::chat::RoomId;
use crate::persistence::testing::*;
use crate::persistence::*;

/// More writes than the rows of those who have left stay for.
const MANY_WRITES: usize = 80;

struct Node {
    store: Store,
    stored: Option<StoredPresence>,
}

impl Node {
    /// Writes this, and returns the number that it has then.
    async fn write(&mut self, rooms: OnlineRooms) -> u64 {
        let written = self.store.write_presence(self.stored, rooms, true).await;
        self.stored = written.expect("it is written");
        self.stored.expect("nothing was lost").no
    }

    fn slot(&self) -> usize {
        self.stored.expect("it has written").slot
    }
}

/// What another node reads.
async fn read(store: &Store, slot: usize, since: Option<u64>) -> OnlineRooms {
    store.online_on(slot, since).await.expect("it reads")
}

/// The number before which everything has to be read.
fn base(test: &TestStore, slot: usize) -> u64 {
    let sql = format!("SELECT presence_base FROM slots WHERE slot = {slot}");
    test.rows(&sql)[0].parse().expect("a number")
}

fn rooms<const N: usize>() -> [RoomId; N] {
    [(); N].map(|()| Uuid::now_v7())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_changed_of_a_nodes_presence_is_written_and_read() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let other = test.another_node();
    let mut node = Node {
        store: test.store.clone(),
        stored: None,
    };
    let [first, second, third] = rooms();
    let all = OnlineRooms::from([(first, Some(true)), (second, Some(false))]);
    let began = node.write(all.clone()).await;
    let slot = node.slot();
    assert_eq!(read(&other, slot, None).await, all);
    assert_eq!(read(&other, slot, Some(began)).await, OnlineRooms::new());
    assert!(base(&test, slot) >= began, "others read everything first");

    let changed = OnlineRooms::from([(first, None), (third, Some(true))]);
    node.write(changed.clone()).await;
    assert_eq!(read(&other, slot, Some(began)).await, changed);
    let now = OnlineRooms::from([(second, Some(false)), (third, Some(true))]);
    assert_eq!(read(&other, slot, None).await, now);

    for _ in 0..MANY_WRITES {
        node.write(OnlineRooms::new()).await;
    }
    let gone = test.rows("SELECT count(*) FROM online WHERE gone");
    assert_eq!(gone, ["0"], "they do not stay forever");
    assert!(base(&test, slot) > began, "who missed it reads everything");
    assert_eq!(read(&other, slot, None).await, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_stored_presence_was_lost_stores_all_of_it_again() {
    if left_out_on_sqlite() {
        return;
    }
    let test = TestStore::new();
    let mut node = Node {
        store: test.store.clone(),
        stored: None,
    };
    let [first, second] = rooms();
    node.write([(first, Some(true))].into()).await;
    // As the next owner of the slot does.
    test.execute_from_outside("UPDATE slots SET presence_no = presence_no + 1; DELETE FROM online");
    let change = OnlineRooms::from([(second, Some(true))]);
    let write = node.store.write_presence(node.stored, change, true);
    assert_eq!(write.await, Ok(None));
    node.stored = None;
    let all = OnlineRooms::from([(first, Some(true)), (second, Some(true))]);
    node.write(all.clone()).await;
    assert_eq!(read(&test.store, node.slot(), None).await, all);
}
