use std::sync::Mutex;

use metrics::Gauge;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::followers::{FollowerParts, run};
use crate::persistence::AlertProgress;
use crate::persistence::testing::*;

/// Alerts that run on a store without any device.
struct Setup {
    store: TestStore,
    drain: CancellationToken,
    settings: Arc<Mutex<AlertSettings>>,
    /// Waits that the shop was mailed about.
    mailed: Arc<Mutex<Vec<DueAlert>>>,
}

impl Setup {
    fn start() -> Self {
        let setup = Self {
            store: TestStore::new(),
            drain: CancellationToken::new(),
            settings: Arc::new(Mutex::new(AlertSettings {
                escalate_ms: 600_000,
                mail_ms: 900_000,
                is_open: true,
            })),
            mailed: Arc::default(),
        };
        let (waker, settings) = (Waker::default(), setup.settings.clone());
        let mailed = setup.mailed.clone();
        let alerts = Alerts::new(
            setup.store.store.clone(),
            Push::uncounted(setup.store.store.clone()),
            Arc::new(move |alert| {
                mailed.lock().expect("not poisoned").push(alert);
                Box::pin(std::future::ready(Ok(())))
            }),
            Arc::new(move || *settings.lock().expect("not poisoned")),
            waker.clone(),
        );
        let parts = FollowerParts {
            store: setup.store.store.clone(),
            waker,
            lag: Gauge::noop(),
            drain: setup.drain.clone(),
        };
        tokio::spawn(run(alerts, parts));
        setup
    }

    fn set(&self, change: impl FnOnce(&mut AlertSettings)) {
        change(&mut self.settings.lock().expect("not poisoned"));
    }

    /// How far the only wait is, once it is as far as this.
    async fn reaches(&self, expected: impl Fn(AlertProgress) -> bool) -> DueAlert {
        let far = Timestamp(Timestamp::now().0 + 86_400_000);
        loop {
            let due = self.store.due_alerts(far, 10).await.expect("read");
            match &due[..] {
                [alert] if expected(alert.progress) => return alert.clone(),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    async fn rows(&self) -> String {
        self.store.rows("SELECT count(*) FROM alerts").remove(0)
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.drain.cancel();
    }
}

#[tokio::test]
async fn each_step_is_recorded_and_an_answer_ends_them() {
    let setup = Setup::start();
    let store = &setup.store;
    // It begins with what changes after its first start.
    while store.rows("SELECT count(*) FROM followers") == ["0"] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "Hello?").await;
    // Nobody is on duty, so a mail is due at once.
    let alert = setup.reaches(|progress| progress.mailed).await;
    let mailed = setup.mailed.lock().expect("not poisoned").clone();
    assert_eq!(mailed.len(), 1);
    assert_eq!(
        (mailed[0].room_id, mailed[0].wait),
        (alert.room_id, alert.wait)
    );
    assert_eq!((alert.room_id, alert.progress.rung), (room, 1));
    let second = Timestamp(alert.since.0 + 600_000);
    assert_eq!(alert.progress.next_at, Some(second));

    store.post_as_agent(room, "Here I am").await;
    while setup.rows().await != "0" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The next wait is another one; with other settings, all of it is due.
    setup.set(|settings| settings.escalate_ms = 0);
    store.post_as_visitor(room, "One more thing").await;
    while store.rows("SELECT rung FROM alerts WHERE rung = 2 AND next_at IS NULL") != ["2"] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
