//! P19: replies that a server reads from a mailbox while it is killed.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use shoptalk_local_servers::{Dovecot, unless_missing};

use crate::common::{PASSWORD, Rest, SmtpSink, eventually, new_id};
use crate::process::{Process, Setup};
use crate::report::{Form, Line};

/// The longest time from the arrival of a mail to the kill. A server that is at rest has posted it
/// by then.
const KILLED_WITHIN: Duration = Duration::from_millis(40);

/// The server is killed at any moment after a reply has arrived: before it was fetched, while it is
/// posted, before the place in the mailbox is saved. Each reply is one message, in order.
pub(crate) async fn killed_while_it_reads(form: Form, line: Line) -> Result<()> {
    let starting = tokio::task::spawn_blocking(Dovecot::start).await?;
    let Some(dovecot) = unless_missing(starting) else {
        return Ok(());
    };
    let mut random = StdRng::seed_from_u64(form.seed);
    let sink = SmtpSink::start().await;
    let mut setup = Setup::new()
        .with("SHOPTALK_MAIL__SMTP_URL", &sink.url())
        .with("SHOPTALK_MAIL__IMAP_URL", &dovecot.url())
        .with("SHOPTALK_MAIL__FROM", "The Shop <chat@shop.example>")
        .with("SHOPTALK_MAIL__AFTER_MS", "1");
    setup.add_agent().await?;
    let mut server = setup.serve().await?;
    eventually("the mailbox is read", async || {
        server.rest().metric("shoptalk_mail_imap_up").await == 1.0
    })
    .await;
    let room = answered_customer(&server).await;
    let reply_to = sink.wait_for(1).await[0].address("Reply-To");
    eventually("the mail is recorded", async || {
        server.rest().metric("shoptalk_mail_sent_total").await == 1.0
    })
    .await;
    let replies: Vec<String> = (0..form.pick(5, 100))
        .map(|at| format!("Reply {at}"))
        .collect();
    for (at, text) in replies.iter().enumerate() {
        let raw = format!(
            "From: ann@example.com\r\nTo: {reply_to}\r\nMessage-ID: <{at}@example.com>\r\n\r\n{text}\r\n"
        );
        dovecot.deliver(raw.as_bytes())?;
        tokio::time::sleep(random.random_range(Duration::ZERO..KILLED_WITHIN)).await;
        server.kill().await?;
        server = setup.serve().await?;
    }
    let agent = agent(&server).await;
    eventually("the last reply is there", async || {
        contents(&agent, &room).await.last() == replies.last()
    })
    .await;
    let posted = contents(&agent, &room).await.split_off(2);
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!(
            "replies in a mailbox, killed while it is read, {} ×",
            replies.len()
        ),
        format!(
            "{} replies, {} messages, in order: {}",
            replies.len(),
            posted.len(),
            posted == replies
        ),
        "each one message, in order",
        posted == replies,
    )
}

/// A customer who has asked and got an answer: the room's id.
async fn answered_customer(server: &Process) -> String {
    let details = json!({"customer_name": "Ann", "customer_email": "ann@example.com"});
    let opened = server
        .rest()
        .post("/api/chat/rooms/", details)
        .await
        .is(201);
    let room = opened["room"]["id"].as_str().unwrap_or_default().to_owned();
    let customer = server
        .rest()
        .bearer(opened["token"].as_str().unwrap_or_default());
    let message = json!({"id": new_id(), "content": "Is it red?"});
    let path = format!("/api/chat/rooms/{room}/messages/");
    customer.post(&path, message).await.is(201);
    let answer = json!({"id": new_id(), "content": "Yes"});
    let path = format!("/api/admin/rooms/{room}/messages/");
    agent(server).await.post(&path, answer).await.is(201);
    room
}

async fn agent(server: &Process) -> Rest {
    let credentials = json!({"username": "ada", "password": PASSWORD});
    let session = server.rest().post("/api/admin/login/", credentials).await;
    let token = session.is(200)["token"].as_str().map(str::to_owned);
    server.rest().bearer(&token.unwrap_or_default())
}

/// What the newest messages of a room say, all of a trial.
async fn contents(agent: &Rest, room: &str) -> Vec<String> {
    let path = format!("/api/admin/rooms/{room}/messages/?limit=200");
    let page = agent.get(&path).await.is(200);
    let messages = page["results"].as_array().cloned().unwrap_or_default();
    let content = |message: &serde_json::Value| message["content"].as_str().map(str::to_owned);
    messages.iter().filter_map(content).collect()
}
