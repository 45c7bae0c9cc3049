//! Mail: unread answers go out, replies come in through the hook, transcripts.

use jsonwebtoken::Algorithm;
use reqwest::Method;
use shoptalk::config::{Config, MailSecurity, MailServer, Secret};

use crate::common::{
    Agent, IDENTITY_SECRET, ReceivedMail, Response, SmtpSink, TestServer, Value, Visitor,
    eventually, in_seconds, json, jwt,
};

const HOOK: &str = "/api/hooks/mail/";
const HOOK_TOKEN: &str = "a token of the mail provider";
const QUARANTINE: &str = "/api/admin/mail/quarantine/";

fn use_relay(config: &mut Config, sink: &SmtpSink) {
    config.mail.smtp = Some(MailServer {
        host: sink.addr().ip().to_string(),
        port: sink.addr().port(),
        security: MailSecurity::Plain,
        login: None,
        mailbox: String::new(),
    });
    config.mail.from = Some("The Shop <chat@shop.example>".parse().expect("a mailbox"));
    config.mail.hook_token = Some(Secret::new(HOOK_TOKEN));
    config.mail.after_ms = Some(1);
    config.rooms.presence_grace_ms = 1;
}

/// A server with a relay. A customer who is away gets unread answers at once.
pub(crate) async fn start() -> (SmtpSink, TestServer) {
    let sink = SmtpSink::start().await;
    let server = TestServer::start_with(|config| use_relay(config, &sink)).await;
    (sink, server)
}

pub(crate) async fn customer(server: &TestServer, email: &str) -> Visitor {
    let body = json!({"customer_name": "Ann", "customer_email": email});
    let visitor = Visitor::arrive_with(server, body).await;
    visitor.post("Is it red?").await;
    visitor
}

/// A customer who got an answer by mail, and that mail.
async fn mailed<'s>(
    sink: &SmtpSink,
    server: &'s TestServer,
    email: &str,
) -> (Visitor, &'s Agent, ReceivedMail) {
    let visitor = customer(server, email).await;
    let admin = server.admin().await;
    admin.post(&visitor.room_id, "Yes, it is.").await;
    let mails = sink.wait_for(1).await;
    let mail = mails.last().expect("a mail").clone();
    // The relay has it a moment before the server records that.
    eventually("it is recorded", async || {
        server.rest().metric("shoptalk_mail_sent_total").await >= 1.0
    })
    .await;
    (visitor, admin, mail)
}

async fn hand_in(server: &TestServer, raw: &str) -> Response {
    let hook = server.rest().bearer(HOOK_TOKEN);
    let request = hook
        .request(Method::POST, HOOK)
        .header("content-type", "message/rfc822")
        .body(raw.to_owned());
    Response::to(request).await
}

fn reply_to(mail: &ReceivedMail, from: &str, id: &str, text: &str) -> String {
    format!(
        "From: Ann <{from}>\r\nTo: {}\r\nMessage-ID: <{id}@example.com>\r\n\
         Subject: whatever\r\n\r\n{text}\r\n",
        mail.address("Reply-To")
    )
}

/// Hands in a mail that must be kept apart for this reason.
async fn is_quarantined(server: &TestServer, raw: &str, reason: &str) {
    let answer = hand_in(server, raw).await.is(200);
    assert_eq!(answer, json!({"posted": false, "reason": reason}), "{raw}");
}

#[tokio::test]
async fn an_unread_answer_goes_by_mail_once() {
    let (sink, server) = start().await;
    let (visitor, admin, mail) = mailed(&sink, &server, "Ann@Example.com").await;
    assert_eq!(mail.recipient, "ann@example.com");
    assert_eq!(mail.sender, mail.address("Reply-To"));
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert_eq!(mail.header("From"), "\"The Shop\" <chat@shop.example>");
    assert!(mail.raw.contains("Yes, it is."), "{}", mail.raw);
    // Its address was typed by somebody: only what the shop wrote goes there.
    assert!(!mail.raw.contains("Is it red?"), "{}", mail.raw);
    // Changes of the room bring no second mail, since the next one is due in a quarter of an hour.
    admin.post(&visitor.room_id, "Anything else?").await;
    let path = admin.path(&visitor.room_id, "");
    let renamed = admin.rest.patch(&path, json!({"customer_name": "Anna"}));
    renamed.await.is(200);
    let other = customer(&server, "bob@example.com").await;
    admin.post(&other.room_id, "Hello Bob").await;
    let mails = sink.wait_for(2).await;
    let recipients: Vec<_> = mails.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(recipients, ["ann@example.com", "bob@example.com"]);
}

#[tokio::test]
async fn a_wait_that_nobody_on_duty_sees_is_mailed_to_the_shop_once() {
    let sink = SmtpSink::start().await;
    let server = TestServer::start_with(|config| {
        use_relay(config, &sink);
        config.alerts.mail_to = vec!["owner@shop.example".to_owned()];
    })
    .await;
    let admin = server.admin().await;
    let off = json!({"on_duty": false});
    admin.rest.patch("/api/admin/me/", off).await.is(200);
    let ann = customer(&server, "ann@example.com").await;
    let mails = sink.wait_for(1).await;
    assert_eq!(mails[0].recipient, "owner@shop.example");
    assert_eq!(mails[0].header("Subject"), "Ann waits for an answer");
    // Long lines are broken for their transport.
    let text = mails[0].raw.replace("=\r\n", "");
    for part in ["Is it red?", ann.room_id.as_str()] {
        assert!(text.contains(part), "{text}");
    }
    // More of the same wait brings no second mail; the next wait does.
    ann.post("Hello?").await;
    admin.post(&ann.room_id, "Yes").await;
    ann.post("And in blue?").await;
    let mut sent = 2;
    let to_shop = loop {
        let mut mails = sink.wait_for(sent).await;
        mails.retain(|mail| mail.recipient == "owner@shop.example");
        if mails.len() > 1 {
            break mails;
        }
        sent += 1;
    };
    assert!(
        to_shop[1].raw.contains("And in blue?"),
        "{}",
        to_shop[1].raw
    );
}

#[tokio::test]
async fn an_answer_that_is_read_brings_no_mail() {
    let (sink, server) = start().await;
    let visitor = customer(&server, "ann@example.com").await;
    let mut socket = visitor.online().await;
    let admin = server.admin().await;
    let seq = admin.post(&visitor.room_id, "Yes, it is.").await["seq"].clone();
    // The mail waits while the customer is here, and is not needed once the answer is read.
    socket.send(json!({"type": "read", "seq": seq})).await;
    socket.expect("read").await;
    drop(socket);
    // Whoever comes later is mailed, so the first one had its turn.
    let other = customer(&server, "bob@example.com").await;
    admin.post(&other.room_id, "Hello Bob").await;
    let mails = sink.wait_for(1).await;
    assert_eq!(mails[0].recipient, "bob@example.com");
    let waiting = async || {
        let sql = "SELECT kind FROM mails WHERE state = 0";
        server.rows(sql).is_empty()
    };
    eventually("nothing waits", waiting).await;
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn a_reply_by_mail_is_a_message_once_and_live() {
    let (sink, server) = start().await;
    let (visitor, admin, mail) = mailed(&sink, &server, "ann@example.com").await;
    let mut console = admin.joined(&visitor.room_id).await;
    let mut widget = visitor.online().await;
    let reply = reply_to(
        &mail,
        "Ann@Example.com",
        "1",
        "Then I take it.\r\n\r\nThe Shop wrote:\r\n> Yes, it is.",
    );
    for _ in 0..2 {
        let answer = hand_in(&server, &reply).await.is(200);
        assert_eq!(answer, json!({"posted": true}));
    }
    for socket in [&mut console, &mut widget] {
        let message = socket.expect("message").await["message"].clone();
        assert_eq!(message["via"], "mail");
        assert_eq!(message["sender_type"], "customer");
        assert_eq!(message["sender_name"], "Ann");
        assert_eq!(
            message["content"],
            "Then I take it.\n\n> The Shop wrote:\n> Yes, it is."
        );
    }
    let messages = visitor.messages().await;
    assert_eq!(messages.len(), 3, "once");
    assert!(messages[0].get("via").is_none(), "{}", messages[0]);
    assert_eq!(admin.summary(&visitor.room_id).await["status"], "waiting");
    // The same mail in the form of a provider.
    let hook = server.rest().bearer(HOOK_TOKEN);
    let answer = hook
        .post(HOOK, json!({"RawEmail": reply, "From": "x"}))
        .await;
    assert_eq!(answer.is(200), json!({"posted": true}));
    assert_eq!(visitor.messages().await.len(), 3);
}

#[tokio::test]
async fn what_is_no_reply_is_kept_apart_with_a_reason() {
    let (sink, server) = start().await;
    let (visitor, admin, mail) = mailed(&sink, &server, "ann@example.com").await;
    let reply = |from: &str, id: &str| reply_to(&mail, from, id, "Hello");
    let address = mail.address("Reply-To");
    let forged = address.replace(&address[6..8], "aa");
    is_quarantined(&server, &reply("eve@example.com", "2"), "foreign_sender").await;
    let to_forged = reply("ann@example.com", "3").replace(&address, &forged);
    is_quarantined(&server, &to_forged, "forged").await;
    let to_shop = reply("ann@example.com", "4").replace(&address, "chat@shop.example");
    is_quarantined(&server, &to_shop, "no_reply_address").await;
    let automatic = format!(
        "Auto-Submitted: auto-replied\r\n{}",
        reply("ann@example.com", "5")
    );
    is_quarantined(&server, &automatic, "automatic").await;
    is_quarantined(&server, &mail.raw, "own_mail").await;
    is_quarantined(&server, &reply(&address, "6"), "own_mail").await;
    let empty = reply_to(&mail, "ann@example.com", "7", " ");
    is_quarantined(&server, &empty, "empty").await;
    assert_eq!(
        visitor.messages().await.len(),
        2,
        "none of them is a message"
    );

    let list = admin.rest.get(QUARANTINE).await.is(200);
    let kept = list["results"].as_array().expect("a list").clone();
    assert_eq!(kept.len(), 7);
    let foreign = kept.iter().find(|mail| mail["reason"] == "foreign_sender");
    let foreign = foreign.expect("it is listed");
    assert_eq!(foreign["from"], "eve@example.com");
    assert_eq!(foreign["room_id"], json!(visitor.room_id));
    assert_eq!(foreign["subject"], "whatever");
    let agent = server.agent("otto", "agent").await;
    agent.rest.get(QUARANTINE).await.problem(403, "forbidden");

    let path = admin.path(&visitor.room_id, "");
    admin
        .rest
        .patch(&path, json!({"blocked": true}))
        .await
        .is(200);
    is_quarantined(&server, &reply("ann@example.com", "8"), "blocked").await;
}

#[tokio::test]
async fn a_delivery_report_marks_the_address_and_nothing_else() {
    let (sink, server) = start().await;
    let (visitor, admin, mail) = mailed(&sink, &server, "ann@example.com").await;
    let report = |address: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nTo: {}\r\nMessage-ID: <{address}.dsn@mx.example>\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n\
             --x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: 5.1.1\r\n--x--\r\n",
            mail.sender
        )
    };
    is_quarantined(&server, &report("bob@example.com"), "delivery_report").await;
    is_quarantined(&server, &report("ann@example.com"), "delivery_report").await;
    assert_eq!(visitor.messages().await.len(), 2);
    let bounced = server.rows("SELECT address FROM bounced_addresses");
    assert_eq!(bounced, [["ann@example.com"]], "only whom mail was sent to");
    let known = admin.rest.get(&admin.path(&visitor.room_id, "mail/")).await;
    assert_eq!(known.is(200), json!({"undeliverable": "5.1.1"}));
    // Nothing more goes there.
    let again = customer(&server, "ann@example.com").await;
    admin.post(&again.room_id, "Hello again").await;
    let other = customer(&server, "bob@example.com").await;
    admin.post(&other.room_id, "Hello Bob").await;
    let mails = sink.wait_for(2).await;
    assert_eq!(mails[1].recipient, "bob@example.com");
    // Agents see it of the address in the details, whatever its case.
    let agent = server.agent("otto", "agent").await;
    let known = agent.rest.get(&admin.path(&other.room_id, "mail/")).await;
    assert_eq!(known.is(200), json!({"undeliverable": null}));
    let shouting = customer(&server, "ANN@example.com").await;
    let known = agent
        .rest
        .get(&admin.path(&shouting.room_id, "mail/"))
        .await;
    assert_eq!(known.is(200), json!({"undeliverable": "5.1.1"}));
}

#[tokio::test]
async fn a_relay_that_refuses_is_asked_again_or_believed() {
    let (sink, server) = start().await;
    let admin = server.admin().await;
    sink.refuse_recipients(Some("550 5.1.1 no such user"));
    let gone = customer(&server, "gone@example.com").await;
    admin.post(&gone.room_id, "Hello").await;
    eventually("it is believed", async || {
        let bounced = server.rows("SELECT address FROM bounced_addresses");
        bounced == [["gone@example.com"]]
    })
    .await;
    sink.refuse_recipients(Some("451 4.7.1 come back later"));
    let slow = customer(&server, "slow@example.com").await;
    admin.post(&slow.room_id, "Hello").await;
    eventually("it waits", async || {
        let sql = "SELECT recipient, CAST(tries AS TEXT) FROM mails WHERE state = 0";
        server.rows(sql) == [["slow@example.com", "1"]]
    })
    .await;
    sink.refuse_recipients(None);
    let fine = customer(&server, "fine@example.com").await;
    admin.post(&fine.room_id, "Hello").await;
    let mails = sink.wait_for(1).await;
    assert_eq!(
        mails[0].recipient, "fine@example.com",
        "nobody waits for another"
    );
    // One of the nodes has counted them.
    for name in [
        "shoptalk_mail_failed_total",
        "shoptalk_mail_postponed_total",
    ] {
        eventually(name, async || server.rest().metric(name).await == 1.0).await;
    }
}

#[tokio::test]
async fn a_typed_address_gets_ten_mails_a_day() {
    let (sink, server) = start().await;
    let admin = server.admin().await;
    for count in 1..=10 {
        let visitor = customer(&server, "ann@example.com").await;
        admin.post(&visitor.room_id, "Yes").await;
        eventually("it is sent", async || {
            server.rest().metric("shoptalk_mail_sent_total").await == f64::from(count)
        })
        .await;
    }
    let eleventh = customer(&server, "ann@example.com").await;
    admin.post(&eleventh.room_id, "Yes").await;
    let other = customer(&server, "bob@example.com").await;
    admin.post(&other.room_id, "Yes").await;
    let mails = sink.wait_for(11).await;
    assert_eq!(mails[10].recipient, "bob@example.com");
    eventually("one waits", async || {
        server.rows("SELECT count(*) FROM mails WHERE state = 0") == [["1"]]
    })
    .await;
}

#[tokio::test]
async fn a_blocked_customer_and_an_address_that_is_gone_get_no_mail() {
    let (sink, server) = start().await;
    let admin = server.admin().await;
    let blocked = customer(&server, "ann@example.com").await;
    let path = admin.path(&blocked.room_id, "");
    let block = admin.rest.patch(&path, json!({"blocked": true}));
    block.await.is(200);
    admin.post(&blocked.room_id, "No more").await;

    sink.refuse_recipients(Some("550 5.1.1 no such user"));
    let gone = customer(&server, "gone@example.com").await;
    admin.post(&gone.room_id, "Hello").await;
    eventually("it is believed", async || {
        !server
            .rows("SELECT address FROM bounced_addresses")
            .is_empty()
    })
    .await;
    sink.refuse_recipients(None);
    let again = customer(&server, "gone@example.com").await;
    admin.post(&again.room_id, "Hello").await;
    eventually("it is dropped", async || {
        server.rest().metric("shoptalk_mail_dropped_total").await == 1.0
    })
    .await;
    let other = customer(&server, "bob@example.com").await;
    admin.post(&other.room_id, "Hello").await;
    assert_eq!(sink.wait_for(1).await[0].recipient, "bob@example.com");
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn an_identified_customer_gets_both_sides_at_the_signed_address() {
    let (sink, server) = start().await;
    let claims =
        json!({"sub": "u1", "exp": in_seconds(600), "name": "Ann", "email": "signed@example.com"});
    let identity = jwt(Algorithm::HS256, IDENTITY_SECRET, &claims);
    let visitor = Visitor::arrive_with(&server, json!({"identity": identity})).await;
    let admin = server.admin().await;
    visitor.post("First").await;
    admin.post(&visitor.room_id, "Second").await;
    let mail = sink.wait_for(1).await.remove(0);
    assert_eq!(mail.recipient, "signed@example.com");
    assert!(mail.raw.contains("First") && mail.raw.contains("Second"));
}

#[tokio::test]
async fn a_transcript_goes_to_who_asks_a_few_times_a_day() {
    let (sink, server) = start().await;
    let visitor = customer(&server, "ann@example.com").await;
    let ask = async |body: Value| visitor.rest.post(&visitor.path("transcript/"), body).await;
    ask(json!({"email": "no address"})).await.invalid("email");
    // Nobody gets mail from a shop that has not answered.
    ask(json!({})).await.problem(409, "conflict");
    let admin = server.admin().await;
    admin.post(&visitor.room_id, "Yes, it is.").await;
    sink.wait_for(1).await;
    assert_eq!(ask(json!({"email": "Other@Example.com"})).await.status, 202);
    let mail = sink.wait_for(2).await.remove(1);
    assert_eq!(mail.recipient, "other@example.com");
    assert!(mail.raw.contains("Is it red?") && mail.raw.contains("Yes, it is."));
    assert!(!mail.raw.contains("Reply-To"), "its reader may be anybody");
    // Nor is a reply to its sender a message.
    let reply = format!(
        "From: other@example.com\r\nTo: {}\r\nMessage-ID: <9@x>\r\n\r\nHi\r\n",
        mail.sender
    );
    is_quarantined(&server, &reply, "foreign_sender").await;
    for _ in 0..2 {
        assert_eq!(ask(json!({})).await.status, 202);
    }
    let refused = ask(json!({})).await;
    refused.problem(429, "rate_limited");
    assert!(!refused.header("retry-after").is_empty());
    let path = admin.path(&visitor.room_id, "transcript/");
    admin.rest.post(&path, json!({})).await.invalid("email");
    let sent = admin
        .rest
        .post(&path, json!({"email": "boss@shop.example"}))
        .await;
    assert_eq!(sent.status, 202);
    let mails = sink.wait_for(5).await;
    assert!(
        mails
            .iter()
            .any(|mail| mail.recipient == "boss@shop.example")
    );
}

#[tokio::test]
async fn without_a_relay_there_is_no_mail_and_without_a_token_no_hook() {
    let server = TestServer::start().await;
    let visitor = customer(&server, "ann@example.com").await;
    let admin = server.admin().await;
    admin.post(&visitor.room_id, "Yes").await;
    let path = visitor.path("transcript/");
    let asked = visitor.rest.post(&path, json!({})).await;
    asked.problem(404, "not_found");
    hand_in(&server, "From: a@b.example\r\n\r\nHi")
        .await
        .problem(404, "not_found");
    assert!(server.rows("SELECT kind FROM mails").is_empty());
}

#[tokio::test]
async fn the_hook_takes_mail_with_its_token_alone() {
    let (_sink, server) = start().await;
    let hook = |token: &str, kind: &str, body: Vec<u8>| {
        let rest = server.rest().bearer(token);
        let request = rest
            .request(Method::POST, HOOK)
            .header("content-type", kind);
        Response::to(request.body(body))
    };
    let mail = b"From: a@b.example\r\n\r\nHi".to_vec();
    let wrong = hook("wrong", "message/rfc822", mail.clone()).await;
    wrong.problem(401, "unauthorized");
    let kind = hook(HOOK_TOKEN, "text/plain", mail).await;
    kind.problem(415, "unsupported_media_type");
    let large = vec![b'a'; 10 * 1024 * 1024 + 1];
    let large = hook(HOOK_TOKEN, "message/rfc822", large).await;
    large.problem(413, "too_large");
    let json = hook(HOOK_TOKEN, "application/json", b"{\"Raw\":1}".to_vec()).await;
    json.invalid("raw");
}

#[tokio::test]
async fn a_mail_that_waits_survives_a_restart_and_an_erased_person_gets_none() {
    let (sink, mut server) = start().await;
    sink.refuse_mails(Some("451 later"));
    let (ann, bob) = (
        customer(&server, "ann@example.com").await,
        customer(&server, "bob@example.com").await,
    );
    let admin = server.admin().await;
    for visitor in [&ann, &bob] {
        admin.post(&visitor.room_id, "Yes, it is.").await;
    }
    let waiting = "SELECT recipient FROM mails WHERE state = 0 AND tries > 0 ORDER BY recipient";
    eventually("both wait", async || {
        server.rows(waiting) == [["ann@example.com"], ["bob@example.com"]]
    })
    .await;
    let who = json!({"kind": "erase", "who": "email:ann@example.com"});
    admin.rest.post("/api/admin/jobs/", who).await.is(201);
    eventually("she is forgotten", async || {
        server.rows("SELECT recipient FROM mails") == [["bob@example.com"]]
    })
    .await;
    sink.refuse_mails(None);
    server.stop().await;
    let now_due = "UPDATE mails SET due = 0";
    server.execute(now_due, now_due);
    server.run().await;
    let mails = sink.wait_for(1).await;
    assert_eq!(mails[0].recipient, "bob@example.com");
}
