//! The life of a room: its first message, its status, its rest and its restart.

use crate::common::{TestServer, Value, Visitor, eventually, json, new_id, results};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_listed_from_its_first_message_on() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut console = admin.online().await;
    let quiet = Visitor::arrive(&server).await;
    let visitor = Visitor::arrive(&server).await;
    let list = async || admin.rest.get("/api/admin/rooms/").await.is(200);
    assert!(results(&list().await).is_empty());
    assert_eq!(
        list().await["counts"],
        json!({"waiting": 0, "active": 0, "closed": 0, "mine": 0, "unassigned": 0})
    );
    visitor.post("hello").await;
    assert_eq!(results(&list().await).len(), 1);
    let summary = console.expect("summary").await;
    assert_eq!(summary["summary"]["id"], visitor.room_id);
    assert!(
        console
            .take_inbox()
            .iter()
            .all(|frame| frame["summary"]["id"] != quiet.room_id)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlisted_room_can_be_read_and_answered_by_an_agent() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = admin.joined(&visitor.room_id).await;
    socket
        .send(json!({"type": "post", "room_id": visitor.room_id, "id": new_id(), "content": "May I help?"}))
        .await;
    assert_eq!(socket.expect("ack").await["seq"], 1);
    assert_eq!(admin.summary(&visitor.room_id).await["status"], "active");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_follows_the_last_sender() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let status = async || visitor.room().await["status"].clone();
    assert_eq!(status().await, "active");
    visitor.post("hello?").await;
    assert_eq!(status().await, "waiting");
    admin.post(&visitor.room_id, "good day").await;
    assert_eq!(status().await, "active");
    assert!(admin.summary(&visitor.room_id).await["waiting_since"].is_null());
    visitor
        .rest
        .post(&visitor.path("close/"), json!({}))
        .await
        .is(200);
    assert_eq!(status().await, "closed");
    visitor.post("one more thing").await;
    assert_eq!(
        status().await,
        "waiting",
        "a customer's message opens a closed room"
    );
    let again = visitor
        .rest
        .post("/api/chat/rooms/", json!({}))
        .await
        .is(200);
    assert_eq!(again["room"]["id"], visitor.room_id);
    let path = admin.path(&visitor.room_id, "");
    admin
        .rest
        .patch(&path, json!({"status": "closed"}))
        .await
        .is(200);
    admin.post(&visitor.room_id, "I forgot to say").await;
    assert_eq!(
        status().await,
        "active",
        "an agent's answer makes it active"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_message_takes_a_seq_and_is_never_unread() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let path = admin.path(&visitor.room_id, "");
    admin
        .rest
        .patch(&path, json!({"status": "closed"}))
        .await
        .is(200);
    let summary = admin
        .rest
        .patch(&path, json!({"status": "active"}))
        .await
        .is(200)["summary"]
        .clone();
    assert_eq!(summary["last_seq"], 3);
    assert_eq!(summary["unread_count"], 1);
    assert_eq!(summary["last_message"]["seq"], 3);
    let messages = visitor.messages().await;
    assert_eq!(messages[1]["sender_type"], "system");
    assert_eq!(messages[2]["event"], "reopened");
    assert_eq!(messages[2]["is_read"], false);
    visitor
        .rest
        .post(&visitor.path("read/"), json!({"seq": 3}))
        .await
        .is(200);
    let messages = visitor.messages().await;
    assert_eq!(messages[2]["is_read"], true, "by the customer's mark");
    assert_eq!(
        messages[0]["is_read"], false,
        "that one waits for the agents' mark"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_without_a_name_is_visitor() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    assert_eq!(visitor.post("hello").await["sender_name"], "Visitor");
    assert!(visitor.room().await["customer_name"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_raises_the_version() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let version = async || admin.summary(&visitor.room_id).await["version"].as_u64();
    visitor.post("hello").await;
    let mut last = version().await;
    let path = admin.path(&visitor.room_id, "");
    let read = admin.path(&visitor.room_id, "read/");
    for change in ["details", "read", "status", "block"] {
        match change {
            "details" => admin
                .rest
                .patch(&path, json!({"customer_name": "C"}))
                .await
                .is(200),
            "read" => admin.rest.post(&read, json!({"seq": 1})).await.is(200),
            "status" => admin
                .rest
                .patch(&path, json!({"status": "closed"}))
                .await
                .is(200),
            _ => admin
                .rest
                .patch(&path, json!({"blocked": true}))
                .await
                .is(200),
        };
        let now = version().await;
        assert!(now > last, "{change}: {last:?} {now:?}");
        last = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_room_restarts_at_the_next_join() {
    let server = TestServer::start_with(|config| config.rooms.idle_timeout_ms = 1).await;
    let visitor = Visitor::arrive(&server).await;
    for round in 0..60_u64 {
        let (mut socket, welcome) = visitor.connect_with(json!({"after": round})).await;
        assert_eq!(welcome["recovered"], true);
        assert_eq!(welcome["messages"], json!([]), "{welcome}");
        assert_eq!(socket.post("still awake?").await["seq"], round + 1);
        socket.close().await;
    }
    assert_eq!(visitor.messages().await.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn join_and_room_idle_race() {
    let server = TestServer::start_with(|config| config.rooms.idle_timeout_ms = 1).await;
    let visitor = Visitor::arrive(&server).await;
    for round in 0..20 {
        let (mut first, mut second) = (visitor.online().await, visitor.online().await);
        let (one, two) = tokio::join!(first.post("one"), second.post("two"));
        assert_ne!(one["seq"], two["seq"], "round {round}");
        let (by_first, by_second) = tokio::join!(first.messages(2), second.messages(2));
        assert_eq!(by_first, by_second, "one order for all");
        let (id, path) = (new_id(), visitor.path("messages/"));
        let rest = visitor
            .rest
            .post(&path, json!({"id": id, "content": "three"}));
        let (_, _, response) = tokio::join!(first.close(), second.close(), rest);
        response.is(201);
    }
    let all = visitor.messages().await;
    let seqs: Vec<u64> = all.iter().filter_map(|it| it["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=60).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_join_restarts_an_idle_room() {
    let server = TestServer::start_with(|config| config.rooms.idle_timeout_ms = 1).await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let mut console = bob.online().await;
    for _ in 0..20 {
        console
            .send(json!({"type": "join", "room_id": visitor.room_id}))
            .await;
        assert_eq!(
            console.expect("joined").await["room"]["id"],
            visitor.room_id
        );
        console
            .send(json!({"type": "leave", "room_id": visitor.room_id}))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn post_and_room_idle_race() {
    let server = TestServer::start_with(|config| config.rooms.idle_timeout_ms = 1).await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let mut console = admin.online().await;
    for seq in 1..=40_u64 {
        let id = new_id();
        let post = json!({"type": "post", "room_id": visitor.room_id, "id": id, "content": "hi"});
        console.send(post).await;
        assert_eq!(console.ack(&id).await["seq"], seq);
        let read = json!({"type": "read", "room_id": visitor.room_id, "seq": seq});
        console.send(read).await;
        let body = json!({"seq": seq});
        visitor
            .rest
            .post(&visitor.path("read/"), body)
            .await
            .is(200);
    }
    assert_eq!(
        console.count_in_inbox("error"),
        0,
        "{:?}",
        console.take_inbox()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_and_messages_survive_a_restart() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Carla").await;
    visitor.post("before").await;
    let (room, messages) = (visitor.room().await, visitor.messages().await);
    let token = server.admin().await.token.clone();
    server.restart().await;
    assert_eq!(visitor.room().await, room);
    assert_eq!(visitor.messages().await, messages);
    let again = visitor
        .rest
        .post("/api/chat/rooms/", json!({}))
        .await
        .is(200);
    assert_eq!(again["epoch"], visitor.epoch, "a restart keeps the epoch");
    assert_eq!(visitor.post("after").await["seq"], 2);
    let console = server.rest().bearer(&token);
    let found = async || {
        let list: Value = console.get("/api/admin/rooms/?q=after").await.is(200);
        results(&list).len() == 1
    };
    eventually("search goes on", found).await;
}
