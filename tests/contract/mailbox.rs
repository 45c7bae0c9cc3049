//! Replies that the server reads from a mailbox, on a real IMAP server.

use shoptalk::config::{Config, MailLogin, MailProof, MailSecurity, MailServer, Secret};
use shoptalk_local_servers::{Dovecot, unless_missing};

use crate::common::{ReceivedMail, SmtpSink, TestServer, Visitor, eventually, json};

/// The server of a mailbox, as the settings name it.
fn mailbox(dovecot: &Dovecot) -> MailServer {
    let url: reqwest::Url = dovecot.url().parse().expect("a URL");
    MailServer {
        host: url.host_str().expect("a host").to_owned(),
        port: url.port().expect("a port"),
        security: MailSecurity::Plain,
        login: Some(MailLogin {
            user: url.username().to_owned(),
            proof: MailProof::Password(Secret::new(url.password().expect("a password"))),
        }),
        mailbox: "INBOX".to_owned(),
    }
}

fn use_mail(config: &mut Config, sink: &SmtpSink, dovecot: &Dovecot) {
    config.mail.smtp = Some(MailServer {
        port: sink.addr().port(),
        login: None,
        ..mailbox(dovecot)
    });
    config.mail.imap = Some(mailbox(dovecot));
    config.mail.from = Some("The Shop <chat@shop.example>".parse().expect("a mailbox"));
    config.mail.after_ms = Some(1);
    config.rooms.presence_grace_ms = 1;
}

/// A customer who got an answer by mail.
async fn mailed(sink: &SmtpSink, server: &TestServer) -> (Visitor, ReceivedMail) {
    let body = json!({"customer_name": "Ann", "customer_email": "ann@example.com"});
    let visitor = Visitor::arrive_with(server, body).await;
    visitor.post("Is it red?").await;
    let admin = server.admin().await;
    admin.post(&visitor.room_id, "Yes, it is.").await;
    let mail = sink.wait_for(1).await.remove(0);
    eventually("it is recorded", async || {
        !server.rows("SELECT address FROM mailed").is_empty()
    })
    .await;
    (visitor, mail)
}

fn reply(mail: &ReceivedMail, id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: Ann <ann@example.com>\r\nTo: {}\r\nMessage-ID: <{id}@example.com>\r\n\r\n{text}\r\n",
        mail.address("Reply-To")
    )
    .into_bytes()
}

async fn connected(server: &TestServer) {
    eventually("the mailbox is read", async || {
        !server.rows("SELECT mailbox FROM mail_positions").is_empty()
    })
    .await;
}

async fn says(visitor: &Visitor, contents: &[&str]) {
    eventually("the messages are there", async || {
        let messages = visitor.messages().await;
        let found: Vec<_> = messages
            .iter()
            .filter_map(|it| it["content"].as_str())
            .collect();
        found == contents
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_of_the_console_tries_the_mail_servers() {
    let Some(dovecot) = unless_missing(Dovecot::start()) else {
        return;
    };
    let sink = SmtpSink::start().await;
    let server = TestServer::start_with(|config| use_mail(config, &sink, &dovecot)).await;
    let admin = server.admin().await;
    let levels = async || {
        let seen = json!({"origin": "https://chat.example"});
        let found = admin.rest.post("/api/admin/doctor/findings/", seen).await;
        let found = found.is(200);
        let findings = found["results"].as_array().expect("findings").clone();
        ["mail_relay", "mailbox"].map(|check| {
            let mut findings = findings.iter();
            let finding = findings.find(|finding| finding["check"] == check);
            finding.expect("it was checked")["level"].clone()
        })
    };
    assert_eq!(levels().await, ["ok", "ok"]);
    sink.refuse_senders(Some("553 5.7.1 not yours"));
    tokio::task::block_in_place(|| dovecot.kill());
    assert_eq!(levels().await, ["problem", "problem"]);
    assert_eq!(sink.mails().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_in_a_mailbox_become_messages_once_whatever_happens_to_it() {
    let Some(dovecot) = unless_missing(Dovecot::start()) else {
        return;
    };
    let sink = SmtpSink::start().await;
    dovecot
        .deliver(b"From: old@example.com\r\n\r\nOld mail\r\n")
        .expect("it is delivered");
    let mut server = TestServer::start_with(|config| use_mail(config, &sink, &dovecot)).await;
    connected(&server).await;
    let (visitor, mail) = mailed(&sink, &server).await;

    // It is notified of what arrives.
    dovecot
        .deliver(&reply(&mail, "1", "One"))
        .expect("it is delivered");
    says(&visitor, &["Is it red?", "Yes, it is.", "One"]).await;

    // What arrives while it is away, twice even, is read later.
    server.stop().await;
    dovecot
        .deliver(&reply(&mail, "1", "One"))
        .expect("it is delivered");
    dovecot
        .deliver(&reply(&mail, "2", "Two"))
        .expect("it is delivered");
    server.run().await;
    let visitor = visitor.on(&server);
    says(&visitor, &["Is it red?", "Yes, it is.", "One", "Two"]).await;

    // The connection breaks, and the mailbox numbers its mails anew.
    tokio::task::block_in_place(|| dovecot.renumber()).expect("it starts again");
    dovecot
        .deliver(&reply(&mail, "3", "Three"))
        .expect("it is delivered");
    let all = ["Is it red?", "Yes, it is.", "One", "Two", "Three"];
    says(&visitor, &all).await;

    // A large mail is not even read, and does not keep the next one away.
    let large = vec![b'a'; 11 * 1024 * 1024];
    dovecot
        .deliver(&[b"From: a@b.example\r\n\r\n", large.as_slice()].concat())
        .expect("delivered");
    dovecot
        .deliver(&reply(&mail, "4", "Four"))
        .expect("it is delivered");
    says(&visitor, &[&all[..], &["Four"]].concat()).await;
    let kept = "SELECT count(*) FROM mail_quarantine WHERE reason = 0 AND size > 11000000";
    assert_eq!(server.rows(kept), [["1"]]);
    let old = "SELECT count(*) FROM mail_quarantine WHERE sender = 'old@example.com'";
    assert!(server.rows(old) == [["0"]] || server.rows(old) == [["1"]]);
}
