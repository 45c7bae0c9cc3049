//! Mail of a process that is killed at each step of sending.

use rustix::process::Signal;

use crate::common::{Rest, SmtpSink, SmtpStep, Value, eventually, json, new_id};
use crate::process::{Place, Running};

async fn serve(place: &Place) -> Running {
    place.serve().await
}

/// Signs in as the admin.
pub(crate) async fn admin(rest: &Rest) -> Rest {
    let credentials = json!({"username": "ada", "password": "correct horse battery"});
    let session = rest.post("/api/admin/login/", credentials).await.is(200);
    rest.bearer(session["token"].as_str().expect("a token"))
}

/// A customer who waits for an answer: the room's id.
pub(crate) async fn customer(rest: &Rest) -> String {
    let body = json!({"customer_name": "Ann", "customer_email": "ann@example.com"});
    let opened = rest.post("/api/chat/rooms/", body).await.is(201);
    let room = opened["room"]["id"].as_str().expect("an id").to_owned();
    let visitor = rest.bearer(opened["token"].as_str().expect("a token"));
    post(
        &visitor,
        &format!("/api/chat/rooms/{room}/messages/"),
        "Is it red?",
    )
    .await;
    room
}

pub(crate) async fn post(rest: &Rest, path: &str, content: &str) {
    let body = json!({"id": new_id(), "content": content});
    rest.post(path, body).await.is(201);
}

pub(crate) async fn messages(rest: &Rest, room: &str) -> Vec<Value> {
    let list = rest
        .get(&format!("/api/admin/rooms/{room}/messages/"))
        .await;
    list.is(200)["results"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_kill_at_any_step_repeats_at_most_one_mail_with_the_same_id() {
    for step in [SmtpStep::Recipient, SmtpStep::Mail, SmtpStep::Accepted] {
        let sink = SmtpSink::start().await;
        let place = Place::new()
            .with("SHOPTALK_MAIL__SMTP_URL", &sink.url())
            .with("SHOPTALK_MAIL__FROM", "The Shop <chat@shop.example>")
            .with("SHOPTALK_MAIL__HOOK_TOKEN", "a token of the provider")
            .with("SHOPTALK_MAIL__AFTER_MS", "1");
        place
            .add("ada", "correct horse battery", &["--role", "admin"])
            .await;
        let server = serve(&place).await;
        let (rest, agent) = (server.rest(), admin(&server.rest()).await);
        let room = customer(&rest).await;
        sink.stop_at(Some(step));
        post(&agent, &format!("/api/admin/rooms/{room}/messages/"), "Yes").await;
        sink.has_stopped().await;
        server.end(Signal::KILL).await;

        sink.stop_at(None);
        let server = serve(&place).await;
        let (rest, agent) = (server.rest(), admin(&server.rest()).await);
        let sent = async || rest.metric("shoptalk_mail_sent_total").await;
        let at_once = usize::from(step == SmtpStep::Accepted);
        // The relay had said that it has the mail; whether the server got to record that is chance.
        eventually("the mail is sent", async || {
            sent().await >= 1.0 || (at_once == 1 && sink.mails().len() == 1)
        })
        .await;
        let mails = sink.mails();
        assert!((1..=2).contains(&mails.len()), "{step:?}: {}", mails.len());
        if step == SmtpStep::Mail {
            assert_eq!(mails.len(), 2, "nobody had said that it was taken");
        }
        for mail in &mails {
            assert_eq!(mail.header("Message-ID"), mails[0].header("Message-ID"));
            assert_eq!(mail.recipient, "ann@example.com");
            assert!(mail.raw.contains("Yes"), "{}", mail.raw);
        }
        assert_eq!(
            messages(&agent, &room).await.len(),
            2,
            "the room has its two messages"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn a_reply_that_arrives_around_a_kill_is_one_message() {
    let sink = SmtpSink::start().await;
    let place = Place::new()
        .with("SHOPTALK_MAIL__SMTP_URL", &sink.url())
        .with("SHOPTALK_MAIL__FROM", "The Shop <chat@shop.example>")
        .with("SHOPTALK_MAIL__HOOK_TOKEN", "a token of the provider")
        .with("SHOPTALK_MAIL__AFTER_MS", "1");
    place
        .add("ada", "correct horse battery", &["--role", "admin"])
        .await;
    let server = serve(&place).await;
    let (rest, agent) = (server.rest(), admin(&server.rest()).await);
    let room = customer(&rest).await;
    post(&agent, &format!("/api/admin/rooms/{room}/messages/"), "Yes").await;
    let mail = sink.wait_for(1).await.remove(0);
    eventually("it is recorded", async || {
        rest.metric("shoptalk_mail_sent_total").await == 1.0
    })
    .await;
    let reply = format!(
        "From: ann@example.com\r\nTo: {}\r\nMessage-ID: <1@example.com>\r\n\r\nFine\r\n",
        mail.address("Reply-To")
    );
    let hand_in = async |rest: &Rest| {
        let hook = rest.bearer("a token of the provider");
        let body = json!({"raw": reply});
        let request = hook
            .request(reqwest::Method::POST, "/api/hooks/mail/")
            .json(&body);
        crate::common::Response::try_to(request).await
    };
    // The provider gets no response, or gets one that the kill does not take back.
    let (_, _) = tokio::join!(hand_in(&rest), server.end(Signal::KILL));
    let server = serve(&place).await;
    let (rest, agent) = (server.rest(), admin(&server.rest()).await);
    let answer = hand_in(&rest).await.expect("a response").is(200);
    assert_eq!(answer["posted"], true);
    let log = messages(&agent, &room).await;
    let contents: Vec<_> = log
        .iter()
        .map(|message| message["content"].clone())
        .collect();
    assert_eq!(contents, ["Is it red?", "Yes", "Fine"]);
    assert_eq!(log[2]["via"], "mail");
    server.stop().await;
}

/// The database of a server that does not run.
fn database(place: &Place) -> rusqlite::Connection {
    rusqlite::Connection::open(place.data_dir().join("shoptalk.db")).expect("it opens")
}

/// Lets this much time pass for mail that waits, and makes it due.
fn let_hours_pass(place: &Place, hours: i64) {
    let ms = hours * 3_600_000;
    let changed = database(place).execute(
        "UPDATE mails SET created_at = created_at - ?1, due = 0 WHERE state = 0",
        [ms],
    );
    assert_eq!(changed.expect("changed"), 3, "all three wait");
}

#[tokio::test]
async fn a_relay_that_is_away_for_a_day_loses_and_doubles_nothing() {
    let relay = {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        taken.local_addr().expect("it is bound")
    };
    let place = Place::new()
        .with("SHOPTALK_MAIL__SMTP_URL", &format!("smtp://{relay}"))
        .with("SHOPTALK_MAIL__FROM", "The Shop <chat@shop.example>")
        .with("SHOPTALK_MAIL__AFTER_MS", "1");
    place
        .add("ada", "correct horse battery", &["--role", "admin"])
        .await;
    let mut server = serve(&place).await;
    let agent = admin(&server.rest()).await;
    for _ in 0..3 {
        let room = customer(&server.rest()).await;
        post(&agent, &format!("/api/admin/rooms/{room}/messages/"), "Yes").await;
    }
    eventually("all three wait", async || {
        let waiting = "SELECT count(*) FROM mails WHERE state = 0";
        database(&place).query_row(waiting, [], |row| row.get(0)) == Ok(3)
    })
    .await;
    for _ in 0..4 {
        let rest = server.rest();
        eventually("it was tried", async || {
            rest.metric("shoptalk_mail_postponed_total").await >= 1.0
        })
        .await;
        server.end(Signal::KILL).await;
        let_hours_pass(&place, 6);
        server = serve(&place).await;
    }
    server.end(Signal::KILL).await;
    let_hours_pass(&place, 0);
    let sink = SmtpSink::start_at(relay).await;
    let server = serve(&place).await;
    let rest = server.rest();
    eventually("all three are sent", async || {
        rest.metric("shoptalk_mail_sent_total").await == 3.0
    })
    .await;
    let mut ids: Vec<_> = sink
        .mails()
        .iter()
        .map(|mail| mail.header("Message-ID"))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((sink.mails().len(), ids.len()), (3, 3));
    server.stop().await;
    let unsent: Vec<String> = database(&place)
        .prepare("SELECT recipient FROM mails WHERE state != 1")
        .and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect())
        .expect("read");
    assert_eq!(
        unsent, [""; 0],
        "nothing waits any more, and nothing failed"
    );
}
