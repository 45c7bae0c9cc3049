//! Erasing a person, beside a running server and without one.

use std::path::Path;

use shoptalk::jobs::ledger::Ledger;

use crate::common::{DEADLINE, PASSWORD, Socket, Value, json, new_id};
use crate::process::{Place, Running};

const WORD: &str = "zymurgist";

/// A visitor's room over REST, and its socket.
struct Customer {
    token: String,
    room_id: String,
}

impl Customer {
    async fn arrive(running: &Running, details: Value) -> Self {
        let opened = running.rest().post("/api/chat/rooms/", details).await;
        let opened: Value = opened.is(201);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self {
            token: text(&opened["token"]),
            room_id: text(&opened["room"]["id"]),
        }
    }

    fn path(&self) -> String {
        format!("/api/chat/rooms/{}/messages/", self.room_id)
    }

    async fn post(&self, running: &Running, content: &str) {
        let message = json!({"id": new_id(), "content": content});
        let rest = running.rest().bearer(&self.token);
        rest.post(&self.path(), message).await.is(201);
    }

    async fn connect(&self, running: &Running) -> Socket {
        let path = format!("/ws/chat/{}/", self.room_id);
        let mut socket = Socket::connect(running.addr, &path).await;
        socket
            .send(json!({"type": "hello", "token": self.token}))
            .await;
        socket.expect("welcome").await;
        socket
    }
}

async fn console(running: &Running, cursor: Option<&str>) -> (Socket, Value) {
    let credentials = json!({"username": "mia", "password": PASSWORD});
    let signed_in: Value = running
        .rest()
        .post("/api/admin/login/", credentials)
        .await
        .is(200);
    let mut socket = Socket::connect(running.addr, "/ws/admin/chat/").await;
    let mut hello = json!({"type": "hello", "token": signed_in["token"]});
    if let Some(cursor) = cursor {
        hello["cursor"] = cursor.into();
    }
    socket.send(hello).await;
    let welcome = socket.expect("welcome").await;
    (socket, welcome)
}

fn receipt(stdout: &str) -> Value {
    serde_json::from_str(stdout).expect("the receipt is all of standard output")
}

fn hits(directory: &Path, word: &str) -> usize {
    let mut hits = 0;
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            hits += self::hits(&path, word);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let bytes = bytes.to_ascii_lowercase();
            let windows = bytes.windows(word.len());
            hits += windows.filter(|part| *part == word.as_bytes()).count();
        }
    }
    hits
}

#[tokio::test]
async fn erasing_beside_a_running_server_notifies_every_client() {
    let place = Place::new();
    place
        .add("mia", PASSWORD, &["--role", "admin"])
        .await
        .well();
    let running = place.serve().await;
    let ann = json!({"customer_name": "Ann", "customer_email": "Ann@Example.com"});
    let ann = Customer::arrive(&running, ann).await;
    ann.post(&running, &format!("the {WORD} asks")).await;
    let bob = Customer::arrive(&running, json!({"customer_name": "Bob"})).await;
    bob.post(&running, "I am a friend of ann@example.com").await;
    let (mut console, welcome) = console(&running, None).await;
    let cursor = welcome["cursor"].as_str().expect("a cursor").to_owned();
    console
        .send(json!({"type": "join", "room_id": ann.room_id}))
        .await;
    console.expect("joined").await;
    let mut tab = ann.connect(&running).await;
    let mut other = bob.connect(&running).await;

    let dry = place.run(&["erase", "email:ann@example.com", "--dry-run"]);
    let dry = receipt(&dry.await.well());
    assert_eq!(dry["dry_run"], true);
    assert_eq!(dry["rooms"], json!([ann.room_id]));
    assert_eq!(dry["unreachable_at"], Value::Null);
    ann.post(&running, "still here").await;

    let done = place.run(&["erase", "email: ANN@example.com"]).await.well();
    assert!(!done.to_lowercase().contains("ann@"), "never who: {done}");
    let done = receipt(&done);
    let counts = json!({"visitors": 1, "rooms": 1, "messages": 2, "tokens": 1});
    assert_eq!(done["erased"], counts);
    assert_eq!(done["rooms"], json!([ann.room_id]));
    assert_eq!(done["mentioned_in"], json!([bob.room_id]));
    assert!(done["unreachable_at"].is_string());
    assert_eq!(done["bytes_gone_at"], Value::Null);

    assert_eq!(tab.closed().await, Some(4506));
    let removed = console.expect("removed").await;
    assert_eq!(removed["room_id"], ann.room_id.as_str());
    let newest = removed["cursor"].as_str().expect("a cursor").to_owned();
    other.post("my socket stays").await;
    let rest = running.rest().bearer(&ann.token);
    let message = json!({"id": new_id(), "content": "I was offline"});
    rest.post(&ann.path(), message).await.is(401);
    let path = format!("/ws/chat/{}/", ann.room_id);
    let mut late = Socket::connect(running.addr, &path).await;
    late.send(json!({"type": "hello", "token": ann.token}))
        .await;
    assert_eq!(late.closed().await, Some(4500));

    let (_, welcome) = self::console(&running, Some(&cursor)).await;
    assert_eq!(welcome["recovered"], false, "it may show what is gone");
    let (_, welcome) = self::console(&running, Some(&newest)).await;
    assert_eq!(welcome["recovered"], true);

    let ledger = Ledger::in_directory(&place.data_dir().join("backups"));
    let ledger = ledger.read().expect("it reads").expect("it is there");
    let rooms: Vec<String> = ledger
        .erased
        .rooms
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(rooms, [ann.room_id.as_str()]);

    assert!(hits(&place.data_dir(), WORD) > 0, "the search can see");
    let again = place
        .run(&["erase", "email:ann@example.com", "--now"])
        .await;
    assert!(again.stderr.contains("nobody matches"), "{again:?}");
    let again = receipt(&again.well());
    assert!(again["bytes_gone_at"].is_string(), "{again}");
    assert_eq!(hits(&place.data_dir(), WORD), 0);
    other.post("and stays").await;
    running.stop().await;
    assert_eq!(hits(&place.data_dir(), WORD), 0);
}

#[tokio::test]
async fn erasing_without_a_server_removes_the_same() {
    let place = Place::new();
    let running = place.serve().await;
    let ann = Customer::arrive(&running, json!({"customer_phone": "+49 30 1234"})).await;
    ann.post(&running, WORD).await;
    let bob = Customer::arrive(&running, json!({"customer_phone": "+49 30 12345"})).await;
    bob.post(&running, "hello").await;
    running.stop().await;
    let out = place.path().join("backup.db").display().to_string();
    place.run(&["backup", &out]).await.well();

    let kept = place
        .data_dir()
        .join("backups/shoptalk-2026-11-28T03-00-00Z.db");
    std::fs::create_dir(place.data_dir().join("backups")).expect("made");
    std::fs::write(&kept, "an automatic backup").expect("written");
    let done = place.run(&["erase", "phone:+49301234", "--now"]).await;
    let done = receipt(&done.well());
    let held = &done["backups"][0];
    let file = held["file"].as_str().expect("a name");
    assert_eq!(Path::new(file).file_name(), kept.file_name());
    assert_eq!(held["made_at"], "2026-11-28T03:00:00.000Z");
    assert!(held["kept_until"].is_string(), "{done}");
    assert_eq!(done["rooms"], json!([ann.room_id]));
    assert!(done["bytes_gone_at"].is_string());
    assert_eq!(hits(&place.data_dir(), WORD), 0);

    let running = place.serve().await;
    let rest = running.rest().bearer(&bob.token);
    rest.get(&bob.path()).await.is(200);
    running
        .rest()
        .bearer(&ann.token)
        .get(&ann.path())
        .await
        .is(401);
}

#[tokio::test]
async fn wrong_or_unknown_names_erase_nobody() {
    let place = Place::new();
    place
        .run(&["erase", "email:a@b"])
        .await
        .failed(&["no database", "--data-dir"]);
    place.add("mia", PASSWORD, &[]).await.well();
    for wrong in ["ann", "email:", "mail:a@b"] {
        place
            .run(&["erase", wrong])
            .await
            .misused(&["user:", "email:", "phone:"]);
    }
    place.run(&["erase"]).await.misused(&["<WHO>"]);
    let nobody = place.run(&["erase", "user:nobody"]).await;
    assert!(nobody.stderr.contains("nobody matches"), "{nobody:?}");
    let nobody = receipt(&nobody.well());
    assert_eq!(
        (&nobody["erasure"], &nobody["unreachable_at"]),
        (&Value::Null, &Value::Null)
    );
}

/// Ann, who is in a backup and was erased after it, and Bob. The server has stopped.
struct Erased {
    place: Place,
    backup: String,
    ann: Customer,
    bob: Customer,
}

impl Erased {
    async fn after_a_backup() -> Self {
        let place = Place::new();
        let running = place.serve().await;
        let ann = Customer::arrive(&running, json!({"customer_email": "ann@example.com"})).await;
        ann.post(&running, WORD).await;
        let bob = Customer::arrive(&running, json!({"customer_name": "Bob"})).await;
        bob.post(&running, "hello").await;
        std::fs::create_dir(place.path().join("out")).expect("made");
        let backup = place.path().join("out/backup.db").display().to_string();
        place.run(&["backup", &backup]).await.well();
        let erased = place.run(&["erase", "email:ann@example.com", "--now"]);
        erased.await.well();
        running.stop().await;
        Self {
            place,
            backup,
            ann,
            bob,
        }
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.place.data_dir().join("backups/erasures.jsonl")
    }

    fn lose_the_disk(&self) {
        std::fs::remove_dir_all(self.place.data_dir()).expect("the disk is lost");
    }

    async fn restore(&self) -> String {
        let restored = self.place.run(&["restore", &self.backup]).await;
        let said = restored.stderr.clone();
        restored.well();
        said
    }

    async fn assert_ann_is_gone_and_bob_is_not(&self) {
        assert_eq!(hits(&self.place.data_dir(), WORD), 0);
        let running = self.place.serve().await;
        let as_ann = running.rest().bearer(&self.ann.token);
        as_ann.get(&self.ann.path()).await.is(401);
        let as_bob = running.rest().bearer(&self.bob.token);
        as_bob.get(&self.bob.path()).await.is(200);
        running.stop().await;
        assert_eq!(hits(&self.place.data_dir(), WORD), 0);
    }
}

const AGAIN: &str = "erased again because they were erased since: 1 visitor, 1 room and";

#[tokio::test]
async fn a_restore_does_not_bring_an_erased_person_back() {
    let erased = Erased::after_a_backup().await;
    assert!(hits(&erased.place.path().join("out"), WORD) > 0);
    std::fs::remove_file(erased.ledger()).expect("the present database knows as well");
    let said = erased.restore().await;
    assert!(said.contains(AGAIN), "{said}");
    assert!(!said.contains("shoptalk erase"), "{said}");
    erased.assert_ann_is_gone_and_bob_is_not().await;
    let running = erased.place.serve().await;
    let complete = async {
        while !erased.ledger().exists() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let complete = tokio::time::timeout(DEADLINE, complete).await;
    complete.expect("the server makes the ledger complete again");
    running.stop().await;
}

#[tokio::test]
async fn after_the_loss_of_the_disk_the_ledger_beside_the_backup_is_enough() {
    let erased = Erased::after_a_backup().await;
    let beside = erased.place.path().join("out/erasures.jsonl");
    std::fs::copy(erased.ledger(), &beside).expect("it is kept with the backup");
    erased.lose_the_disk();
    let said = erased.restore().await;
    assert!(said.contains(AGAIN), "{said}");
    assert!(said.contains("newest entry is of 20"), "{said}");
    erased.assert_ann_is_gone_and_bob_is_not().await;

    std::fs::write(&beside, "{\"rooms\": 5}\n").expect("written");
    let refused = erased.place.run(&["restore", &erased.backup]).await;
    refused.failed(&["erasures.jsonl", "move it away"]);
}

#[tokio::test]
async fn without_either_the_restore_says_since_when_it_cannot_know() {
    let erased = Erased::after_a_backup().await;
    erased.lose_the_disk();
    let said = erased.restore().await;
    let since = "beside the backups says what was erased since 20";
    assert!(said.contains(since), "{said}");
    assert!(said.contains("shoptalk erase"), "{said}");
    assert!(hits(&erased.place.data_dir(), WORD) > 0, "it came back");
    let again = erased
        .place
        .run(&["erase", "email:ann@example.com", "--now"]);
    again.await.well();
    erased.assert_ann_is_gone_and_bob_is_not().await;
}

#[tokio::test]
async fn a_backup_that_is_copied_by_hand_brings_nobody_back() {
    let erased = Erased::after_a_backup().await;
    let database = erased.place.data_dir().join("shoptalk.db");
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{beside}", database.display()));
    }
    std::fs::copy(&erased.backup, &database).expect("copied");
    let running = erased.place.serve().await;
    let as_ann = running.rest().bearer(&erased.ann.token);
    as_ann.get(&erased.ann.path()).await.is(401);
    let as_bob = running.rest().bearer(&erased.bob.token);
    as_bob.get(&erased.bob.path()).await.is(200);
    let said = running.stop().await.join("\n");
    assert!(
        said.contains("erasures.jsonl lists was erased again"),
        "{said}"
    );
    let found = erased.place.run(&["export"]).await.well();
    assert!(!found.contains(WORD) && found.contains("hello"), "{found}");

    // Once is enough.
    let said = erased.place.serve().await.stop().await.join("\n");
    assert!(!said.contains("erased again"), "{said}");
}
