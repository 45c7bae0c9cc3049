//! Mail servers that want TLS and an access token (XOAUTH2) instead of a password.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use shoptalk_local_servers::{Dovecot, Tokens, unless_missing};

use crate::common::{Authority, SmtpSink, SmtpTls, Value, eventually, json};
use crate::mail::{admin, customer, messages, post};
use crate::process::Place;

/// The token that is valid, as its issuer knows it.
type Valid = Arc<Mutex<String>>;

/// Tells mail servers whose token it is.
async fn issuer(valid: Valid) -> SocketAddr {
    async fn known(
        State(valid): State<Valid>,
        Query(asked): Query<HashMap<String, String>>,
    ) -> Result<Json<Value>, StatusCode> {
        let is_valid = asked.get("access_token") == Some(&*valid.lock().expect("not poisoned"));
        match is_valid {
            true => Ok(Json(json!({"email": "chat"}))),
            false => Err(StatusCode::UNAUTHORIZED),
        }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let addr = listener.local_addr().expect("it is bound");
    let router = Router::new().route("/", get(known)).with_state(valid);
    tokio::spawn(async move { axum::serve(listener, router).await });
    addr
}

/// A place whose server trusts this authority, and no other.
fn place(authority: &Authority) -> Place {
    let place = Place::new();
    place.write("authority.pem", &authority.pem());
    let trusted = place.path().join("authority.pem").display().to_string();
    place
        .with("SSL_CERT_FILE", &trusted)
        .with("SHOPTALK_MAIL__FROM", "The Shop <chat@shop.example>")
        .with("SHOPTALK_MAIL__AFTER_MS", "1")
}

/// The same with this relay, which has this name, and its token in a file.
fn place_with_relay(authority: &Authority, scheme: &str, name: &str, sink: &SmtpSink) -> Place {
    let port = sink.addr().port();
    let url = format!("{scheme}://chat@{name}:{port}?token_file=token.txt");
    let place = place(authority).with("SHOPTALK_MAIL__SMTP_URL", &url);
    place.write("token.txt", "a token\n");
    place
}

/// An answer to a customer who is gone reaches this relay.
async fn an_answer_goes_out(place: &Place, sink: &SmtpSink) {
    place
        .add("ada", "correct horse battery", &["--role", "admin"])
        .await;
    let server = place.serve().await;
    let agent = admin(&server.rest()).await;
    let room = customer(&server.rest()).await;
    post(&agent, &format!("/api/admin/rooms/{room}/messages/"), "Yes").await;
    let mails = sink.wait_for(1).await;
    assert!(mails[0].raw.contains("Yes"), "{}", mails[0].raw);
    server.stop().await;
}

#[tokio::test]
async fn a_relay_takes_mail_by_tls_and_a_token_from_a_file() {
    let authority = Authority::new();
    let pair = authority.issue(&["localhost"], 30);
    let sink = SmtpSink::start_with_token(&pair, SmtpTls::AtOnce, "a token").await;
    let place = place_with_relay(&authority, "smtps", "localhost", &sink);
    an_answer_goes_out(&place, &sink).await;
}

/// A name of this machine other than localhost, for which TLS is left out.
fn other_name() -> Option<String> {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    [own.trim(), "ip6-localhost", "localhost.localdomain"]
        .into_iter()
        .find(|name| {
            let found = (*name, 0).to_socket_addrs();
            found.is_ok_and(|mut found| found.any(|addr| addr.ip() == Ipv4Addr::LOCALHOST))
        })
        .map(str::to_owned)
}

#[tokio::test]
async fn a_relay_that_begins_in_plain_text_is_asked_for_tls_first() {
    let Some(name) = other_name() else {
        eprintln!("left out: only localhost is a name of 127.0.0.1 here");
        return;
    };
    let authority = Authority::new();
    let pair = authority.issue(&[&name], 30);
    let sink = SmtpSink::start_with_token(&pair, SmtpTls::AfterAsking, "a token").await;
    let place = place_with_relay(&authority, "smtp", &name, &sink);
    an_answer_goes_out(&place, &sink).await;
}

#[tokio::test]
async fn a_relay_with_a_certificate_of_somebody_else_gets_no_mail() {
    let authority = Authority::new();
    let pair = Authority::new().issue(&["localhost"], 30);
    let sink = SmtpSink::start_with_token(&pair, SmtpTls::AtOnce, "a token").await;
    let place = place_with_relay(&authority, "smtps", "localhost", &sink);
    place
        .add("ada", "correct horse battery", &["--role", "admin"])
        .await;
    let mut server = place.serve().await;
    let agent = admin(&server.rest()).await;
    let room = customer(&server.rest()).await;
    post(&agent, &format!("/api/admin/rooms/{room}/messages/"), "Yes").await;
    let said = server.line("cannot use the relay of mail.smtp_url").await;
    assert!(said.contains("certificate"), "{said}");
    assert_eq!(sink.mails().len(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_read_by_tls_with_the_token_of_the_day() {
    let authority = Authority::new();
    let pair = authority.issue(&["localhost"], 30);
    let valid = Valid::new(Mutex::new("of monday".to_owned()));
    let issuer = issuer(valid.clone()).await;
    let tokens = Tokens {
        certificate: pair.cert,
        key: pair.key,
        known_at: format!("http://{issuer}/?access_token="),
    };
    let starting = tokio::task::block_in_place(|| Dovecot::start_with_tokens(tokens));
    let Some(dovecot) = unless_missing(starting) else {
        return;
    };
    let sink = SmtpSink::start().await;
    let mailbox = format!(
        "imaps://chat@localhost:{}/INBOX?token_file=token.txt",
        dovecot.port()
    );
    let place = place(&authority)
        .with("SHOPTALK_MAIL__SMTP_URL", &sink.url())
        .with("SHOPTALK_MAIL__IMAP_URL", &mailbox);
    place.write("token.txt", "of monday\n");
    place
        .add("ada", "correct horse battery", &["--role", "admin"])
        .await;
    let mut server = place.serve().await;
    let rest = server.rest();
    let connected = async |up: f64| {
        eventually("the mailbox", async || {
            rest.metric("shoptalk_mail_imap_up").await == up
        })
        .await;
    };
    connected(1.0).await;
    let agent = admin(&rest).await;
    let room = customer(&rest).await;
    post(&agent, &format!("/api/admin/rooms/{room}/messages/"), "Yes").await;
    let reply_to = sink.wait_for(1).await[0].address("Reply-To");
    let deliver = |text: &str| {
        let raw = format!(
            "From: ann@example.com\r\nTo: {reply_to}\r\nMessage-ID: <{text}@example.com>\r\n\r\n{text}\r\n"
        );
        dovecot.deliver(raw.as_bytes()).expect("it is delivered");
    };
    let has_arrived = async |text: &str| {
        eventually("the reply is there", async || {
            let log = messages(&agent, &room).await;
            log.last().is_some_and(|last| last["content"] == text)
        })
        .await;
    };
    deliver("monday");
    has_arrived("monday").await;

    // The old token is refused from now on, and the next sign-in reads the file again.
    *valid.lock().expect("not poisoned") = "of tuesday".to_owned();
    tokio::task::block_in_place(|| dovecot.kill());
    connected(0.0).await;
    tokio::task::block_in_place(|| dovecot.start_again()).expect("it starts again");
    let said = server.line("does not let chat sign in").await;
    assert!(!said.contains("of monday"), "{said}");
    deliver("tuesday");
    place.write("token.txt", "of tuesday\n");
    has_arrived("tuesday").await;
    server.stop().await;
}
