//! A thousand hostile mails, made from a fixed seed: each is posted, kept apart with a reason, or
//! refused, and none is posted that is not the customer's reply.

use std::collections::BTreeMap;

use reqwest::Method;
use shoptalk::config::{MailSecurity, MailServer, Secret};

use crate::common::{Response, SmtpSink, TestServer, Visitor, eventually, json};

const TOKEN: &str = "a token of the mail provider";
const MAILS: u64 = 1_000;
const SEED: u64 = 20_260_101;

/// Numbers that follow from a seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below the bound")
    }

    fn pick<'t>(&mut self, items: &[&'t str]) -> &'t str {
        items[self.below(items.len())]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

struct Addresses {
    /// Of the room that exists.
    valid: String,
    /// Of a room that was erased.
    gone: String,
}

struct Hostile {
    raw: Vec<u8>,
    /// Whether it may become a message: the customer and the reply address of their room stand in it.
    may_post: bool,
}

fn hostile(numbers: &mut Numbers, addresses: &Addresses, index: u64) -> Hostile {
    let forged = {
        let mut bytes = addresses.valid.clone().into_bytes();
        let at = 5 + numbers.below(45);
        bytes[at] = if bytes[at] == b'q' { b'z' } else { b'q' };
        String::from_utf8(bytes).expect("ASCII")
    };
    let cut = addresses.valid.replacen('+', "+x", 1);
    let (to, is_valid) = match numbers.below(8) {
        0..=2 => (addresses.valid.clone(), true),
        3 => (addresses.gone.clone(), false),
        4 => (forged, false),
        5 => (cut, false),
        6 => ("chat@shop.example".to_owned(), false),
        _ => (format!("x@y.example, {}", addresses.valid), true),
    };
    let (from, is_customer) = match numbers.below(7) {
        0..=2 => ("Ann <ann@example.com>", true),
        3 => ("eve@example.com", false),
        4 => ("ann@example.com, eve@example.com", false),
        5 => ("=?utf-8?q?=00=ff?= <>", false),
        _ => ("chat@shop.example", false),
    };
    let id = match numbers.below(4) {
        0 => String::new(),
        1 => format!("Message-ID: <{}@x>\r\n", "a".repeat(5_000)),
        2 => "Message-ID: \0\r\n".to_owned(),
        _ => format!("Message-ID: <{index}@example.com>\r\n"),
    };
    let extra = numbers.pick(&[
        "",
        "",
        "",
        "Auto-Submitted: auto-replied\r\n",
        "Precedence: bulk\r\n",
        "X-\0: \u{1}\u{2}\r\n",
        "Subject: =?x-none?b?////?= =?utf-8?q?=?=\r\n",
        "Date: Thu, 99 Foo 999999999999 99:99:99 +9999\r\n",
        "References: <<<<<<<<<<<<<<<<\r\n",
        "Received: from (((((((((((((((((((((((((((((\r\n",
    ]);
    let head = format!("From: {from}\r\nTo: {to}\r\n{id}{extra}");
    let mut raw = head.into_bytes();
    raw.extend(body(numbers));
    // The beginning stays whole, since it says whether the mail may be posted.
    let kept = raw.len().min(6_000);
    if numbers.below(4) == 0 {
        let length = kept + numbers.below(raw.len() - kept + 1);
        raw.truncate(length);
    }
    Hostile {
        raw,
        may_post: is_valid && is_customer,
    }
}

fn body(numbers: &mut Numbers) -> Vec<u8> {
    let charset = numbers.pick(&[
        "utf-8",
        "utf-7",
        "iso-2022-jp",
        "gb18030",
        "windows-1252",
        "x-unknown",
        "\"",
        "utf-16le",
    ]);
    let encoding = numbers.pick(&[
        "7bit",
        "8bit",
        "base64",
        "quoted-printable",
        "x-uuencode",
        "",
    ]);
    let length = numbers.below(3_000);
    let noise = numbers.bytes(length);
    let text = |content: &[u8]| {
        let head = format!(
            "Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        [head.as_bytes(), content].concat()
    };
    match numbers.below(9) {
        0 => text(b"I take it.\r\n\r\n> Yes\r\n"),
        1 => text(&noise),
        2 => nested(1 + numbers.below(2_000), "multipart/mixed"),
        3 => nested(1 + numbers.below(300), "message/rfc822"),
        4 => "X: y\r\n".repeat(1 + numbers.below(20_000)).into_bytes(),
        5 => [b"\r\n".as_slice(), &vec![b'>'; 100_000]].concat(),
        6 => text("<b>".repeat(10_000).as_bytes()),
        7 => text("\u{202e}\0\u{feff}text\u{0}".as_bytes()),
        _ => {
            let report = "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n\
                 --x\r\nContent-Type: message/delivery-status\r\n\r\n\
                 Final-Recipient: rfc822;;;;\r\nAction: failed\r\nStatus: 5\r\n--x--\r\n";
            report.as_bytes().to_vec()
        }
    }
}

fn nested(depth: usize, kind: &str) -> Vec<u8> {
    let mut raw = Vec::new();
    for level in 0..depth {
        let head = match kind {
            "message/rfc822" => format!("Content-Type: {kind}\r\n\r\nX: {level}\r\n"),
            _ => format!("Content-Type: {kind}; boundary=b{level}\r\n\r\n--b{level}\r\n"),
        };
        raw.extend(head.into_bytes());
    }
    raw.extend(b"Content-Type: text/plain\r\n\r\nDeep\r\n");
    raw
}

async fn hand_in(server: &TestServer, raw: Vec<u8>) -> Response {
    let hook = server.rest().bearer(TOKEN);
    let request = hook
        .request(Method::POST, "/api/hooks/mail/")
        .header("content-type", "message/rfc822");
    Response::to(request.body(raw)).await
}

/// A customer who was mailed an answer, and the address for their reply.
async fn mailed(server: &TestServer, sink: &SmtpSink, email: &str) -> (Visitor, String) {
    let sent = sink.mails().len();
    let body = json!({"customer_name": "Ann", "customer_email": email});
    let visitor = Visitor::arrive_with(server, body).await;
    visitor.post("Is it red?").await;
    server.admin().await.post(&visitor.room_id, "Yes").await;
    let mail = sink.wait_for(sent + 1).await.remove(sent);
    let known = format!("SELECT seq FROM mailed WHERE address = '{email}'");
    eventually("it is recorded", async || !server.rows(&known).is_empty()).await;
    (visitor, mail.address("Reply-To"))
}

#[tokio::test]
async fn a_thousand_hostile_mails_are_posted_refused_or_kept_apart() {
    let sink = SmtpSink::start().await;
    let mut server = TestServer::start_with(|config| {
        config.mail.smtp = Some(MailServer {
            host: sink.addr().ip().to_string(),
            port: sink.addr().port(),
            security: MailSecurity::Plain,
            login: None,
            mailbox: String::new(),
        });
        config.mail.from = Some("The Shop <chat@shop.example>".parse().expect("a mailbox"));
        config.mail.hook_token = Some(Secret::new(TOKEN));
        config.mail.after_ms = Some(1);
        config.rooms.presence_grace_ms = 1;
    })
    .await;
    let (visitor, valid) = mailed(&server, &sink, "ann@example.com").await;
    let (other, gone) = mailed(&server, &sink, "bob@example.com").await;
    let erase = json!({"kind": "erase", "who": "email:bob@example.com"});
    let admin = server.admin().await;
    admin.rest.post("/api/admin/jobs/", erase).await.is(201);
    eventually("he is erased", async || {
        other.rest.get(&other.path("")).await.status != 200
    })
    .await;
    // The addresses are of an older epoch from here on, as after a backup was restored.
    server.stop().await;
    let epoch = "UPDATE state SET epoch = '0123456789abcdef'";
    server.execute(epoch, epoch);
    server.run().await;

    let addresses = Addresses { valid, gone };
    let mut numbers = Numbers(SEED);
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for index in 0..MAILS {
        let mail = hostile(&mut numbers, &addresses, index);
        let answer = hand_in(&server, mail.raw).await.is(200);
        let posted = answer["posted"] == true;
        assert!(
            mail.may_post || !posted,
            "mail {index} was posted: {answer}"
        );
        let outcome = answer["reason"].as_str().unwrap_or("posted");
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
    }
    let too_large = hand_in(&server, vec![b'a'; 11 * 1024 * 1024]).await;
    too_large.problem(413, "too_large");
    let expected = [
        "automatic",
        "delivery_report",
        "foreign_sender",
        "forged",
        "no_reply_address",
        "no_room",
        "own_mail",
        "posted",
    ];
    for outcome in expected {
        assert!(outcomes.contains_key(outcome), "{outcome} in {outcomes:?}");
    }
    assert_eq!(outcomes.values().sum::<u64>(), MAILS);
    let visitor = visitor.on(&server);
    assert!(visitor.messages().await.len() > 2, "{outcomes:?}");
    assert_eq!(sink.mails().len(), 2, "nothing was answered");
}
