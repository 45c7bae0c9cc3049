//! A customer who waits rings agents.

use shoptalk::config::Config;

use crate::common::{Agent, Device, PushService, Rung, TestServer, Visitor, json};

/// Long enough for a second ring never to come by itself.
const NEVER_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

async fn start(escalate_ms: u64) -> TestServer {
    TestServer::start_with(|config: &mut Config| {
        config.push.allow_private = true;
        config.alerts.escalate_ms = Some(escalate_ms);
    })
    .await
}

async fn subscribe(agent: &Agent, device: &Device) {
    let subscription = device.subscription();
    let made = agent
        .rest
        .post("/api/admin/push/subscriptions/", subscription);
    made.await.is(201);
}

fn room_of(rung: &Rung) -> &str {
    rung.payload["room_id"].as_str().expect("a room")
}

#[tokio::test]
async fn a_customer_who_waits_rings_everybody_on_duty_and_nobody_else() {
    let server = start(NEVER_MS).await;
    let service = PushService::start().await;
    let (ada, bob) = (server.admin().await, server.agent("bob", "agent").await);
    let eve = server.agent("eve", "agent").await;
    let (phone, desk) = (service.device("phone"), service.device("desk"));
    subscribe(ada, &phone).await;
    subscribe(ada, &desk).await;
    let (off_duty, signed_out) = (service.device("off duty"), service.device("signed out"));
    subscribe(&bob, &off_duty).await;
    let off = json!({"on_duty": false});
    bob.rest.patch("/api/admin/me/", off).await.is(200);
    subscribe(&eve, &signed_out).await;
    let out = eve.rest.post("/api/admin/logout/", json!({})).await;
    assert_eq!(out.status, 204);

    let ann = Visitor::named(&server, "Ann").await;
    ann.post("Is it\nin stock?").await;
    // More of the same wait rings nobody again.
    ann.post("Hello?").await;
    let first = phone.has_rung(1).await;
    assert_eq!(room_of(&first[0]), ann.room_id);
    assert_eq!(first[0].payload["title"], "Ann");
    assert_eq!(first[0].urgency, "high");
    desk.has_rung(1).await;

    // An answer ends it, and the next wait rings anew under the same topic.
    ada.post(&ann.room_id, "Yes").await;
    ann.post("And in red?").await;
    let rung = phone.has_rung(2).await;
    assert_eq!(rung[1].payload["body"], "And in red?");
    assert_eq!(rung[0].topic, rung[1].topic);

    // Another conversation has another topic.
    let cem = Visitor::arrive(&server).await;
    cem.post("Hi").await;
    let rung = phone.has_rung(3).await;
    assert_eq!(rung[2].payload["title"], "Visitor");
    assert_ne!(rung[2].topic, rung[0].topic);
    desk.has_rung(3).await;
    assert_eq!((phone.rung().len(), desk.rung().len()), (3, 3));
    assert_eq!(service.count(), 6, "nobody else was rung");
}

#[tokio::test]
async fn a_blocked_visitor_rings_nobody() {
    let server = start(NEVER_MS).await;
    let service = PushService::start().await;
    let admin = server.admin().await;
    let phone = service.device("phone");
    subscribe(admin, &phone).await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("Hello?").await;
    phone.has_rung(1).await;
    let block = json!({"blocked": true});
    admin
        .rest
        .patch(&admin.path(&ann.room_id, ""), block)
        .await
        .is(200);
    // Reopened by the block or not: what comes next is somebody else's.
    let bea = Visitor::named(&server, "Bea").await;
    bea.post("Hello?").await;
    let rung = phone.has_rung(2).await;
    assert_eq!(room_of(&rung[1]), bea.room_id);
}

#[tokio::test]
async fn devices_ring_again_when_nobody_answers_also_after_a_restart() {
    let mut server = start(2_000).await;
    let service = PushService::start().await;
    let phone = service.device("phone");
    subscribe(server.admin().await, &phone).await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("Hello?").await;
    let first = phone.has_rung(1).await;
    server.restart().await;
    let rung = phone.has_rung(2).await;
    assert_eq!(room_of(&rung[1]), ann.room_id);
    assert_eq!(rung[1].topic, first[0].topic);
}
