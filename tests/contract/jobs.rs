//! The operator's long work as admins start it over HTTP.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;

use crate::common::{
    IDENTITY_SECRET, Response, Rest, TestServer, Value, Visitor, eventually, in_seconds, json, jwt,
    left_out_on_postgres, new_id, postgres_is_tested,
};

const JOBS: &str = "/api/admin/jobs/";

async fn job(rest: &Rest, id: &str) -> Value {
    let response = rest.get(&format!("{JOBS}{id}/")).await;
    response.is(200)["job"].clone()
}

/// Waits until a job has ended, and returns it.
async fn ended(rest: &Rest, id: &str) -> Value {
    eventually("the job ends", async || {
        job(rest, id).await["state"] != "running"
    })
    .await;
    job(rest, id).await
}

async fn start(rest: &Rest, body: Value) -> String {
    let started = rest.post(JOBS, body).await.is(201)["job"].clone();
    assert_eq!(started["state"], "running");
    started["id"].as_str().expect("an id").to_owned()
}

/// Starts a job that has to succeed, and waits for it.
async fn done(rest: &Rest, body: Value) -> Value {
    let id = start(rest, body).await;
    let job = ended(rest, &id).await;
    assert_eq!(job["state"], "done", "{job}");
    job
}

async fn file(rest: &Rest, job: &Value) -> Response {
    let id = job["id"].as_str().expect("an id");
    rest.get(&format!("{JOBS}{id}/file/")).await
}

async fn cancel(rest: &Rest, id: &str) -> Response {
    Response::to(rest.request(Method::DELETE, &format!("{JOBS}{id}/"))).await
}

async fn arrive_by_mail(server: &TestServer, email: &str) -> Visitor {
    Visitor::arrive_with(server, json!({"customer_email": email})).await
}

/// What the doctor finds of backups.
async fn backup_level(rest: &Rest) -> Value {
    let seen = json!({"origin": "http://127.0.0.1"});
    let found = rest.post("/api/admin/doctor/findings/", seen).await.is(200);
    let findings = found["results"].as_array().expect("findings");
    let backup = findings.iter().find(|finding| finding["check"] == "backup");
    backup.expect("a finding")["level"].clone()
}

/// Everything that the audit says of jobs.
fn audit(server: &TestServer) -> Vec<Vec<String>> {
    server.rows(
        "SELECT action, actor, subject FROM audit
         WHERE action IN ('backup_made', 'exported', 'person_erased', 'rewritten') ORDER BY pk",
    )
}

#[tokio::test]
async fn an_admin_exports_and_fetches_the_file() {
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    let ann = arrive_by_mail(&server, "ann@example.com").await;
    ann.post("the words of Ann").await;
    let bob = arrive_by_mail(&server, "bob@example.com").await;
    bob.post("the words of Bob").await;
    bob.post("=1+1").await;

    let all = done(rest, json!({"kind": "export"})).await;
    let fields = [
        "created_at",
        "done",
        "id",
        "kind",
        "message",
        "state",
        "total",
    ];
    assert_eq!(crate::common::keys(&all), fields);
    assert_eq!(
        (&all["kind"], &all["done"], &all["total"]),
        (&json!("export"), &json!(3), &json!(3))
    );
    assert_eq!(all["message"], "2 conversations with 3 messages");
    let exported = file(rest, &all).await;
    assert_eq!(exported.status, 200);
    for (header, part) in [
        (
            "content-disposition",
            "attachment; filename=\"shoptalk-export-",
        ),
        ("content-disposition", ".jsonl\""),
        ("content-type", "application/octet-stream"),
        ("cache-control", "no-store"),
    ] {
        let value = exported.header(header);
        assert!(value.contains(part), "{header}: {value}");
    }
    for line in exported.text.lines() {
        serde_json::from_str::<Value>(line).expect("a line is JSON");
    }
    assert!(
        exported.text.contains("the words of Ann") && exported.text.contains("the words of Bob")
    );

    let person = json!({"kind": "export", "person": "email:Ann@Example.com"});
    let person = file(rest, &done(rest, person).await).await;
    assert!(person.text.contains("the words of Ann") && !person.text.contains("Bob"));
    let room = json!({"kind": "export", "room": bob.room_id, "format": "csv"});
    let room = file(rest, &done(rest, room).await).await;
    assert!(room.text.contains("the words of Bob") && !room.text.contains("Ann"));
    assert!(room.text.contains("\"'=1+1\""), "{}", room.text);
    assert!(room.header("content-disposition").contains(".csv"));
    let listed = rest.get(JOBS).await.is(200);
    assert!(!listed.to_string().contains("ann@"), "never who: {listed}");
}

#[tokio::test]
async fn a_backup_is_fetched_listed_and_the_last_one() {
    if left_out_on_postgres("its own tools do backups and rewrites") {
        return;
    }
    let mut server = TestServer::start().await;
    let rest = &server.admin().await.rest.clone();
    Visitor::arrive(&server).await.post("to be kept").await;
    let before = rest.get(JOBS).await.is(200);
    assert_eq!(before["results"], json!([]));
    assert_eq!(before["next"], Value::Null);
    assert_eq!(before["backup"]["last_at"], Value::Null);

    assert_eq!(backup_level(rest).await, "skipped");
    let first = done(rest, json!({"kind": "backup"})).await;
    assert_eq!(backup_level(rest).await, "ok");
    let second = done(rest, json!({"kind": "backup"})).await;
    assert!(second["total"].as_u64().expect("a count") > 0);
    assert_eq!(second["done"], second["total"]);
    let list = rest.get(JOBS).await.is(200);
    assert_eq!(list["results"], json!([second, first]), "the newest first");
    assert!(list["backup"]["last_at"].is_string() && list["backup"]["failure"].is_null());
    assert!(list["backup"]["last_bytes"].as_u64().expect("a size") > 0);
    assert!(!list.to_string().contains(".db"), "never a path: {list}");

    // The rotation keeps one backup of an hour; both files are there for a day.
    for job in [&first, &second] {
        let id = job["id"].as_str().expect("an id");
        let request = rest.request(Method::GET, &format!("{JOBS}{id}/file/"));
        let response = request.send().await.expect("a response");
        assert_eq!(response.status(), 200);
        let bytes = response.bytes().await.expect("all of it");
        assert!(bytes.starts_with(b"SQLite format 3\0"));
    }
    let kept = std::fs::read_dir(server.data_dir().join("jobs")).expect("a directory");
    for entry in kept {
        let metadata = entry.expect("an entry").metadata().expect("its mode");
        assert_eq!(metadata.permissions().mode() & 0o077, 0);
    }
    server.restart().await;
    let after = rest.get(JOBS).await.is(200);
    assert_eq!(
        after["results"], list["results"],
        "a restart forgets nothing"
    );
    assert_eq!(after["backup"]["last_at"], list["backup"]["last_at"]);
}

#[tokio::test]
async fn an_erasure_shows_first_what_would_go_and_names_nobody() {
    if left_out_on_postgres("its own tools do backups and rewrites") {
        return;
    }
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let rest = &admin.rest;
    let ann = arrive_by_mail(&server, "ann@example.com").await;
    ann.post("my words").await;
    let who = "email:ann@example.com";
    let export = done(rest, json!({"kind": "export", "person": who})).await;

    let dry = done(rest, json!({"kind": "erase", "who": who, "dry_run": true})).await;
    assert_eq!(
        dry["message"],
        "1 conversation with 1 message would be erased"
    );
    let receipt = file(rest, &dry).await.is(200);
    assert_eq!(
        (&receipt["dry_run"], &receipt["rooms"]),
        (&json!(true), &json!([ann.room_id]))
    );
    admin.summary(&ann.room_id).await;
    assert_eq!(file(rest, &export).await.status, 200);

    let erased = done(rest, json!({"kind": "erase", "who": who})).await;
    assert_eq!(erased["message"], "1 conversation with 1 message erased");
    assert_eq!((&erased["done"], &erased["total"]), (&json!(2), &json!(2)));
    let room = rest.get(&admin.path(&ann.room_id, "")).await;
    room.problem(404, "not_found");
    let receipt = file(rest, &erased).await.is(200);
    assert!(receipt["unreachable_at"].is_string(), "{receipt}");
    // An export of before holds the person.
    file(rest, &export).await.problem(410, "gone");

    let rewritten = done(rest, json!({"kind": "rewrite"})).await;
    file(rest, &rewritten).await.problem(404, "not_found");
    let audit = audit(&server);
    let actions: Vec<&str> = audit.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(
        actions,
        ["exported", "person_erased", "rewritten"],
        "{audit:?}"
    );
    assert!(audit.iter().all(|row| row[1] == admin.id));
    assert_eq!(audit[0][2], export["id"].as_str().expect("an id"));
    assert_eq!(audit[2][2], rewritten["id"].as_str().expect("an id"));
    let jobs = std::fs::read_dir(server.data_dir().join("jobs")).expect("a directory");
    for entry in jobs {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.contains("ann@"), "{}: {text}", path.display());
    }
}

#[tokio::test]
async fn several_people_are_named_to_the_caller_and_in_no_job() {
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    for user in ["one", "two"] {
        let claims = json!({"sub": user, "exp": in_seconds(600), "email": "family@example.com"});
        let identity = jwt(jsonwebtoken::Algorithm::HS256, IDENTITY_SECRET, &claims);
        let visitor = Visitor::arrive_with(&server, json!({"identity": identity})).await;
        visitor.post("hello").await;
    }
    let who = "email:family@example.com";
    for body in [
        json!({"kind": "erase", "who": who, "dry_run": true}),
        json!({"kind": "erase", "who": who}),
        json!({"kind": "export", "person": who}),
    ] {
        let problem = rest.post(JOBS, body).await.problem(409, "conflict");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.contains("user:one, user:two"), "{detail}");
    }
    assert_eq!(rest.get(JOBS).await.is(200)["results"], json!([]));
    let one = done(rest, json!({"kind": "erase", "who": "user:one"})).await;
    assert_eq!(one["message"], "1 conversation with 1 message erased");
}

#[tokio::test]
async fn a_job_runs_alone_of_its_kind_and_can_be_cancelled() {
    if left_out_on_postgres("its own tools do backups and rewrites") {
        return;
    }
    let mut server = TestServer::start().await;
    let rest = &server.admin().await.rest.clone();
    let pause = server.server().backups().pause().await;
    let id = start(rest, json!({"kind": "backup"})).await;
    let second = rest.post(JOBS, json!({"kind": "backup"})).await;
    second.problem(409, "conflict");
    rest.get(&format!("{JOBS}{id}/file/"))
        .await
        .problem(404, "not_found");
    let export = done(rest, json!({"kind": "export"})).await;

    assert_eq!(cancel(rest, &id).await.is(200)["job"]["id"], id);
    let cancelled = ended(rest, &id).await;
    assert_eq!(cancelled["state"], "cancelled");
    file(rest, &cancelled).await.problem(404, "not_found");
    let export_id = export["id"].as_str().expect("an id");
    let again = cancel(rest, export_id).await.is(200);
    assert_eq!(again["job"], export, "one that has ended stays");
    assert_eq!(audit(&server).len(), 1, "only the export was done");

    // One that runs when the server stops has failed.
    let id = start(rest, json!({"kind": "backup"})).await;
    server.stop().await;
    drop(pause);
    server.run().await;
    let failed = job(rest, &id).await;
    assert_eq!(failed["state"], "failed");
    let message = failed["message"].as_str().expect("text");
    assert!(message.contains("start it again"), "{message}");
    done(rest, json!({"kind": "backup"})).await;
}

#[tokio::test]
async fn wrong_requests_are_refused_and_failures_say_why() {
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    for (field, wrong) in [
        ("kind", json!({})),
        ("kind", json!({"kind": "magic"})),
        ("person", json!({"kind": "export", "person": "ann"})),
        ("person", json!({"kind": "export", "person": 7})),
        (
            "person",
            json!({"kind": "export", "person": "user:a", "room": new_id()}),
        ),
        ("room", json!({"kind": "export", "room": "7"})),
        ("format", json!({"kind": "export", "format": "xml"})),
        ("who", json!({"kind": "erase"})),
        ("who", json!({"kind": "erase", "who": "ann@example.com"})),
        (
            "dry_run",
            json!({"kind": "erase", "who": "user:a", "dry_run": "no"}),
        ),
    ] {
        rest.post(JOBS, wrong).await.invalid(field);
    }
    let unknown = new_id();
    for path in [
        format!("{JOBS}{unknown}/"),
        format!("{JOBS}{unknown}/file/"),
        format!("{JOBS}7/"),
    ] {
        rest.get(&path).await.problem(404, "not_found");
    }
    cancel(rest, &unknown).await.problem(404, "not_found");

    for (nobody, why) in [
        (
            json!({"kind": "export", "person": "user:nobody"}),
            "no visitor matches",
        ),
        (json!({"kind": "export", "room": unknown}), "no room"),
    ] {
        let id = start(rest, nobody).await;
        let failed = ended(rest, &id).await;
        assert_eq!(failed["state"], "failed");
        let message = failed["message"].as_str().expect("text");
        assert!(message.contains(why), "{message}");
        file(rest, &failed).await.problem(404, "not_found");
    }
    let nobody = done(rest, json!({"kind": "erase", "who": "user:nobody"})).await;
    assert_eq!(nobody["message"], "0 conversations with 0 messages erased");
}

#[tokio::test]
async fn on_postgres_its_own_tools_make_backups_and_everything_says_so() {
    if !postgres_is_tested() {
        return;
    }
    let server = TestServer::start().await;
    let rest = &server.admin().await.rest;
    for (kind, tool) in [("backup", "pg_dump"), ("rewrite", "VACUUM")] {
        let refused = rest.post(JOBS, json!({"kind": kind})).await;
        let problem = refused.problem(409, "conflict");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.contains(tool), "{detail}");
    }
    assert_eq!(rest.get(JOBS).await.is(200)["backup"], Value::Null);
    assert_eq!(backup_level(rest).await, "skipped");
    let ann = arrive_by_mail(&server, "ann@example.com").await;
    ann.post("hello").await;
    let who = "email:ann@example.com";
    let erased = done(rest, json!({"kind": "erase", "who": who})).await;
    let receipt = file(rest, &erased).await.is(200);
    assert_eq!(receipt["bytes_gone_at"], Value::Null);
    let note = receipt["bytes_note"].as_str().expect("a note");
    assert!(note.contains("VACUUM") && note.contains("WAL"), "{note}");
}
