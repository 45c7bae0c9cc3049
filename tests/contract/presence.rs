//! Presence: per visitor, online at once, offline after the grace.

use crate::common::{Socket, TestServer, Value, Visitor, json, left_out_on_several_nodes};

const GRACE_MS: u64 = 300;

async fn start() -> TestServer {
    TestServer::start_with(|config| config.rooms.presence_grace_ms = GRACE_MS).await
}

async fn online(console: &mut Socket, customer_online: bool) -> Value {
    let frame = console.expect("online").await;
    assert_eq!(frame["customer_online"], customer_online, "{frame}");
    frame
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tabs_count_as_one_visitor() {
    if left_out_on_several_nodes("who is online elsewhere is known a moment later") {
        return;
    }
    let server = start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let mut console = admin.online().await;
    let first = visitor.online().await;
    assert_eq!(online(&mut console, true).await["room_id"], visitor.room_id);
    let second = visitor.online().await;
    first.close().await;
    // The other tab keeps the visitor online past the first one's grace.
    let mut held = second;
    held.post("still here").await;
    assert_eq!(
        admin.summary(&visitor.room_id).await["customer_online"],
        true
    );
    held.close().await;
    online(&mut console, false).await;
    assert_eq!(
        admin.summary(&visitor.room_id).await["customer_online"],
        false
    );
    assert_eq!(console.count_in_inbox("online"), 0, "one rise, one fall");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_is_shown_for_a_visitor_online_before_the_first_message() {
    let server = start().await;
    let mut console = server.admin().await.online().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    socket.post("hello").await;
    assert_eq!(online(&mut console, true).await["room_id"], visitor.room_id);
    socket.close().await;
    assert_eq!(
        online(&mut console, false).await["room_id"],
        visitor.room_id
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_absence_is_not_noticed() {
    if left_out_on_several_nodes("who is online elsewhere is known a moment later") {
        return;
    }
    // Longer than any machine takes to connect again.
    let server = TestServer::start_with(|config| config.rooms.presence_grace_ms = 600_000).await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let mut console = admin.online().await;
    visitor.online().await.close().await;
    let _back = visitor.online().await;
    online(&mut console, true).await;
    admin.post(&visitor.room_id, "good day").await;
    console
        .expect_where("active", |frame| frame["summary"]["status"] == "active")
        .await;
    assert_eq!(console.count_in_inbox("online"), 0);
    assert_eq!(
        admin.summary(&visitor.room_id).await["customer_online"],
        true
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_goes_offline_like_a_closed_one() {
    let server = start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let mut console = admin.online().await;
    let socket = visitor.online().await;
    online(&mut console, true).await;
    drop(socket);
    online(&mut console, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_is_per_room() {
    if left_out_on_several_nodes("who is online elsewhere is known a moment later") {
        return;
    }
    let server = start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    visitor
        .rest
        .post(&visitor.path("close/"), json!({}))
        .await
        .is(200);
    let second = visitor
        .rest
        .post("/api/chat/rooms/", json!({}))
        .await
        .is(201);
    let second = Visitor::from_response(&server, &second);
    second.post("hello again").await;
    let _tab = second.online().await;
    let (_console, welcome) = admin.connect().await;
    assert_eq!(welcome["online"], json!([second.room_id]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_see_whether_any_agent_is_there() {
    if left_out_on_several_nodes("who is online elsewhere is known a moment later") {
        return;
    }
    let server = start().await;
    let (bob, eve) = (
        server.agent("bob", "agent").await,
        server.agent("eve", "agent").await,
    );
    let visitor = Visitor::arrive(&server).await;
    let (mut socket, welcome) = visitor.connect().await;
    assert_eq!(welcome["agents_online"], false);
    let bobs = bob.online().await;
    assert_eq!(socket.expect("presence").await["agents_online"], true);
    let eves = eve.online().await;
    bobs.close().await;
    let (_tab, welcome) = visitor.connect().await;
    assert_eq!(welcome["agents_online"], true);
    eves.close().await;
    assert_eq!(socket.expect("presence").await["agents_online"], false);
    assert_eq!(socket.count_in_inbox("presence"), 0, "one rise, one fall");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_room_keeps_nobody_online() {
    let server = TestServer::start_with(|config| {
        config.rooms.presence_grace_ms = 20;
        config.rooms.idle_timeout_ms = 1;
    })
    .await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let mut console = admin.online().await;
    for _ in 0..10 {
        let socket = visitor.online().await;
        online(&mut console, true).await;
        socket.close().await;
        online(&mut console, false).await;
    }
}
