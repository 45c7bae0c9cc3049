//! Jobs of admins, and a server that is killed.

use rustix::process::Signal;

use crate::common::{PASSWORD, Rest, Value, json};
use crate::process::{Place, Running};

async fn admin(running: &Running) -> Rest {
    let credentials = json!({"username": "mia", "password": PASSWORD});
    let signed_in = running.rest().post("/api/admin/login/", credentials).await;
    let signed_in: Value = signed_in.is(200);
    running
        .rest()
        .bearer(signed_in["token"].as_str().expect("a token"))
}

#[tokio::test]
async fn a_job_that_ran_when_the_server_was_killed_has_failed_and_left_nothing() {
    let place = Place::new();
    place
        .add("mia", PASSWORD, &["--role", "admin"])
        .await
        .well();
    let running = place.serve().await;
    let rest = admin(&running).await;
    // No write gets through, so the export cannot be recorded, and does not end.
    let database = place.data_dir().join("shoptalk.db");
    let database = rusqlite::Connection::open(database).expect("it opens");
    database
        .busy_timeout(crate::common::DEADLINE)
        .and_then(|()| database.execute_batch("BEGIN IMMEDIATE"))
        .expect("the lock is free in a moment");
    let started = rest
        .post("/api/admin/jobs/", json!({"kind": "export"}))
        .await;
    let id = started.is(201)["job"]["id"].clone();
    running.end(Signal::KILL).await;
    drop(database);

    let running = place.serve().await;
    let rest = admin(&running).await;
    let list = rest.get("/api/admin/jobs/").await.is(200);
    assert_eq!(list["results"][0]["id"], id);
    assert_eq!(list["results"][0]["state"], "failed", "{list}");
    let jobs = std::fs::read_dir(place.data_dir().join("jobs")).expect("a directory");
    let names: Vec<_> = jobs.map(|job| job.expect("an entry").file_name()).collect();
    assert_eq!(
        names,
        [format!("{}.job", id.as_str().expect("an id")).as_str()]
    );
    running.stop().await;
}
