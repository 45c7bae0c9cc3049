//! The shop's cards beside the conversation, from a server of the shop's own.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Redirect;
use jsonwebtoken::Algorithm;

use crate::common::{
    IDENTITY_SECRET, ShopServer, TestServer, Value, Visitor, in_seconds, json, jwt, new_id,
};

async fn start() -> (ShopServer, TestServer) {
    let shop = ShopServer::start().await;
    let server = TestServer::start_with(|config| config.cards = Some(shop.config())).await;
    (shop, server)
}

fn path(room_id: &str) -> String {
    format!("/api/admin/rooms/{room_id}/cards/")
}

async fn cards(server: &TestServer, visitor: &Visitor) -> Value {
    let admin = server.admin().await;
    admin.rest.get(&path(&visitor.room_id)).await.is(200)
}

#[tokio::test]
async fn the_shop_s_server_is_told_who_the_customer_is_and_what_is_signed() {
    let (shop, server) = start().await;
    let claims = json!({
        "sub": "c-42", "exp": in_seconds(600), "name": "Ann", "email": "ann@example.com",
    });
    let identity = jwt(Algorithm::HS256, IDENTITY_SECRET, &claims);
    let body = json!({"identity": identity, "customer_phone": "123"});
    let customer = Visitor::arrive_with(&server, body).await;
    let typed = json!({"customer_name": "Ann", "customer_email": "ann@example.com"});
    let anonymous = Visitor::arrive_with(&server, typed).await;
    let card = json!({"title": "Order 7", "lines": ["Paid"], "link": "https://shop.example/7"});
    shop.reply_next(Json(json!({"cards": [card]})));
    assert_eq!(
        cards(&server, &customer).await,
        json!({"cards": [card], "problem": null})
    );
    assert_eq!(
        cards(&server, &anonymous).await,
        json!({"cards": [], "problem": null})
    );
    assert_eq!(
        shop.questions(),
        [
            json!({
                "room_id": customer.room_id, "user": "c-42", "name": "Ann",
                "email": "ann@example.com", "phone": "123", "signed": ["name", "email"],
            }),
            json!({
                "room_id": anonymous.room_id, "user": null, "name": "Ann",
                "email": "ann@example.com", "phone": null, "signed": [],
            })
        ]
    );
}

#[tokio::test]
async fn a_failure_of_the_shop_s_server_is_a_reason_and_the_next_call_asks_again() {
    let (shop, server) = start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    let failed = async |reason: &str| {
        let seen = cards(&server, &visitor).await;
        assert_eq!(seen["cards"], Value::Null);
        let problem = seen["problem"].as_str().expect("a reason");
        assert!(problem.contains(reason), "{problem}");
    };
    shop.reply_next(StatusCode::INTERNAL_SERVER_ERROR);
    failed("replied with 500 Internal Server Error").await;
    shop.reply_next(Redirect::to("/cards"));
    failed("redirects are not followed").await;
    shop.reply_next("<!doctype html>");
    failed("is not {\"cards\"").await;
    shop.reply_next(Json(
        json!({"cards": [{"title": "x", "link": "javascript:alert(1)"}]}),
    ));
    failed("link must be an http or https URL").await;
    shop.reply_next("x".repeat(10 * 1024 * 1024));
    failed("is larger than 65536 bytes").await;
    visitor.post("Hello?").await;
    let seen = cards(&server, &visitor).await;
    assert_eq!(seen, json!({"cards": [], "problem": null}));
    assert_eq!(shop.questions().len(), 6, "no redirect was followed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_s_server_that_hangs_delays_neither_others_nor_the_end() {
    let (shop, mut server) = start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    let agent = server.agent("tom", "agent").await;
    shop.hold(true);
    let rest = agent.rest.clone();
    let path = path(&visitor.room_id);
    let asking = tokio::spawn({
        let (rest, path) = (rest.clone(), path.clone());
        async move { rest.get(&path).await }
    });
    shop.wait_for_open(1).await;
    visitor.post("Hello?").await;
    agent.post(&visitor.room_id, "Good day").await;
    // The agent's browser hangs up, as when another conversation is opened.
    asking.abort();
    shop.wait_for_open(0).await;

    let asking = tokio::spawn(async move { rest.get(&path).await });
    shop.wait_for_open(1).await;
    server.stop().await;
    let ended = asking.await.expect("no panic").is(200);
    let problem = ended["problem"].as_str().expect("a reason");
    assert!(
        problem.contains("the chat's server is stopping"),
        "{problem}"
    );
}

#[tokio::test]
async fn agents_alone_may_ask_and_only_about_rooms() {
    let (shop, server) = start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    let path = path(&visitor.room_id);
    visitor.rest.get(&path).await.problem(401, "unauthorized");
    server.rest().get(&path).await.problem(401, "unauthorized");
    let admin = &server.admin().await.rest;
    let request = json!({"name": "Robot", "rights": ["rooms:read"]});
    let made = admin.post("/api/admin/tokens/", request).await.is(201);
    let robot = server
        .rest()
        .bearer(made["token"].as_str().expect("a secret"));
    robot.get(&path).await.problem(403, "forbidden");
    let unknown = self::path(&new_id());
    admin.get(&unknown).await.problem(404, "not_found");
    assert!(shop.questions().is_empty());
}

/// The console's doctor, whose part these checks are.
async fn finding(server: &TestServer, check: &str) -> Option<Value> {
    let admin = &server.admin().await.rest;
    let seen = json!({"origin": "http://127.0.0.1"});
    let found = admin.post("/api/admin/doctor/findings/", seen).await;
    let findings = found.is(200)["results"].clone();
    let mut findings = findings.as_array().expect("findings").iter();
    findings.find(|finding| finding["check"] == check).cloned()
}

#[tokio::test]
async fn the_doctor_sends_a_test_question_that_names_no_customer() {
    let (shop, server) = start().await;
    let found = finding(&server, "cards").await.expect("a finding");
    assert_eq!(found["title"], "Cards");
    let origin = shop.config().url.origin().ascii_serialization();
    let detail = found["detail"].as_str().expect("a text");
    // How long it took is said after it; any other problem does not begin with it.
    assert!(detail.starts_with(&origin), "{detail}");
    let question = json!({
        "room_id": "00000000-0000-0000-0000-000000000000", "user": null, "name": null,
        "email": null, "phone": null, "signed": [],
    });
    assert_eq!(shop.questions(), [question.clone(), question]);
    shop.reply_next(StatusCode::NOT_FOUND);
    let found = finding(&server, "cards").await.expect("a finding");
    assert_eq!(found["level"], "problem");
    let detail = found["detail"].as_str().expect("a text");
    assert!(
        detail.contains("check that cards.url is where its program"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_shop_s_server_that_trusts_everybody_is_a_problem_for_the_doctor() {
    let (shop, server) = start().await;
    let found = finding(&server, "cards_signature").await;
    let found = found.expect("a finding");
    assert_eq!(found["title"], "Cards signature");
    assert_eq!(found["level"], "ok", "{found}");
    shop.trust_everybody();
    let found = finding(&server, "cards_signature").await;
    let found = found.expect("a finding");
    assert_eq!(found["level"], "problem");
    let detail = found["detail"].as_str().expect("a text");
    assert!(detail.contains("to reply 403"), "{detail}");
    // A refusal is no failure to load cards.
    assert_eq!(
        server
            .metric("shoptalk_cards_requests_total{outcome=\"failed\"}")
            .await,
        0.0
    );
    // Nobody is asked with a wrong signature whose reply to the right one shows nothing.
    shop.reply_next(StatusCode::FORBIDDEN);
    assert_eq!(finding(&server, "cards_signature").await, None);
    assert_eq!(shop.questions().len(), 5);
}

#[tokio::test]
async fn without_a_shop_s_server_there_are_no_cards_and_no_problem() {
    let server = TestServer::start().await;
    for check in ["cards", "cards_signature"] {
        assert_eq!(finding(&server, check).await, None);
    }
    let visitor = Visitor::named(&server, "Ann").await;
    let seen = cards(&server, &visitor).await;
    assert_eq!(seen, json!({"cards": null, "problem": null}));
}
