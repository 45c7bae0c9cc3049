use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::{Rest, Value, json};
use crate::process::{Place, Running};

/// A file outside the data directory.
fn outside(place: &Place, name: &str) -> String {
    place.path().join(name).display().to_string()
}

/// A visitor's room, and how to post in it.
struct Room {
    rest: Rest,
    token: String,
    path: String,
}

impl Room {
    async fn open(running: &Running) -> Self {
        let opened: Value = running
            .rest()
            .post("/api/chat/rooms/", json!({}))
            .await
            .is(201);
        let token = opened["token"].as_str().expect("a token");
        let id = opened["room"]["id"].as_str().expect("an id");
        Self {
            rest: running.rest().bearer(token),
            token: token.to_owned(),
            path: format!("/api/chat/rooms/{id}/messages/"),
        }
    }

    /// The same room on a server that was started again.
    fn on(self, running: &Running) -> Self {
        let rest = running.rest().bearer(&self.token);
        Self { rest, ..self }
    }

    async fn post(&self, content: &str) {
        let id = uuid::Uuid::new_v4();
        let message = json!({"id": id, "content": content});
        self.rest.post(&self.path, message).await.is(201);
    }

    async fn contents(&self) -> Vec<String> {
        let page: Value = self.rest.get(&self.path).await.is(200);
        let messages = page["results"].as_array().expect("messages");
        messages
            .iter()
            .map(|message| message["content"].as_str().expect("text").to_owned())
            .collect()
    }
}

/// What is in the data directory, but for what SQLite keeps beside a database in use.
fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        })
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_beside_a_running_server_brings_the_conversation_back() {
    let place = Place::new();
    let running = place.serve().await;
    let room = Room::open(&running).await;
    room.post("before the backup").await;
    let out = outside(&place, "backup.db");
    place.run(&["backup", &out]).await.well();
    let mode = PathBuf::from(&out)
        .metadata()
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    room.post("after the backup").await;
    let verified = place.run(&["verify", &out]).await;
    assert!(verified.stderr.contains("1 messages"), "{verified:?}");
    verified.well();
    place
        .run(&["restore", &out])
        .await
        .failed(&["stop it first"]);
    assert_eq!(room.contents().await.len(), 2);
    running.stop().await;
    assert_eq!(
        names_in(&place.data_dir()),
        ["shoptalk.db", "shoptalk.lock"],
        "a backup leaves nothing else"
    );

    let restored = place.run(&["restore", &out]).await;
    assert!(restored.stderr.contains("before-restore-"), "{restored:?}");
    restored.well();
    let running = place.serve().await;
    let room = room.on(&running);
    assert_eq!(room.contents().await, ["before the backup"]);
    room.post("and on").await;
}

#[tokio::test]
async fn a_backup_without_a_server_is_as_good() {
    let place = Place::new();
    place.add("mia", crate::common::PASSWORD, &[]).await.well();
    let out = outside(&place, "backup.db");
    place.run(&["backup", &out]).await.well();
    place.run(&["verify", &out]).await.well();
    std::fs::remove_dir_all(place.data_dir()).expect("the disk is lost");
    let restored = place.run(&["restore", &out]).await;
    assert!(
        restored.stderr.contains("no readable former"),
        "{restored:?}"
    );
    restored.well();
    let list = place.run(&["agent", "list"]).await.well();
    assert!(list.contains("mia"), "{list}");
}

#[tokio::test]
async fn bad_targets_and_bad_backups_are_refused_with_what_to_do() {
    let place = Place::new();
    let out = outside(&place, "backup.db");
    let nothing = place.run(&["backup", &out]).await;
    nothing.failed(&["no database", "--data-dir"]);
    assert!(!place.data_dir().exists(), "nothing was made");

    place.add("mia", crate::common::PASSWORD, &[]).await.well();
    place.write("there.db", "mine");
    let there = place.run(&["backup", "there.db"]).await;
    there.failed(&["there.db", "exists"]);
    let inside = place.run(&["backup", "data/backup.db"]).await;
    inside.failed(&["inside the data directory"]);
    let nowhere = place.run(&["backup", "no/such/backup.db"]).await;
    nowhere.failed(&["no/such"]);

    let letter = place.run(&["verify", "there.db"]).await;
    letter.failed(&["there.db", "not a backup"]);
    let missing = place.run(&["verify", "missing.db"]).await;
    missing.failed(&["missing.db"]);
    let before = names_in(&place.data_dir());
    let letter = place.run(&["restore", "there.db"]).await;
    letter.failed(&["not a backup"]);
    assert_eq!(names_in(&place.data_dir()), before);

    place.run(&["backup", &out]).await.well();
    let mut bytes = std::fs::read(&out).expect("it reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&out, bytes).expect("it is damaged");
    place.run(&["verify", &out]).await.failed(&["damaged"]);
    place.run(&["restore", &out]).await.failed(&["damaged"]);
    assert_eq!(names_in(&place.data_dir()), before);
}
