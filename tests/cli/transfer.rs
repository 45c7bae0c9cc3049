//! Export, import and stats.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::{PASSWORD, Value, json};
use crate::process::{Place, Running};

/// Opens a room with these details, posts into it, and returns its id.
async fn talk(running: &Running, details: Value, contents: &[&str]) -> String {
    let opened: Value = running
        .rest()
        .post("/api/chat/rooms/", details)
        .await
        .is(201);
    let token = opened["token"].as_str().expect("a token");
    let id = opened["room"]["id"].as_str().expect("an id").to_owned();
    let rest = running.rest().bearer(token);
    for content in contents {
        let message = json!({"id": uuid::Uuid::new_v4(), "content": content});
        let path = format!("/api/chat/rooms/{id}/messages/");
        rest.post(&path, message).await.is(201);
    }
    id
}

fn types(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["type"].as_str().expect("a type").to_owned()
        })
        .collect()
}

fn is_empty(directory: &Path) -> bool {
    !directory.exists()
        || std::fs::read_dir(directory)
            .expect("listed")
            .next()
            .is_none()
}

#[tokio::test]
async fn an_export_beside_a_server_and_without_one_and_after_an_import_is_the_same() {
    let place = Place::new();
    place.add("mia", PASSWORD, &[]).await.well();
    let running = place.serve().await;
    talk(&running, json!({"customer_name": "Ann"}), &["one", "=2+2"]).await;
    talk(
        &running,
        json!({"customer_name": "Bob"}),
        &["\"quoted\"\r\n\u{2028}"],
    )
    .await;
    let live = place.run(&["export"]).await.well();
    assert_eq!(
        types(&live),
        [
            "agent", "visitor", "room", "message", "message", "visitor", "room", "message"
        ]
    );
    assert!(
        !live.contains("argon2") && !live.contains("token"),
        "{live}"
    );
    place
        .run(&["import", "none.jsonl"])
        .await
        .failed(&["none.jsonl"]);
    place.write("live.jsonl", &live);
    place
        .run(&["import", "live.jsonl"])
        .await
        .failed(&["stop it first"]);
    running.stop().await;

    assert_eq!(place.run(&["export"]).await.well(), live);
    let table = place.run(&["export", "--format", "csv"]).await.well();
    assert!(table.contains("\"'=2+2\""), "{table}");

    place.run(&["export", "--out", "out.jsonl"]).await.well();
    let out = place.path().join("out.jsonl");
    assert_eq!(std::fs::read_to_string(&out).expect("read"), live);
    let mode = out.metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    place
        .run(&["export", "--out", "out.jsonl"])
        .await
        .failed(&["out.jsonl", "exists"]);

    let fresh = ["--data-dir", "fresh"];
    let imported = place
        .run(&["import", "out.jsonl", fresh[0], fresh[1]])
        .await;
    assert!(imported.stderr.contains("agent passwd"), "{imported:?}");
    imported.well();
    let again = place
        .run(&["import", "out.jsonl", fresh[0], fresh[1]])
        .await;
    assert!(again.stderr.contains("imported 0 rooms"), "{again:?}");
    again.well();
    assert_eq!(
        place.run(&["export", fresh[0], fresh[1]]).await.well(),
        live
    );
    let stats = place.run(&["stats", fresh[0], fresh[1]]).await.well();
    for line in [
        "messages       3",
        "visitors       2",
        "agents         1",
        "rooms          2 (2 waiting, 0 active, 0 closed, 0 spam, 0 without messages)",
    ] {
        assert!(stats.contains(line), "{stats}");
    }

    let desk =
        r#"{"type":"room","desk":{"assignee":null,"tags":[],"spam":true,"snoozed_until":null},"#;
    place.write("spam.jsonl", &live.replacen(r#"{"type":"room","#, desk, 1));
    let other = ["--data-dir", "other"];
    let args = ["import", "spam.jsonl", other[0], other[1]];
    place.run(&args).await.well();
    let stats = place.run(&["stats", other[0], other[1]]).await.well();
    let rooms = "rooms          2 (1 waiting, 0 active, 0 closed, 1 spam, 0 without messages)";
    assert!(stats.contains(rooms), "{stats}");
}

/// A report by agent, read by mia.
async fn report(running: &Running) -> Value {
    let sign_in = json!({"username": "mia", "password": PASSWORD});
    let session = running.rest().post("/api/admin/login/", sign_in).await;
    let rest = running
        .rest()
        .bearer(session.is(200)["token"].as_str().expect("a token"));
    let rooms: Value = rest.get("/api/admin/rooms/").await.is(200);
    let room = rooms["results"][0]["id"].as_str().expect("an id");
    let path = format!("/api/admin/rooms/{room}/messages/");
    let answers: Value = rest.get(&path).await.is(200);
    if answers["results"].as_array().map(Vec::len) == Some(1) {
        let message = json!({"id": uuid::Uuid::new_v4(), "content": "an answer"});
        rest.post(&path, message).await.is(201);
    }
    rest.get("/api/admin/reports/?by=agent").await.is(200)
}

#[tokio::test]
async fn reports_say_the_same_of_agents_after_an_import() {
    let place = Place::new();
    place
        .add("mia", PASSWORD, &["--role", "admin"])
        .await
        .well();
    let running = place.serve().await;
    talk(&running, json!({"customer_name": "Ann"}), &["one"]).await;
    let before = report(&running).await;
    assert!(before.to_string().contains("\"name\":\"mia\""), "{before}");
    running.stop().await;
    let all = place.run(&["export"]).await.well();

    let fresh = Place::new();
    fresh.write("all.jsonl", &all);
    fresh.run(&["import", "all.jsonl"]).await.well();
    let args = ["agent", "passwd", "mia", "--password-stdin"];
    fresh
        .run_with_input(&args, &format!("{PASSWORD}\n"))
        .await
        .well();
    let running = fresh.serve().await;
    assert_eq!(report(&running).await, before);
    running.stop().await;
}

#[tokio::test]
async fn an_import_does_not_bring_an_erased_person_back() {
    let place = Place::new();
    let running = place.serve().await;
    let ann = json!({"customer_email": "ann@example.com"});
    talk(&running, ann, &["zymurgist"]).await;
    talk(&running, json!({"customer_name": "Bob"}), &["hello"]).await;
    let all = place.run(&["export"]).await.well();
    place.write("all.jsonl", &all);
    let erased = place.run(&["erase", "email:ann@example.com"]);
    erased.await.well();
    running.stop().await;
    let left = place.run(&["export"]).await.well();
    let imported = place.run(&["import", "all.jsonl"]).await;
    let erased = "left out because they were erased: 1 room and 1 visitor";
    assert!(imported.stderr.contains(erased), "{imported:?}");
    imported.well();
    assert_eq!(place.run(&["export"]).await.well(), left);
    assert!(left.contains("hello") && !left.contains("zymurgist"));
}

/// A new database knows of no erasure, but the ledger beside the backups does.
#[tokio::test]
async fn an_import_into_a_new_database_leaves_out_what_the_ledger_lists() {
    let place = Place::new();
    let kept = place.path().join("kept");
    let place = place.with("SHOPTALK_BACKUP__DIRECTORY", &kept.display().to_string());
    let running = place.serve().await;
    let ann = json!({"customer_email": "ann@example.com"});
    talk(&running, ann, &["zymurgist"]).await;
    let bob = json!({"customer_name": "Bob"});
    let room = talk(&running, bob, &["quixotry", "hello"]).await;
    let all = place.run(&["export"]).await.well();
    place.write("all.jsonl", &all);
    let erased = place.run(&["erase", "email:ann@example.com"]);
    erased.await.well();
    running.stop().await;
    let ledger = kept.join("erasures.jsonl");
    let message = all
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .find(|line| line["content"] == "quixotry")
        .expect("it was exported");
    let redacted = json!({"at": "2026-01-01T00:00:00.000Z",
        "redacted": [{"room": room, "message": message["id"]}]});
    let listed = std::fs::read_to_string(&ledger).expect("there is one");
    std::fs::write(&ledger, format!("{listed}{redacted}\n")).expect("written");

    let import = ["import", "all.jsonl", "--data-dir", "fresh"];
    let imported = place.run(&import).await;
    for words in [
        "imported 1 room with 2 messages",
        "left out because they were erased: 1 room and 1 visitor",
        "the text of 1 message was left out",
    ] {
        assert!(imported.stderr.contains(words), "{imported:?}");
    }
    imported.well();
    let fresh = place.run(&["export", "--data-dir", "fresh"]).await.well();
    assert!(fresh.contains("hello"), "{fresh}");
    assert!(fresh.contains("\"redacted\":true"), "{fresh}");
    for gone in ["zymurgist", "quixotry", "ann@example.com"] {
        assert!(!fresh.contains(gone), "{fresh}");
    }

    std::fs::write(&ledger, "{\"rooms\": 5}\n").expect("written");
    let refused = place.run(&import).await;
    refused.failed(&["erasures.jsonl", "move it away"]);
}

#[tokio::test]
async fn one_person_or_room_is_exported_without_others_and_without_agents() {
    let place = Place::new();
    place.add("mia", PASSWORD, &[]).await.well();
    let running = place.serve().await;
    let ann = json!({"customer_name": "Ann", "customer_email": "Ann@Example.com"});
    talk(&running, ann, &["from Ann"]).await;
    let bob = talk(
        &running,
        json!({"customer_phone": "+49 30 1"}),
        &["from Bob"],
    )
    .await;
    for who in ["email: ann@example.COM", "phone:+49301"] {
        let text = place.run(&["export", "--person", who]).await.well();
        assert_eq!(types(&text), ["visitor", "room", "message"], "{text}");
        assert_eq!(
            text.contains("from Ann"),
            who.starts_with("email"),
            "{text}"
        );
    }
    let text = place.run(&["export", "--room", &bob]).await.well();
    assert_eq!(types(&text), ["visitor", "room", "message"]);
    assert!(text.contains("from Bob"), "{text}");

    let out = [
        "export",
        "--out",
        "none.jsonl",
        "--person",
        "email:nobody@example.com",
    ];
    place.run(&out).await.failed(&["no visitor"]);
    let nobody = uuid::Uuid::nil().to_string();
    place
        .run(&["export", "--room", &nobody])
        .await
        .failed(&["no room"]);
    assert!(
        !place.path().join("none.jsonl").exists(),
        "a failure leaves nothing"
    );
    let stats = place.run(&["stats"]).await.well();
    assert!(stats.contains("last backup    never"), "{stats}");
    place.run(&["backup", "backup.db"]).await.well();
    let stats = place.run(&["stats"]).await.well();
    assert!(!stats.contains("never"), "{stats}");
    running.stop().await;
}

#[tokio::test]
async fn wrong_arguments_and_files_are_refused_with_what_to_do() {
    let place = Place::new();
    place
        .run(&["export"])
        .await
        .failed(&["no database", "--data-dir"]);
    place.run(&["stats"]).await.failed(&["no database"]);
    assert!(is_empty(&place.data_dir()), "nothing was made");
    for wrong in [
        &["export", "--person", "ann"][..],
        &["export", "--room", "7"],
        &["export", "--format", "xml"],
        &["export", "--room", "7", "--person", "user:1"],
        &["import"],
    ] {
        let refused = place.run(wrong).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
    place.write("bad.jsonl", "{\"type\":\"agent\"}\n{\"type\":\"spell\"}\n");
    let bad = place.run(&["import", "bad.jsonl"]).await;
    bad.failed(&["line 1", "line 2", "spell", "run the import again"]);
}
