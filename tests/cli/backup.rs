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

/// The files of the data directory, except those that SQLite keeps beside a database in use.
fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        })
        .filter(|name| {
            let beside = ["-wal", "-shm", ".commits"];
            !beside.iter().any(|end| name.ends_with(end))
        })
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
    assert!(
        verified.stderr.contains("1 room, 1 message,"),
        "{verified:?}"
    );
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
    let made = "made a new database, ";
    assert!(restored.stderr.contains(made), "{restored:?}");
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

    let plain = place.data_dir().join("shoptalk.db");
    std::fs::copy(plain, place.path().join("plain.db")).expect("copied");
    for command in ["verify", "restore"] {
        let plain = place.run(&[command, "plain.db"]).await;
        plain.failed(&["plain.db", "not a backup", "-wal"]);
    }
    // Nobody can make files there, root included.
    let unwritable = place.run(&["backup", "/proc/backup.db"]).await;
    unwritable.failed(&["/proc/backup.db"]);
    assert_eq!(names_in(&place.data_dir()), before, "nothing is left");

    place.run(&["backup", &out]).await.well();
    let mut bytes = std::fs::read(&out).expect("it reads");
    std::fs::write(place.path().join("short.db"), &bytes[..1_000]).expect("it is written");
    for command in ["verify", "restore"] {
        let ended = place.run(&[command, "short.db"]).await;
        ended.failed(&["short.db is damaged, use another backup"]);
        assert!(!ended.stderr.contains("restore a backup"), "{ended:?}");
    }
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&out, bytes).expect("it is damaged");
    place.run(&["verify", &out]).await.failed(&["damaged"]);
    place.run(&["restore", &out]).await.failed(&["damaged"]);
    assert_eq!(names_in(&place.data_dir()), before);
}

/// The automatic backups of a place, by name.
fn automatic(place: &Place) -> Vec<String> {
    match place.data_dir().join("backups").exists() {
        true => names_in(&place.data_dir().join("backups")),
        false => Vec::new(),
    }
}

/// Waits until there is a backup with its manifest.
async fn automatic_backup(place: &Place) -> String {
    let made = async {
        loop {
            let names = automatic(place);
            if let Some(name) = names.iter().find(|name| name.ends_with(".json")) {
                let stem = name.trim_end_matches(".json").to_owned();
                let backup = names
                    .iter()
                    .find(|name| name.starts_with(&format!("{stem}.db")));
                // The rotation may have come between reading the two names.
                if let Some(backup) = backup {
                    return backup.clone();
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let made = tokio::time::timeout(crate::common::DEADLINE, made).await;
    let name = made.expect("a backup in time");
    let path = place.data_dir().join("backups").join(name);
    path.display().to_string()
}

#[tokio::test]
async fn a_server_makes_backups_by_itself_and_keeps_the_newest_of_the_hour() {
    let place = Place::new()
        .with("SHOPTALK_BACKUP__EVERY_MS", "1000")
        .with("SHOPTALK_BACKUP__MIN_FREE_BYTES", "0");
    let running = place.serve().await;
    let room = Room::open(&running).await;
    room.post("kept").await;
    let first = automatic_backup(&place).await;
    let metrics = running.rest().get("/metrics").await.text;
    assert!(
        metrics.contains("shoptalk_backup_failures_total 0"),
        "{metrics}"
    );
    let replaced = async {
        while Path::new(&first).exists() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let replaced = tokio::time::timeout(crate::common::DEADLINE, replaced).await;
    replaced.expect("a newer backup of the same hour replaces it");
    running.stop().await;
    let backup = automatic_backup(&place).await;
    let manifest = std::fs::read(backup.replace(".db", ".json")).expect("it reads");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let bytes = std::fs::read(&backup).expect("it reads");
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(manifest["sha256"], hash, "as sha256sum prints it");
    assert_eq!(manifest["messages"], 1);
    place.run(&["verify", &backup]).await.well();
    place.run(&["restore", &backup]).await.well();
    let running = place.serve().await;
    assert_eq!(room.on(&running).contents().await, ["kept"]);
}

#[tokio::test]
async fn encrypted_backups_are_read_with_the_identity_alone() {
    use age::secrecy::ExposeSecret;
    let key = age::x25519::Identity::generate();
    let place = Place::new()
        .with("SHOPTALK_BACKUP__EVERY_MS", "1000")
        .with("SHOPTALK_BACKUP__MIN_FREE_BYTES", "0")
        .with("SHOPTALK_BACKUP__RECIPIENTS", &key.to_public().to_string());
    place.write("key.txt", key.to_string().expose_secret());
    place.write(
        "other.txt",
        age::x25519::Identity::generate()
            .to_string()
            .expose_secret(),
    );
    let running = place.serve().await;
    let room = Room::open(&running).await;
    room.post("a secret between the shop and me").await;
    automatic_backup(&place).await;
    let out = outside(&place, "backup.db.age");
    let made = place.run(&["backup", &out]).await;
    assert!(made.stderr.contains("--identity FILE"), "{made:?}");
    made.well();
    running.stop().await;
    let automatic = automatic_backup(&place).await;
    assert!(automatic.ends_with(".db.age"), "{automatic}");
    for file in [&out, &automatic] {
        let bytes = std::fs::read(file).expect("it reads");
        assert!(!bytes.windows(8).any(|part| part == b"a secret"));
        place.run(&["verify", file]).await.failed(&["--identity"]);
        place.run(&["restore", file]).await.failed(&["--identity"]);
        let wrong = place
            .run(&["verify", file, "--identity", "other.txt"])
            .await;
        wrong.failed(&["not encrypted to any identity in other.txt"]);
        let none = place.run(&["verify", file, "--identity", file]).await;
        none.failed(&["not a file of age identities"]);
        place
            .run(&["verify", file, "--identity", "key.txt"])
            .await
            .well();
    }
    let restored = place.run(&["restore", &out, "--identity", "key.txt"]).await;
    restored.well();
    let left = names_in(&place.data_dir());
    assert!(
        !left.iter().any(|name| name.contains("partial")),
        "{left:?}"
    );
    let running = place.serve().await;
    assert_eq!(
        room.on(&running).contents().await,
        ["a secret between the shop and me"]
    );
}

/// No database is asked: the commands know it from the settings.
#[tokio::test]
async fn for_postgres_the_commands_name_its_tools() {
    let place = Place::new().with(
        "SHOPTALK_STORAGE__URL",
        "postgres://nobody@127.0.0.1:1/shop",
    );
    let out = outside(&place, "backup.db");
    let refused = place.run(&["backup", &out]).await;
    refused.failed(&["storage.url", "pg_dump", "pg_basebackup"]);
    place.write("some.db", "a letter");
    let refused = place.run(&["restore", "some.db"]).await;
    refused.failed(&["storage.url", "pg_restore"]);
    place.write("shop.dump", "PGDMP and more");
    for command in ["verify", "restore"] {
        let refused = place.run(&[command, "shop.dump"]).await;
        refused.failed(&["made by pg_dump", "pg_restore"]);
    }
}
