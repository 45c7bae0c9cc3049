//! What commands leave in the audit: one row each, without the name of any person.

use crate::common::{Value, json, new_id};
use crate::process::Place;

const DUMP: &str = include_str!("../django/fixtures/shop.jsonl");

/// The actions that were recorded, with the principals and subjects in one text.
fn recorded(place: &Place) -> (Vec<String>, String) {
    let database = rusqlite::Connection::open(place.data_dir().join("shoptalk.db"));
    let database = database.expect("it opens");
    let mut statement = database
        .prepare("SELECT action, ifnull(actor, '-') || ' ' || ifnull(subject, '-') FROM audit ORDER BY pk")
        .expect("a statement");
    let rows: Vec<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .expect("rows");
    let (actions, who): (Vec<String>, Vec<String>) = rows.into_iter().unzip();
    (actions, who.join("\n"))
}

#[tokio::test]
async fn each_command_has_one_row_that_does_not_say_whom_it_was_about() {
    let place = Place::new();
    place.write("shop.jsonl", DUMP);
    let beside = |name: &str| place.path().join(name).display().to_string();
    let (backup, export, dump) = (beside("one.db"), beside("out.jsonl"), beside("shop.jsonl"));
    let running = place.serve().await;
    for name in ["ann", "bob"] {
        let details = json!({"customer_email": format!("{name}@example.com")});
        let opened: Value = running
            .rest()
            .post("/api/chat/rooms/", details)
            .await
            .is(201);
        let token = opened["token"].as_str().expect("a token");
        let room = opened["room"]["id"].as_str().expect("an id");
        let message = json!({"id": new_id(), "content": "hello"});
        let path = format!("/api/chat/rooms/{room}/messages/");
        running
            .rest()
            .bearer(token)
            .post(&path, message)
            .await
            .is(201);
    }
    let mut running = Some(running);
    // First beside the server, then without one.
    for who in ["email:ann@example.com", "email:bob@example.com"] {
        let before = recorded(&place).0.len();
        place.run(&["backup", &backup]).await.well();
        std::fs::remove_file(&backup).expect("it was made");
        place
            .run(&["export", "--person", who, "--out", &export])
            .await
            .well();
        std::fs::remove_file(&export).expect("it was made");
        place.run(&["erase", who, "--dry-run"]).await.well();
        place.run(&["erase", who]).await.well();
        if let Some(running) = running.take() {
            running.stop().await;
        }
        let (actions, principals) = recorded(&place);
        assert_eq!(
            actions[before..],
            ["backup_made", "exported", "person_erased"],
            "{who}"
        );
        assert!(!principals.contains("example.com"), "{principals}");
    }
    place.run(&["export", "--out", &export]).await.well();
    let before = recorded(&place).0.len();
    place.run(&["import", &export]).await.well();
    place
        .run(&["import-django", &dump, "--dry-run"])
        .await
        .well();
    place.run(&["import-django", &dump]).await.well();
    assert_eq!(recorded(&place).0[before..], ["imported", "imported"]);
    // The restored database has the audit of the backup, from before its own entry, and a row more.
    let before = recorded(&place).0;
    place.run(&["backup", &backup]).await.well();
    place.run(&["restore", &backup]).await.well();
    let (actions, principals) = recorded(&place);
    assert_eq!(actions, [&before[..], &["restored".to_owned()]].concat());
    assert!(principals.ends_with("command line -"), "{principals}");
}
