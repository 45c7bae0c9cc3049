//! P19: alerts of a server that is killed while it rings.

use anyhow::{Result, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::common::{Device, PASSWORD, PushService, Rest, eventually, new_id};
use crate::process::{Process, Setup};
use crate::report::{Form, Line};

const ESCALATE: &str = "SHOPTALK_ALERTS__ESCALATE_MS";
/// Long enough for a second ring never to come by itself.
const NEVER_MS: &str = "600000000";

/// The server is killed in the middle of each step: a push service has the message and has not
/// responded. The next start repeats that step under the same topic, and no other.
pub(crate) async fn killed_at_each_step(form: Form, line: Line) -> Result<()> {
    let waits = form.pick(2, 25);
    let service = PushService::start().await;
    let mut setup = Setup::new()
        .with("SHOPTALK_PUSH__ALLOW_PRIVATE", "true")
        .with(ESCALATE, NEVER_MS);
    setup.add_agent().await?;
    let mut server = setup.serve().await?;
    let phone = service.device("phone");
    subscribe(&server, &phone).await?;
    let (mut kills, mut seen) = (0, 0);
    for _ in 0..waits {
        service.hold(true);
        begin_chat(&server).await;
        for step in [1, 2] {
            let held = phone.has_rung(seen + 1).await;
            ensure!(held.len() == seen + 1, "rung too often: {held:?}");
            server.kill().await?;
            kills += 1;
            service.hold(false);
            server = setup.serve().await?;
            let rung = phone.has_rung(seen + 2).await;
            seen += 2;
            ensure!(rung.len() == seen, "rung too often: {rung:?}");
            let repeated = &rung[seen - 2..];
            ensure!(
                repeated[0] == repeated[1],
                "not the same message: {repeated:?}"
            );
            eventually("the step is recorded", async || {
                recorded(&setup).is_ok_and(|recorded| recorded == step)
            })
            .await;
            server.kill().await?;
            setup = setup.with(ESCALATE, if step == 1 { "1" } else { NEVER_MS });
            if step == 1 {
                make_due(&setup)?;
                service.hold(true);
            }
            server = setup.serve().await?;
        }
    }
    server.kill().await?;
    setup.log()?;
    let rung = phone.rung().len();
    line.figure(
        &format!("alerts killed in the middle of a step, {kills} ×"),
        format!("{kills} steps, each repeated once under the same topic; none skipped"),
        "a kill repeats its own step only",
        rung == 2 * kills,
    )
}

/// Switches a device of "ada" on.
async fn subscribe(server: &Process, device: &Device) -> Result<()> {
    let credentials = json!({"username": "ada", "password": PASSWORD});
    let session = server.rest().post("/api/admin/login/", credentials).await;
    let session = session.is(200);
    let token = session["token"].as_str().unwrap_or_default();
    let ada: Rest = server.rest().bearer(token);
    let subscription = device.subscription();
    let made = ada
        .post("/api/admin/push/subscriptions/", subscription)
        .await;
    ensure!(made.status == 201, "{}", made.text);
    Ok(())
}

/// A customer who begins to wait.
async fn begin_chat(server: &Process) {
    let opened = server.rest().post("/api/chat/rooms/", json!({})).await;
    let opened = opened.is(201);
    let customer = server
        .rest()
        .bearer(opened["token"].as_str().unwrap_or_default());
    let room = opened["room"]["id"].as_str().unwrap_or_default();
    let message = json!({"id": new_id(), "content": "Hello?"});
    let path = format!("/api/chat/rooms/{room}/messages/");
    customer.post(&path, message).await.is(201);
}

/// How often devices have rung for the newest wait, as the database has it.
fn recorded(setup: &Setup) -> rusqlite::Result<i64> {
    let database = Connection::open_with_flags(setup.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let newest = "SELECT rung FROM alerts ORDER BY room DESC LIMIT 1";
    database.query_row(newest, [], |row| row.get(0))
}

/// Has the server that starts next look at the newest wait at once.
fn make_due(setup: &Setup) -> rusqlite::Result<()> {
    let database = Connection::open(setup.database())?;
    database.execute(
        "UPDATE alerts SET next_at = 0 WHERE room = (SELECT max(room) FROM alerts)",
        [],
    )?;
    Ok(())
}
