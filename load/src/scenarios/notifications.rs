//! Posting while notifications, mail and alerts are sent, against a server that sends none.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::Setup;
use super::closed_loop::closed_loop;
use super::rounds::Rounds;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::receivers::Receiver;
use crate::report::Goal;
use crate::server::{Server, Target};
use crate::texts;

/// How long one server has its turn.
const TURN: Duration = Duration::from_secs(5);
/// The longest that whatever is due may take to arrive after a turn.
const ARRIVES_WITHIN: Duration = Duration::from_secs(60);
/// Customers who ask, get an answer and have left, each second. Each rings an agent's device and
/// gets the answer by mail.
const LEAVE_PER_SECOND: u32 = 20;
/// How long an answer to somebody who has left waits, before it goes by mail.
const MAIL_AFTER_MS: u64 = 1_000;
/// How long they wait for an answer, so that a device has rung by then.
const ANSWERED_AFTER: Duration = Duration::from_secs(1);

/// A server and the customers who post there as fast as they are answered.
struct Measured {
    server: Server,
    agent: String,
    customers: Vec<Visitor>,
    rounds: Rounds,
    left: u64,
    /// Resident memory when it was ready.
    at_start: u64,
}

/// Two servers take turns under the same customers: one sends notifications, mail and alerts, the
/// other has nothing of it configured.
pub(crate) async fn notifications(setup: &mut Setup, senders: usize, rounds: usize) -> Result<()> {
    let dir = setup.directory()?;
    let (pushes, mails) = (Receiver::push_service().await?, Receiver::relay().await?);
    let check = Arc::new(DeliveryCheck::default());
    let settings = [
        ("SHOPTALK_PUSH__ALLOW_PRIVATE", "true".to_owned()),
        (
            "SHOPTALK_PUSH__SUBJECT",
            "mailto:load@shop.example".to_owned(),
        ),
        ("SHOPTALK_MAIL__SMTP_URL", mails.smtp_url()),
        ("SHOPTALK_MAIL__FROM", "Shop <chat@shop.example>".to_owned()),
        ("SHOPTALK_MAIL__AFTER_MS", MAIL_AFTER_MS.to_string()),
        ("SHOPTALK_ALERTS__MAIL_TO", "owner@shop.example".to_owned()),
    ];
    let data = |name: &str| dir.path().join(name);
    let target = setup.target.clone();
    let mut without = Measured::start(&target, &data("without"), senders, &check, &[]).await?;
    let mut with = Measured::start(&target, &data("with"), senders, &check, &settings).await?;
    with.subscribe(&pushes).await?;
    for one in [&mut without, &mut with] {
        // Caches fill and the log gets its full size.
        one.turn().await?;
        one.rounds = Rounds::default();
    }
    for _ in 0..rounds {
        without.turn().await?;
        with.turn().await?;
        // The other turn begins when everything has been sent.
        mails.wait_for(with.left, ARRIVES_WITHIN).await?;
        pushes.wait_for(with.left, ARRIVES_WITHIN).await?;
    }
    let more = |with: u64, without: u64| (with as f64 - without as f64) / 1e6;
    let at_start = more(with.at_start, without.at_start);
    let at_end = more(with.resident_bytes()?, without.resident_bytes()?);
    let report = &mut setup.report;
    let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
        let figure = format!("{senders} senders: {what}");
        report.add("notifications", figure, value, unit, goal);
    };
    add("customers who left", with.left as f64, "", Goal::None);
    add("pushes sent", pushes.taken() as f64, "", Goal::None);
    add("mails sent", mails.taken() as f64, "", Goal::None);
    for (name, one) in [("without", &without), ("with", &with)] {
        let rate = one.rounds.per_second();
        add(
            &format!("durable acked {name} them"),
            rate,
            "/s",
            Goal::None,
        );
        for (quantile, value) in [("p50", one.rounds.p50_ms()), ("p99", one.rounds.p99_ms())] {
            add(
                &format!("ack {quantile} {name} them"),
                value,
                "ms",
                Goal::None,
            );
        }
    }
    let p50 = with.rounds.p50_ms() / without.rounds.p50_ms();
    let p99 = with.rounds.p99_ms() / without.rounds.p99_ms();
    add("ack p50, ratio", p50, "", Goal::AtMost(1.05));
    add("ack p99, ratio", p99, "", Goal::AtMost(1.2));
    add(
        "memory when ready, with − without",
        at_start,
        "MB",
        Goal::AtMost(3.0),
    );
    add(
        "memory after the last turn, with − without",
        at_end,
        "MB",
        Goal::None,
    );
    report.check("notifications", &check);
    without.end().await?;
    with.end().await
}

impl Measured {
    async fn start(
        target: &Target,
        data: &Path,
        senders: usize,
        check: &Arc<DeliveryCheck>,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let server = Server::start_with(target, data, settings).await?;
        Ok(Self {
            at_start: server.process()?.resident_bytes()?,
            agent: server.sign_in().await?,
            customers: Visitor::many(server.addr, senders, check).await?,
            server,
            rounds: Rounds::default(),
            left: 0,
        })
    }

    /// The agent's device rings.
    async fn subscribe(&self, pushes: &Receiver) -> Result<()> {
        let path = "/api/admin/push/subscriptions/";
        let calls = Calls::of(&self.server);
        let made = calls.post(path, Some(&self.agent), pushes.subscription());
        made.await.map(drop)
    }

    /// Customers post as fast as they are answered while others ask and leave.
    async fn turn(&mut self) -> Result<()> {
        let posting = closed_loop(std::mem::take(&mut self.customers), TURN);
        let (posted, left) = tokio::join!(posting, customers_who_leave(&self.server, &self.agent));
        let (customers, round) = posted?;
        self.customers = customers;
        self.left += left?;
        self.rounds.add(&round)
    }

    fn resident_bytes(&self) -> Result<u64> {
        self.server.process()?.resident_bytes()
    }

    async fn end(self) -> Result<()> {
        drop(self.customers);
        self.server.stop().await
    }
}

/// Customers who ask and are gone when an agent answers, for one turn. Returns how many.
async fn customers_who_leave(server: &Server, agent: &str) -> Result<u64> {
    let calls = Calls::of(server);
    let mut due = interval(Duration::from_secs(1) / LEAVE_PER_SECOND);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let began = Instant::now();
    let mut conversations = JoinSet::new();
    while began.elapsed() < TURN {
        due.tick().await;
        let (calls, agent) = (calls.clone(), agent.to_owned());
        conversations.spawn(async move { calls.ask_and_leave(&agent).await });
    }
    let mut left = 0;
    while let Some(conversation) = conversations.join_next().await {
        conversation??;
        left += 1;
    }
    Ok(left)
}

/// Calls to one server.
#[derive(Clone)]
struct Calls {
    client: Client,
    base: String,
}

impl Calls {
    fn of(server: &Server) -> Self {
        Self {
            client: Client::new(),
            base: format!("http://{}", server.addr),
        }
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Result<Value> {
        let mut call = self.client.post(format!("{}{path}", self.base)).json(&body);
        if let Some(token) = token {
            call = call.bearer_auth(token);
        }
        Ok(call.send().await?.error_for_status()?.json().await?)
    }

    /// A customer asks over HTTP, without a socket, and an agent answers.
    async fn ask_and_leave(&self, agent: &str) -> Result<()> {
        let email = format!("{}@customers.example", Uuid::now_v7().simple());
        let details = json!({"customer_name": "Ann", "customer_email": email});
        let opened = self.post("/api/chat/rooms/", None, details).await?;
        let room = text(&opened["room"]["id"])?;
        let asked = json!({"id": Uuid::now_v7(), "content": texts::next()});
        let path = format!("/api/chat/rooms/{room}/messages/");
        self.post(&path, Some(text(&opened["token"])?), asked)
            .await?;
        tokio::time::sleep(ANSWERED_AFTER).await;
        let answer = json!({"id": Uuid::now_v7(), "content": texts::next()});
        let path = format!("/api/admin/rooms/{room}/messages/");
        self.post(&path, Some(agent), answer).await?;
        Ok(())
    }
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("the reply has no such text")
}
