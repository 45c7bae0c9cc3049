//! What was erased stays erased after any restore.

use uuid::Uuid;

use super::*;
use crate::chat::{Sender, Status, VisitorId};

/// A word in Ann's messages, and nowhere else.
const WORD: &str = "zymurgist";

/// Ann with two rooms, the first of them from before she signed in; Bob; and a backup.
struct Shop {
    store: TestStore,
    backup: PathBuf,
    ann: VisitorId,
    rooms: [RoomId; 2],
    bob: RoomId,
    /// Hers when the backup was made.
    token: TokenHash,
    _outside: tempfile::TempDir,
}

fn open(token: Option<TokenHash>, user: Option<&str>) -> OpenRoom {
    OpenRoom {
        token,
        identity: user.map(|user| Identity {
            user: user.into(),
            details: Details::default(),
            attributes: None,
        }),
        ..anonymous(Details::default())
    }
}

impl Shop {
    /// The backup is made before Ann signs in, or after.
    async fn new(signed_in: bool) -> Self {
        let store = TestStore::in_sqlite();
        let request = open(None, None);
        let token = request.fresh_token;
        let first = store.open_room(request).await.expect("it opens").record;
        let first = first.room.id;
        let bob = store.new_room("Bob").await;
        for _ in 0..40 {
            store.post_as_visitor(first, &format!("a {WORD}")).await;
            store.post_as_visitor(bob, "filler words").await;
        }
        let close = RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        };
        store.apply(first, close).await.expect("it closes");
        store.flush_search_index().await.expect("indexed");
        let before = back_up(&store).await;
        let second = open(Some(token), Some("ann"));
        let fresh = second.fresh_token;
        let second = store.open_room(second).await.expect("it opens").record;
        let (ann, second) = (second.visitor_id, second.room.id);
        while store.apply_next_visitor_change().await != Ok(None) {}
        store.post_as_visitor(second, WORD).await;
        let ((outside, backup), token) = match signed_in {
            true => (back_up(&store).await, fresh),
            false => (before, token),
        };
        Self {
            store,
            backup,
            ann,
            rooms: [first, second],
            bob,
            token,
            _outside: outside,
        }
    }

    async fn erase_ann(&self) {
        let begun = self
            .store
            .begin_erasure(vec![self.ann], Principal::CommandLine);
        begun.await.expect("decided").expect("she is there");
        while self.store.erase_step().await.expect("it goes on").is_some() {}
    }

    /// The database is restored, and the store opened again.
    fn restore(self, erased: &Erased) -> (RestoreReport, Restored) {
        let TestStore {
            store, directory, ..
        } = self.store;
        drop(store);
        let report = restore(directory.path(), &self.backup, erased).expect("it is restored");
        let bytes = std::fs::read(directory.path().join(DATABASE_FILE)).expect("it reads");
        let store = Store::open(options(&directory)).expect("it opens");
        let store = TestStore::opened(store, directory);
        (report, Restored { store, bytes })
    }
}

/// A restored database.
struct Restored {
    store: TestStore,
    bytes: Vec<u8>,
}

impl Restored {
    fn has(&self, word: &str) -> bool {
        let bytes = self.bytes.to_ascii_lowercase();
        bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    }

    async fn finds(&self, words: &str) -> usize {
        let query = SearchQuery {
            words: words.into(),
            status: None,
            filter: Default::default(),
            cursor: None,
            limit: 50,
        };
        let found = self.store.search(query).await.expect("it searches");
        found.hits.len()
    }

    fn count(&self, sql: &str, id: Uuid) -> i64 {
        let path = self.store.directory.path().join(DATABASE_FILE);
        let conn = Connection::open(path).expect("it opens");
        conn.query_row(sql, [id], |row| row.get(0))
            .expect("it reads")
    }
}

fn holds(backup: &Path, word: &str) -> bool {
    let bytes = std::fs::read(backup).expect("it reads");
    bytes
        .windows(word.len())
        .any(|part| part == word.as_bytes())
}

#[tokio::test]
async fn who_was_erased_since_the_backup_is_erased_again() {
    for signed_in in [true, false] {
        let shop = Shop::new(signed_in).await;
        assert!(holds(&shop.backup, WORD), "the control");
        shop.erase_ann().await;
        let (rooms, bob, token, ann) = (shop.rooms, shop.bob, shop.token, shop.ann);
        let (report, restored) = shop.restore(&Erased::default());
        assert!(report.erasures_from_present && report.kept_from_present);
        let again = ErasedAgain {
            visitors: u64::from(signed_in),
            rooms: 1 + u64::from(signed_in),
            redacted: 0,
        };
        assert_eq!(report.erased_again, again);
        assert!(!restored.has(WORD), "no byte of hers came back");
        assert!(restored.has("filler"), "the search can see");
        assert_eq!(restored.finds(WORD).await, 0);
        assert_eq!(restored.finds("filler").await, 1);
        let store = &restored.store;
        for room in rooms {
            assert_eq!(store.room(room).await, Ok(None));
            let known = "SELECT count(*) FROM erased_rooms WHERE room = ?1";
            assert_eq!(restored.count(known, room), 1, "the next restore knows");
        }
        assert_eq!(store.visitor_by_token(token).await, Ok(None));
        assert_eq!(store.visitor_by_user("ann").await, Ok(None));
        let known = "SELECT count(*) FROM erased_visitors WHERE visitor = ?1 AND pending = 0";
        assert_eq!(restored.count(known, ann), 1);
        assert_eq!(store.room_head(bob).await, Ok(Some(40)));
        let left: i64 = restored.count("SELECT count(*) FROM visitors WHERE ?1 = ?1", ann);
        assert_eq!(left, 1, "Bob");
        assert!(!store.is_rewrite_due().await.expect("it reads"));
        assert_eq!(store.erase_step().await, Ok(None));
    }
}

#[tokio::test]
async fn the_ledger_is_enough() {
    let shop = Shop::new(true).await;
    shop.store.close().await;
    let lost = shop.store.directory.path().join(DATABASE_FILE);
    std::fs::write(lost, "the disk was damaged").expect("written");
    let elsewhere = Uuid::now_v7();
    let erased = Erased {
        visitors: vec![shop.ann],
        rooms: vec![shop.rooms[0], elsewhere],
        messages: Vec::new(),
    };
    let (report, restored) = shop.restore(&erased);
    assert!(!report.erasures_from_present && !report.kept_from_present);
    assert_eq!(report.erased_again.rooms, 2);
    assert!(!restored.has(WORD));
    let known = "SELECT count(*) FROM erased_rooms WHERE room = ?1";
    assert_eq!(restored.count(known, elsewhere), 1);
}

#[tokio::test]
async fn an_erasure_that_was_only_decided_is_carried_out() {
    let shop = Shop::new(true).await;
    let begun = shop
        .store
        .begin_erasure(vec![shop.ann], Principal::CommandLine);
    begun.await.expect("decided").expect("she is there");
    let (report, restored) = shop.restore(&Erased::default());
    assert_eq!(report.erased_again.rooms, 2);
    assert!(!restored.has(WORD));
}

#[tokio::test]
async fn what_the_backup_had_begun_to_erase_leaves_no_bytes() {
    let mut shop = Shop::new(true).await;
    shop.erase_ann().await;
    (shop._outside, shop.backup) = back_up(&shop.store).await;
    assert!(holds(&shop.backup, WORD), "it was not rewritten");
    let (report, restored) = shop.restore(&Erased::default());
    assert_eq!(report.erased_again, ErasedAgain::default(), "it was before");
    assert!(!restored.has(WORD));
    assert!(!restored.store.is_rewrite_due().await.expect("it reads"));
}

/// The backup was made between the decision and the last step.
#[tokio::test]
async fn what_the_backup_had_only_decided_to_erase_leaves_no_bytes() {
    let mut shop = Shop::new(true).await;
    let begun = shop
        .store
        .begin_erasure(vec![shop.ann], Principal::CommandLine);
    begun.await.expect("decided").expect("she is there");
    (shop._outside, shop.backup) = back_up(&shop.store).await;
    shop.store.close().await;
    let lost = shop.store.directory.path().join(DATABASE_FILE);
    std::fs::write(lost, "the disk was damaged").expect("written");
    let (_, restored) = shop.restore(&Erased::default());
    assert!(!restored.has(WORD));
    assert!(restored.has("filler"), "the search can see");
}

#[tokio::test]
async fn a_text_that_was_removed_stays_removed() {
    let shop = Shop::new(true).await;
    let page = shop.store.messages_after(shop.rooms[1], 0, 10).await;
    let message = page.expect("it reads").messages[0].id;
    let redacted = Erased {
        messages: vec![(shop.rooms[1], message), (Uuid::now_v7(), message)],
        ..Erased::default()
    };
    let room = shop.rooms[1];
    let (report, restored) = shop.restore(&redacted);
    assert_eq!(report.erased_again.redacted, 1);
    let page = restored.store.messages_after(room, 0, 10).await;
    assert_eq!(page.expect("it reads").messages[0].content, "");
    assert_eq!(restored.finds(WORD).await, 1, "the other room");
    let record = restored.store.room(room).await.expect("it reads");
    let last = record.expect("it is there").last_message;
    assert_eq!(last.expect("one").content, "");
}

#[tokio::test]
async fn a_database_that_was_begun_anew_knows_nothing() {
    let shop = Shop::new(true).await;
    let fresh = TestStore::in_sqlite();
    fresh.new_room("Eve").await;
    let token = shop.token;
    let shop = Shop {
        store: fresh,
        ..shop
    };
    let (report, restored) = shop.restore(&Erased::default());
    assert!(!report.erasures_from_present && !report.kept_from_present);
    let visitor = restored.store.visitor_by_token(token).await;
    assert!(visitor.expect("it reads").is_some(), "no token has ended");
}

#[tokio::test]
async fn a_database_without_a_record_of_erasures_says_so() {
    let shop = Shop::new(true).await;
    let path = shop.store.directory.path().join(DATABASE_FILE);
    let conn = Connection::open(path).expect("it opens");
    conn.execute_batch("DROP TABLE erased_visitors")
        .expect("an older schema");
    drop(conn);
    let (report, _) = shop.restore(&Erased::default());
    assert!(report.kept_from_present && !report.erasures_from_present);
}
