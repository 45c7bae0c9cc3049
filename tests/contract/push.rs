//! Who is rung when a customer waits, and on which devices.

use axum::http::StatusCode;

use crate::common::{Agent, Device, PASSWORD, PushService, TestServer, Value, Visitor, json};

const SUBSCRIPTIONS: &str = "/api/admin/push/subscriptions/";

/// A server that accepts the tests' push service.
async fn start() -> TestServer {
    TestServer::start_with(|config| config.push.allow_private = true).await
}

async fn subscribe(agent: &Agent, device: &Device) {
    let made = agent.rest.post(SUBSCRIPTIONS, device.subscription()).await;
    let made = made.is(201);
    assert_eq!(made["subscription"]["endpoint"], device.endpoint());
    assert_eq!(made["subscription"]["problem"], Value::Null);
}

async fn devices(agent: &Agent) -> Vec<Value> {
    let listed = agent.rest.get(SUBSCRIPTIONS).await.is(200);
    assert_eq!(listed["next"], Value::Null);
    listed["results"].as_array().expect("a list").clone()
}

/// Rings the session's devices and returns the outcome and the detail of the first one.
async fn try_it(agent: &Agent) -> (String, String) {
    let tried = agent.rest.post("/api/admin/push/test/", json!({})).await;
    let tried = tried.is(200);
    let text = |field: &str| tried["results"][0][field].as_str().unwrap_or("").to_owned();
    (text("outcome"), text("detail"))
}

#[tokio::test]
async fn agents_are_on_duty_until_they_say_otherwise() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let me = bob.rest.get("/api/admin/me/").await.is(200);
    assert_eq!(me["agent"]["on_duty"], true);

    let changed = bob
        .rest
        .patch("/api/admin/me/", json!({"on_duty": false}))
        .await
        .is(200);
    assert_eq!(changed["agent"]["on_duty"], false);
    assert_eq!(
        changed["agent"]["display_name"],
        me["agent"]["display_name"]
    );
    let agents = admin.rest.get("/api/admin/agents/").await.is(200);
    let on_duty = |id: &str| {
        let agents = agents["results"].as_array().expect("a list");
        let agent = agents.iter().find(|agent| agent["id"] == id);
        agent.expect("they are listed")["on_duty"].clone()
    };
    assert_eq!(on_duty(&bob.id), false);
    assert_eq!(on_duty(&admin.id), true);

    // Nothing else that they change moves it.
    let renamed = bob
        .rest
        .patch("/api/admin/me/", json!({"display_name": "Bobby"}))
        .await
        .is(200);
    assert_eq!(renamed["agent"]["on_duty"], false);
    bob.rest
        .patch("/api/admin/me/", json!({"on_duty": "often"}))
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn a_device_that_has_subscribed_rings_and_only_it_can_read_the_message() {
    let server = start().await;
    let service = PushService::start().await;
    let bob = server.agent("bob", "agent").await;
    let key = bob.rest.get("/api/admin/push/key/").await.is(200);
    let again = bob.rest.get("/api/admin/push/key/").await.is(200);
    assert_eq!(key, again);
    assert_eq!(key["key"].as_str().map(str::len), Some(87));

    let phone = service.device("phone");
    subscribe(&bob, &phone).await;
    // Again is no second one.
    subscribe(&bob, &phone).await;
    assert_eq!(devices(&bob).await.len(), 1);
    assert_eq!(try_it(&bob).await.0, "accepted");
    let rung = phone.rung();
    assert_eq!(rung.len(), 1);
    assert_eq!(rung[0].payload["room_id"], Value::Null);
    assert_eq!(rung[0].payload["title"], "Shoptalk");
    assert_eq!(rung[0].urgency, "high");
    assert!(rung[0].topic.len() <= 32);
    assert!(rung[0].ttl <= 300, "{}", rung[0].ttl);

    let removed = bob
        .rest
        .delete_with(SUBSCRIPTIONS, phone.subscription())
        .await;
    assert_eq!(removed.status, 204);
    assert!(devices(&bob).await.is_empty());
    let nothing = bob
        .rest
        .post("/api/admin/push/test/", json!({}))
        .await
        .is(200);
    assert_eq!(nothing["results"], json!([]));
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn what_nobody_wrote_is_in_the_language_of_the_devices_console() {
    let server = start().await;
    let service = PushService::start().await;
    let bob = server.agent("bob", "agent").await;
    let phone = service.device("phone");
    for (language, body) in [
        (
            json!("de-AT"),
            "Dieses Gerät klingelt, wenn ein Kunde wartet.",
        ),
        (json!("it"), "This device rings when a customer waits."),
        (json!("ar"), "يرن هذا الجهاز عندما ينتظر عميل."),
    ] {
        let mut subscription = phone.subscription();
        subscription["language"] = language;
        bob.rest.post(SUBSCRIPTIONS, subscription).await.is(201);
        assert_eq!(try_it(&bob).await.0, "accepted");
        let rung = phone.rung();
        let last = rung.last().expect("it has rung");
        assert_eq!(last.payload["body"], body);
    }
    Visitor::arrive(&server).await.post("Is it red?").await;
    let rung = phone.has_rung(4).await;
    assert_eq!(rung[3].payload["title"], "زائر");
    assert_eq!(rung[3].payload["body"], "Is it red?");
}

#[tokio::test]
async fn a_subscription_that_cannot_be_used_is_refused_by_field() {
    let server = TestServer::start().await;
    let service = PushService::start().await;
    let bob = server.agent("bob", "agent").await;
    let mut subscription = service.device("phone").subscription();
    for endpoint in [
        "http://push.example.com/a",
        "https://127.0.0.1/a",
        "https://[fd00::1]/a",
        "https://localhost/a",
        "no URL",
    ] {
        subscription["endpoint"] = json!(endpoint);
        let refused = bob.rest.post(SUBSCRIPTIONS, subscription.clone()).await;
        refused.invalid("endpoint");
    }
    subscription["endpoint"] = json!("https://push.example.com/a");
    let good = subscription.clone();
    for (field, path) in [("p256dh", "keys.p256dh"), ("auth", "keys.auth")] {
        subscription = good.clone();
        subscription["keys"][field] = json!("AAAA");
        let refused = bob.rest.post(SUBSCRIPTIONS, subscription.clone()).await;
        refused.invalid(path);
    }
    bob.rest.post(SUBSCRIPTIONS, good).await.is(201);
    let refused = bob.rest.post(SUBSCRIPTIONS, json!({"endpoint": "x"})).await;
    refused.problem(400, "invalid");
}

#[tokio::test]
async fn what_a_push_service_replies_decides_what_becomes_of_a_device() {
    let server = start().await;
    let service = PushService::start().await;
    let bob = server.agent("bob", "agent").await;
    let phone = service.device("phone");
    subscribe(&bob, &phone).await;

    // Refused: it stays, and the console can say why, until it works again.
    service.reply_next(StatusCode::FORBIDDEN);
    let (outcome, detail) = try_it(&bob).await;
    assert_eq!(outcome, "refused");
    assert!(detail.contains("403"), "{detail}");
    assert_eq!(devices(&bob).await[0]["problem"], json!(detail));
    assert_eq!(try_it(&bob).await.0, "accepted");
    assert_eq!(devices(&bob).await[0]["problem"], Value::Null);

    // Away or busy: it is tried again.
    service.reply_next(StatusCode::SERVICE_UNAVAILABLE);
    service.reply_next((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]));
    let before = service.count();
    assert_eq!(try_it(&bob).await.0, "accepted");
    assert_eq!(service.count() - before, 3);

    // Longer than the message is worth: it is given up.
    service.reply_next((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]));
    let (outcome, detail) = try_it(&bob).await;
    assert_eq!(outcome, "failed");
    assert!(detail.contains("429"), "{detail}");
    assert_eq!(devices(&bob).await.len(), 1);

    // Elsewhere: it is not followed.
    let other = service.device("other").endpoint();
    service.reply_next((StatusCode::TEMPORARY_REDIRECT, [("location", other)]));
    let before = service.count();
    assert_eq!(try_it(&bob).await.0, "refused");
    assert_eq!(service.count() - before, 1);

    // Unknown: it is removed.
    service.reply_next(StatusCode::GONE);
    assert_eq!(try_it(&bob).await.0, "gone");
    assert!(devices(&bob).await.is_empty());
    let messages = async |outcome: &str| {
        let name = format!("shoptalk_push_messages_total{{outcome=\"{outcome}\"}}");
        server.metric(&name).await
    };
    assert_eq!(messages("accepted").await, 2.0);
    assert_eq!(messages("gone").await, 1.0);
    assert_eq!(messages("refused").await, 2.0);
    assert_eq!(messages("failed").await, 1.0);
    assert_eq!(server.metric("shoptalk_push_retries_total").await, 2.0);
}

#[tokio::test]
async fn a_device_ends_with_the_session_it_subscribed_in() {
    let server = start().await;
    let service = PushService::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let again = Agent::signed_in(&server, &server.sign_in("bob", PASSWORD).await);
    let (phone, desk) = (service.device("phone"), service.device("desk"));
    subscribe(&bob, &phone).await;
    subscribe(&again, &desk).await;
    assert_eq!(devices(&bob).await.len(), 1, "each session has its own");
    // Nobody removes the devices of another session.
    let foreign = again
        .rest
        .delete_with(SUBSCRIPTIONS, phone.subscription())
        .await;
    assert_eq!(foreign.status, 204);
    assert_eq!(devices(&bob).await.len(), 1);

    let out = again.rest.post("/api/admin/logout/", json!({})).await;
    assert_eq!(out.status, 204);
    let path = format!("/api/admin/agents/{}/", bob.id);
    let disable = json!({"disabled": true});
    admin.rest.patch(&path, disable).await.is(200);
    let enable = json!({"disabled": false});
    admin.rest.patch(&path, enable).await.is(200);
    let fresh = Agent::signed_in(&server, &server.sign_in("bob", PASSWORD).await);
    assert!(devices(&fresh).await.is_empty());
}
