//! Commands that work on a PostgreSQL database, beside servers that share it.

use shoptalk_local_servers::{Database, Postgres};

use crate::common::{PASSWORD, Value, json, new_id};
use crate::process::{Place, Running};
use crate::serve::the_command_beside_the_link_works;

const WORD: &str = "zymurgist";

/// A directory for commands, and a database of its own. `None` where PostgreSQL is not installed.
fn place() -> Option<(Place, Database<'static>)> {
    let database = Postgres::shared()?.create_database().expect("a database");
    let place = Place::new().with("SHOPTALK_STORAGE__URL", &database.url());
    Some((place, database))
}

/// Opens a room with these details, posts into it, and returns its id and its token.
async fn talk(running: &Running, details: Value, content: &str) -> (String, String) {
    let rest = running.rest();
    let opened: Value = rest.post("/api/chat/rooms/", details).await.is(201);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (id, token) = (text(&opened["room"]["id"]), text(&opened["token"]));
    let message = json!({"id": new_id(), "content": content});
    let path = format!("/api/chat/rooms/{id}/messages/");
    let rest = running.rest().bearer(&token);
    rest.post(&path, message).await.is(201);
    (id, token)
}

#[tokio::test]
async fn an_export_beside_a_server_is_imported_into_another_database() {
    let (Some((place, _database)), Some((other, copy))) = (place(), self::place()) else {
        return;
    };
    place.add("mia", PASSWORD, &[]).await.well();
    let running = place.serve().await;
    talk(&running, json!({"customer_name": "Ann"}), "one").await;
    talk(&running, json!({"customer_name": "Bob"}), "two").await;
    let exported = place.run(&["export"]).await.well();
    assert_eq!(exported.lines().count(), 7, "{exported}");
    other.write("export.jsonl", &exported);
    let beside = other.serve().await;
    other.run(&["import", "export.jsonl"]).await.well();
    other.run(&["import", "export.jsonl"]).await.well();
    let again = other.run(&["export"]).await.well();
    assert_eq!(again, exported);
    let counts = "SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM messages)";
    assert_eq!(copy.psql(counts).expect("counted"), "2|2");
    drop(beside);
}

#[tokio::test]
async fn the_command_beside_the_setup_link_finds_the_database_and_shows_no_url() {
    let Some((given, database)) = place() else {
        return;
    };
    let mut running = given.serve().await;
    let line = running.line(" agent add NAME").await;
    let variable = "where SHOPTALK_STORAGE__URL is this server's storage.url";
    assert!(line.contains(variable), "{line}");
    assert!(!line.contains("postgres:"), "{line}");
    running.stop().await;

    let file = Place::new();
    let setting = format!("[storage]\nurl = \"{}\"\n", database.url());
    file.write("shop.toml", &setting);
    the_command_beside_the_link_works(&file, &["--config", "shop.toml"]).await;

    let Some((_, database)) = place() else {
        return;
    };
    let file = Place::new().with("SHOPTALK_STORAGE__URL_FILE", "url of the shop");
    file.write("url of the shop", &database.url());
    the_command_beside_the_link_works(&file, &[]).await;
}

#[tokio::test]
async fn stats_are_those_of_the_database() {
    let Some((place, _database)) = place() else {
        return;
    };
    place.add("mia", PASSWORD, &[]).await.well();
    let running = place.serve().await;
    talk(&running, json!({"customer_name": "Ann"}), "one").await;
    let printed = place.run(&["stats"]).await.well();
    for line in [
        "rooms          1 (1 waiting, 0 active, 0 closed, 0 spam, 0 without messages)",
        "messages       1",
        "visitors       1",
        "agents         1",
    ] {
        assert!(printed.contains(line), "{line} in: {printed}");
    }
    assert!(!printed.contains("free on disk"), "{printed}");
    drop(running);
}

#[tokio::test]
async fn who_is_erased_beside_a_server_is_gone_from_the_database() {
    let Some((place, database)) = place() else {
        return;
    };
    let running = place.serve().await;
    let ann = json!({"customer_name": "Ann", "customer_email": "Ann@Example.com"});
    let (room, token) = talk(&running, ann, &format!("the {WORD} asks")).await;
    talk(&running, json!({"customer_name": "Bob"}), "hello").await;
    let printed = place.run(&["erase", "email:ann@example.com"]).await.well();
    let receipt: Value = serde_json::from_str(&printed).expect("a receipt");
    let counts = json!({"visitors": 1, "rooms": 1, "messages": 1, "tokens": 1});
    assert_eq!(receipt["erased"], counts);
    assert_eq!(receipt["rooms"], json!([room]));
    assert!(receipt["unreachable_at"].is_string());
    assert_eq!(receipt["bytes_gone_at"], Value::Null);
    let dump = database.dump().expect("dumped");
    assert!(!dump.contains(WORD) && dump.contains("Bob"));
    let rest = running.rest().bearer(&token);
    let path = format!("/api/chat/rooms/{room}/messages/");
    rest.get(&path).await.is(401);
}

#[tokio::test]
async fn who_asks_for_the_bytes_at_once_is_told_what_postgres_needs() {
    let Some((place, _database)) = place() else {
        return;
    };
    let refused = place
        .run(&["erase", "email:ann@example.com", "--now"])
        .await;
    refused.failed(&["nobody was erased", "VACUUM FULL"]);
}

#[tokio::test]
async fn a_shop_moves_to_postgres_and_goes_on_there() {
    let Some((place, database)) = place() else {
        return;
    };
    let old = Place::new();
    let data = old.data_dir().display().to_string();
    old.add("mia", PASSWORD, &[]).await.well();
    let running = old.serve().await;
    let ann = json!({"customer_name": "Ann"});
    let (room, token) = talk(&running, ann, "before").await;
    let path = format!("/api/chat/rooms/{room}/messages/");
    let rest = running.rest().bearer(&token);
    let page: Value = rest.get(&path).await.is(200);
    let url = database.url();
    let migrate = ["migrate", "--to", &url];
    let busy = old.run(&migrate).await;
    busy.failed(&["stop it first"]);
    running.stop().await;
    let with_password = url.replace("@", ":secret@");
    let refused = old.run(&["migrate", "--to", &with_password]).await;
    refused.misused(&["PGPASSWORD"]);
    assert!(!refused.stderr.contains("secret"));
    let exported = old.run(&["export"]).await.well();
    old.run(&migrate).await.well();
    let again = old.run(&migrate).await;
    assert!(again.stderr.contains("has it already"), "{again:?}");
    again.well();
    old.run(&["serve"])
        .await
        .failed(&["has moved to postgres://", "storage.url"]);
    old.run(&["agent", "list"]).await.failed(&["has moved to"]);
    assert_eq!(place.run(&["export"]).await.well(), exported);
    let running = place.serve().await;
    let rest = running.rest().bearer(&token);
    let there: Value = rest.get(&path).await.is(200);
    assert_eq!(there, page);
    let message = json!({"id": new_id(), "content": "after"});
    let posted: Value = rest.post(&path, message).await.is(201);
    assert_eq!(posted["message"]["seq"], 2);
    assert!(std::path::Path::new(&data).join("shoptalk.db").is_file());
}

#[tokio::test]
async fn backups_of_postgres_are_its_own() {
    let Some((place, _database)) = place() else {
        return;
    };
    place.write("old.db", "a backup");
    for args in [&["backup", "copy.db"][..], &["restore", "old.db"]] {
        place.run(args).await.failed(&["PostgreSQL", "pg_dump"]);
    }
}
