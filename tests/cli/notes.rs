//! Notes over `kill -9`: whatever was acked is there, once and in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use rustix::process::Signal;
use shoptalk_local_servers::Postgres;
use tokio::sync::Notify;

use crate::common::{PASSWORD, Response, Rest, Value, json, new_id, next_page};
use crate::process::{Place, Running};

const WRITERS: usize = 3;
const KILLS: usize = 6;
/// Acks between two kills.
const ACKS: usize = 25;

/// Counts acks, so that a kill comes among them.
#[derive(Default)]
struct Acks {
    count: AtomicUsize,
    grown: Notify,
}

impl Acks {
    async fn reach(&self, count: usize) {
        loop {
            let grown = self.grown.notified();
            if self.count.load(Ordering::SeqCst) >= count {
                return;
            }
            grown.await;
        }
    }
}

/// One agent's client: it writes one note after the other, each until it is acked.
#[derive(Default)]
struct Writer {
    /// Acked notes: their ids and numbers, in the order of writing.
    acked: Vec<(String, u64)>,
    /// What has no answer yet.
    unsettled: Option<Value>,
}

impl Writer {
    /// Writes until the server is gone.
    async fn write(mut self, rest: Rest, path: String, acks: Arc<Acks>) -> Self {
        while self.settle_one(&rest, &path, &acks).await {}
        self
    }

    /// Writes one note. Returns whether the server has answered.
    async fn settle_one(&mut self, rest: &Rest, path: &str, acks: &Acks) -> bool {
        let count = self.acked.len();
        let note = self
            .unsettled
            .take()
            .unwrap_or_else(|| json!({"id": new_id(), "content": format!("note {count}")}));
        let request = rest.request(Method::POST, path).json(&note);
        let response = match Response::try_to(request).await {
            Ok(response) if response.status < 500 => response,
            _ => {
                self.unsettled = Some(note);
                return false;
            }
        };
        assert!(matches!(response.status, 200 | 201), "{}", response.text);
        let stored = &response.json()["note"];
        assert_eq!(stored["id"], note["id"]);
        let id = note["id"].as_str().expect("an id").to_owned();
        self.acked
            .push((id, stored["no"].as_u64().expect("a number")));
        acks.count.fetch_add(1, Ordering::SeqCst);
        acks.grown.notify_waiters();
        true
    }
}

async fn sign_in(running: &Running) -> Rest {
    let credentials = json!({"username": "mia", "password": PASSWORD});
    let login = running.rest().post("/api/admin/login/", credentials).await;
    running
        .rest()
        .bearer(login.is(200)["token"].as_str().expect("a token"))
}

/// All notes of a room, by their ids.
async fn stored(rest: &Rest, path: &str) -> BTreeMap<String, u64> {
    let (mut all, mut after) = (BTreeMap::new(), Some("0".to_owned()));
    let mut last = 0;
    while let Some(from) = after {
        let page: Value = rest.get(&format!("{path}?after={from}")).await.is(200);
        for note in page["results"].as_array().expect("notes") {
            last += 1;
            assert_eq!(note["no"], last, "no gap, no repetition");
            let id = note["id"].as_str().expect("an id").to_owned();
            assert!(all.insert(id, last).is_none(), "stored twice: {note}");
        }
        after = next_page(&page);
    }
    all
}

async fn survives_kills(place: Place) {
    let place = place.with("SHOPTALK_LIMITS__ENABLED", "false");
    place.add("mia", PASSWORD, &[]).await.well();
    let mut running = place.serve().await;
    let opened = running.rest().post("/api/chat/rooms/", json!({})).await;
    let room = opened.is(201)["room"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/api/admin/rooms/{room}/notes/");
    let acks = Arc::new(Acks::default());
    let mut writers: Vec<Writer> = (0..WRITERS).map(|_| Writer::default()).collect();
    for round in 1..=KILLS {
        let rest = sign_in(&running).await;
        let tasks: Vec<_> = writers
            .into_iter()
            .map(|writer| tokio::spawn(writer.write(rest.clone(), path.clone(), acks.clone())))
            .collect();
        acks.reach(round * ACKS).await;
        running.end(Signal::KILL).await;
        writers = Vec::new();
        for task in tasks {
            writers.push(task.await.expect("it ends"));
        }
        running = place.serve().await;
    }
    let rest = sign_in(&running).await;
    for writer in &mut writers {
        // What was on its way is settled by its id.
        let wrote = writer.settle_one(&rest, &path, &acks).await;
        assert!(wrote, "the server runs");
    }
    let stored = stored(&rest, &path).await;
    let mut known = 0;
    for writer in &writers {
        known += writer.acked.len();
        for (id, no) in &writer.acked {
            assert_eq!(
                stored.get(id),
                Some(no),
                "acked and not there, or elsewhere"
            );
        }
        let numbers = writer.acked.iter().map(|(_, no)| *no);
        assert!(numbers.is_sorted(), "in the order of writing");
    }
    assert_eq!(stored.len(), known, "nothing else is stored");
    assert!(known >= KILLS * ACKS);
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_neither_lost_nor_doubled_by_kills() {
    survives_kills(Place::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_neither_lost_nor_doubled_by_kills_on_postgres() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let database = postgres.create_database().expect("a database");
    survives_kills(Place::new().with("SHOPTALK_STORAGE__URL", &database.url())).await;
}
