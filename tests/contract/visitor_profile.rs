//! The customer beside the conversation: other conversations, visits, pages, signed attributes.

use jsonwebtoken::Algorithm;

use crate::common::{IDENTITY_SECRET, TestServer, Value, Visitor, in_seconds, json, jwt, keys};

fn identity(attributes: &Value) -> String {
    let claims = json!({
        "sub": "c-42", "exp": in_seconds(600), "name": "Ann", "attributes": attributes,
    });
    jwt(Algorithm::HS256, IDENTITY_SECRET, &claims)
}

async fn profile(server: &TestServer, room_id: &str) -> Value {
    let path = format!("/api/admin/rooms/{room_id}/visitor/");
    server.admin().await.rest.get(&path).await.is(200)
}

#[tokio::test]
async fn agents_see_what_the_shop_has_signed_and_visitors_do_not() {
    let server = TestServer::start().await;
    let attributes = json!({"tier": "gold-member", "orders": 3, "cart": {"sum": 9.5}});
    let open = async |attributes: &Value| {
        let body = json!({"identity": identity(attributes)});
        server.rest().post("/api/chat/rooms/", body).await
    };
    let opened = open(&attributes).await;
    assert!(!opened.text.contains("gold-member"), "{}", opened.text);
    let visitor = Visitor::from_response(&server, &opened.is(201));
    let seen = profile(&server, &visitor.room_id).await;
    assert_eq!(
        keys(&seen),
        [
            "attributes",
            "attributes_problem",
            "first_visit_at",
            "last_visit_at",
            "pages",
            "rooms"
        ]
    );
    assert_eq!(seen["attributes"], attributes);
    assert_eq!(seen["attributes_problem"], Value::Null);
    let (_, welcome) = visitor.connect().await;
    for told in [welcome, visitor.room().await] {
        assert!(!told.to_string().contains("gold-member"), "{told}");
    }

    // Past their limits they are dropped, and the customer comes in all the same.
    let long = json!({"k": "x".repeat(3_000)});
    open(&long).await.is(200);
    let seen = profile(&server, &visitor.room_id).await;
    assert_eq!(seen["attributes"], Value::Null);
    let problem = seen["attributes_problem"].as_str().expect("a reason");
    assert!(problem.contains("2048 are allowed"), "{problem}");
    let many: serde_json::Map<_, _> = (0..21).map(|n| (n.to_string(), json!(n))).collect();
    open(&many.into()).await.is(200);
    open(&json!({"tier": "silver"})).await.is(200);
    let seen = profile(&server, &visitor.room_id).await;
    assert_eq!(seen["attributes"], json!({"tier": "silver"}));
    assert_eq!(seen["attributes_problem"], Value::Null);
}

#[tokio::test]
async fn other_conversations_are_those_of_the_same_customer() {
    let server = TestServer::start().await;
    let first = Visitor::named(&server, "Ann").await;
    first.post("hello").await;
    let close = first.rest.post(&first.path("close/"), json!({})).await;
    close.is(200);
    let opened = first.rest.post("/api/chat/rooms/", json!({})).await.is(201);
    let room_id = opened["room"]["id"].as_str().expect("an id");
    let stranger = Visitor::named(&server, "Bob").await;
    stranger.post("hello").await;
    let seen = profile(&server, room_id).await;
    let ids = |seen: &Value| -> Vec<Value> {
        let rooms = seen["rooms"].as_array().expect("rooms");
        rooms.iter().map(|room| room["id"].clone()).collect()
    };
    assert_eq!(ids(&seen), [json!(first.room_id)]);
    assert_eq!(seen["rooms"][0]["status"], "closed");
    let begun = first.room().await["created_at"].clone();
    let visit = |field: &str| seen[field].as_str().expect("a time").to_owned();
    let last = opened["room"]["created_at"].as_str().expect("a time");
    assert!(visit("first_visit_at").as_str() <= begun.as_str().expect("a time"));
    assert!(visit("last_visit_at").as_str() >= last);
    let seen = profile(&server, &first.room_id).await;
    assert!(ids(&seen).is_empty(), "the new one has no message yet");
    let seen = profile(&server, &stranger.room_id).await;
    assert!(ids(&seen).is_empty());
    assert_eq!(seen["attributes"], Value::Null);
    let unknown = format!("/api/admin/rooms/{}/visitor/", uuid::Uuid::now_v7());
    let admin = server.admin().await;
    admin.rest.get(&unknown).await.problem(404, "not_found");
}

#[tokio::test]
async fn agents_see_the_page_that_the_customer_is_on() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let (mut socket, _) = visitor.connect().await;
    let mut console = admin.joined(&visitor.room_id).await;
    let room = visitor.room().await;
    let page = |path: &str| json!({"type": "page", "url": format!("https://shop.example{path}")});
    socket
        .send(page("/shoes?email=ann@example.com#reviews"))
        .await;
    let frame = console.expect("page").await;
    assert_eq!(frame["room_id"], visitor.room_id);
    assert_eq!(frame["page"]["url"], "https://shop.example/shoes");
    let seen = profile(&server, &visitor.room_id).await;
    assert_eq!(seen["pages"], json!([frame["page"]]));
    assert_eq!(seen["last_visit_at"], frame["page"]["at"]);
    socket.send(page("/shoes")).await;
    console.expect("page").await;
    for number in 0..20 {
        socket.send(page(&format!("/{number}"))).await;
        console.expect("page").await;
    }
    let seen = profile(&server, &visitor.room_id).await;
    let urls: Vec<&str> = seen["pages"]
        .as_array()
        .expect("pages")
        .iter()
        .map(|page| page["url"].as_str().expect("a url"))
        .collect();
    let newest = (0..20).rev().map(|n| format!("https://shop.example/{n}"));
    assert_eq!(urls, newest.collect::<Vec<_>>(), "the newest 20, each once");
    assert_eq!(visitor.room().await, room, "nothing has moved");

    for url in ["javascript:alert(1)", "", "https://a\nb"] {
        socket.send(json!({"type": "page", "url": url})).await;
        socket.expect_error("invalid").await;
    }
    socket.send(json!({"type": "page"})).await;
    socket.expect_error("invalid").await;
    admin.post(&visitor.room_id, "hello").await;
    socket.expect("message").await;
    assert_eq!(socket.count_in_inbox("page"), 0, "agents alone get it");
}
