use std::sync::Mutex;

use tokio::sync::watch;

use super::*;
use crate::chat::RoomId;
use crate::persistence::testing::*;

/// What a [`Recorder`] was given: rooms with the seq of their newest message.
type Seen = Arc<Mutex<Vec<(RoomId, u64)>>>;

struct Recorder {
    seen: Seen,
    /// How often it was asked what is due.
    asked: watch::Sender<u64>,
    /// What it replies.
    next: Option<Timestamp>,
    /// It fails this often first.
    failures: u64,
}

impl Follower for Recorder {
    const NAME: &'static str = "recorder";

    async fn changed(&mut self, page: &ChangedRooms) -> Result<(), FollowerError> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(FollowerError::LeaseLost);
        }
        let mut seen = self.seen.lock().expect("nobody panicked");
        let rooms = page.records.iter();
        seen.extend(rooms.map(|record| (record.room.id, record.room.last_seq)));
        Ok(())
    }

    async fn due(&mut self) -> Result<Option<Timestamp>, FollowerError> {
        self.asked.send_modify(|asked| *asked += 1);
        Ok(self.next)
    }
}

/// A recorder that runs.
struct Running {
    seen: Seen,
    asked: watch::Receiver<u64>,
    waker: Waker,
    drain: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(store: &TestStore, failures: u64) -> Self {
        let (sender, asked) = watch::channel(0);
        let (seen, waker, drain) = (Seen::default(), Waker::default(), CancellationToken::new());
        let recorder = Recorder {
            seen: seen.clone(),
            asked: sender,
            next: None,
            failures,
        };
        let parts = FollowerParts {
            store: store.store.clone(),
            waker: waker.clone(),
            lag: Gauge::noop(),
            drain: drain.clone(),
        };
        let task = tokio::spawn(run(recorder, parts));
        Self {
            seen,
            asked,
            waker,
            drain,
            task,
        }
    }

    /// Waits until it has been asked what is due once more.
    async fn asked_again(&mut self) {
        self.asked.mark_unchanged();
        self.asked.changed().await.expect("it runs");
    }

    async fn sees(&mut self, room: RoomId, seq: u64) {
        while !self.has_seen(room, seq) {
            self.asked.changed().await.expect("it runs");
        }
    }

    fn has_seen(&self, room: RoomId, seq: u64) -> bool {
        self.seen
            .lock()
            .expect("nobody panicked")
            .contains(&(room, seq))
    }

    async fn stop(self) {
        self.drain.cancel();
        self.task.await.expect("it ends");
    }
}

#[tokio::test]
async fn a_follower_sees_what_changes_and_after_a_restart_what_changed_meanwhile() {
    let store = TestStore::new();
    let (before, room) = (store.new_room("Bea").await, store.new_room("Ann").await);
    store.post_as_visitor(before, "long ago").await;
    let mut running = Running::start(&store, 0);
    running.asked.changed().await.expect("it runs");
    store.post_as_visitor(room, "hello").await;
    running.sees(room, 1).await;
    assert!(
        !running.has_seen(before, 1),
        "a new follower begins at the head"
    );
    running.stop().await;

    store.post_as_visitor(room, "anybody there?").await;
    let mut running = Running::start(&store, 0);
    running.sees(room, 2).await;
    assert!(!running.has_seen(room, 1), "it has gone on where it was");
    running.stop().await;
}

#[tokio::test]
async fn a_page_that_failed_comes_again() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let mut running = Running::start(&store, 1);
    running.asked.changed().await.expect("it runs");
    store.post_as_visitor(room, "hello").await;
    running.sees(room, 1).await;
    running.stop().await;
}

#[tokio::test]
async fn it_can_be_woken() {
    let store = TestStore::new();
    let mut running = Running::start(&store, 0);
    running.asked.changed().await.expect("it runs");
    running.waker.wake();
    running.asked_again().await;
    running.stop().await;
}
