//! "What you can rely on" of docs/protocol.md, one by one.

use crate::common::{Response, Socket, TestServer, Value, Visitor, json, new_id, seqs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_is_one_message_across_socket_rest_and_restart() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let (id, path) = (new_id(), visitor.path("messages/"));
    let frame = json!({"type": "post", "id": id, "content": "once forever"});
    let body = json!({"id": id, "content": "once forever"});

    let mut socket = visitor.online().await;
    socket.send(frame.clone()).await;
    let first = socket.ack(&id).await;
    assert_eq!(first["duplicate"], false);
    let by_rest = visitor.rest.post(&path, body.clone()).await.is(200);
    assert_eq!(by_rest["message"]["seq"], first["seq"]);
    assert_eq!(by_rest["message"]["created_at"], first["created_at"]);
    socket.post("in between").await;

    server.restart().await;
    let mut socket = visitor.online().await;
    socket.send(frame).await;
    let second = socket.ack(&id).await;
    assert_eq!(
        (&second["duplicate"], &second["seq"]),
        (&json!(true), &first["seq"])
    );
    assert_eq!(
        visitor.rest.post(&path, body).await.is(200)["message"],
        by_rest["message"]
    );
    assert_eq!(visitor.messages().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_by_another_agent_of_the_same_side_is_the_same_message() {
    let server = TestServer::start().await;
    let (bob, eve) = (
        server.agent("bob", "agent").await,
        server.agent("eve", "agent").await,
    );
    let visitor = Visitor::arrive(&server).await;
    let body = json!({"id": new_id(), "content": "from the shop"});
    let path = bob.path(&visitor.room_id, "messages/");
    let first = bob.rest.post(&path, body.clone()).await.is(201);
    let second = eve.rest.post(&path, body).await.is(200);
    assert_eq!(second["message"], first["message"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_retries_at_once_are_one_message() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let body = json!({"id": new_id(), "content": "eager"});
    // Forty at a time: each has a connection of its own.
    let posters = (0..40).map(|_| {
        let (rest, path, body) = (
            visitor.rest.clone(),
            visitor.path("messages/"),
            body.clone(),
        );
        async move {
            let mut responses = Vec::new();
            for _ in 0..25 {
                let response = rest.post(&path, body.clone()).await;
                responses.push((response.status, response.json()["message"]["seq"].clone()));
            }
            responses
        }
    });
    let responses = futures_util::future::join_all(posters).await.concat();
    assert_eq!(responses.len(), 1_000);
    let first = responses
        .iter()
        .filter(|(status, _)| *status == 201)
        .count();
    assert_eq!(first, 1, "one of them was first");
    for (status, seq) in responses {
        assert!(matches!(status, 200 | 201), "{status}");
        assert_eq!(seq, 1);
    }
    assert_eq!(visitor.messages().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_subscribers_see_one_gapless_order() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    let mut tabs = [visitor.online().await, visitor.online().await];
    let mut console = bob.joined(&visitor.room_id).await;
    for round in 0..20 {
        for (number, tab) in tabs.iter_mut().enumerate() {
            tab.send_post(&format!("tab {number}, round {round}")).await;
        }
        let post = json!({"type": "post", "room_id": visitor.room_id, "id": new_id(),
                          "content": format!("agent, round {round}")});
        console.send(post).await;
    }
    let rest = visitor.rest.clone();
    let path = visitor.path("messages/");
    for number in 0..20 {
        let body = json!({"id": new_id(), "content": format!("rest {number}")});
        rest.post(&path, body).await.is(201);
    }
    let reference = console.messages(80).await;
    assert_eq!(seqs(&json!(reference)), (1..=80).collect::<Vec<u64>>());
    for tab in &mut tabs {
        assert_eq!(
            without_read(tab.messages(80).await),
            without_read(reference.clone())
        );
    }
    assert_eq!(
        without_read(visitor.messages().await),
        without_read(reference)
    );
}

/// Compares messages except for `is_read`, which depends on the moment of reading, and for the id
/// that agents alone get.
fn without_read(mut messages: Vec<Value>) -> Vec<Value> {
    for message in &mut messages {
        let fields = message.as_object_mut().expect("a message");
        fields.remove("is_read");
        fields.remove("agent_id");
    }
    messages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_disconnects_lose_and_duplicate_nothing() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut writer = visitor.online().await;
    let mut seen: Vec<u64> = Vec::new();
    for round in 0..30 {
        let (mut reader, welcome) = visitor
            .connect_with(json!({"after": seen.len(), "epoch": visitor.epoch}))
            .await;
        assert_eq!(welcome["recovered"], true);
        seen.extend(seqs(&welcome["messages"]));
        for _ in 0..5 {
            writer.send_post("under way").await;
        }
        // The reader receives a part of what was sent, and disconnects without a close.
        let some = reader.messages(1 + round % 4).await;
        seen.extend(seqs(&json!(some)));
        drop(reader);
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<u64>>());
    }
    for _ in 0..150 {
        writer.expect("ack").await;
    }
    let (_, welcome) = visitor.connect_with(json!({"after": seen.len()})).await;
    seen.extend(seqs(&welcome["messages"]));
    assert_eq!(seen, (1..=150).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_ends_in_an_ack_or_an_error() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    let mut ids = Vec::new();
    for number in 0..100 {
        let content = match number % 4 {
            0 => "good".to_owned(),
            1 => " ".to_owned(),
            2 => "x".repeat(8_001),
            _ => "a\0b".to_owned(),
        };
        ids.push(socket.send_post(&content).await);
    }
    let mut acked = 0;
    for (number, id) in ids.iter().enumerate() {
        let response = socket.reply_to(id).await;
        assert_eq!(response["type"] == "ack", number % 4 == 0, "{response}");
        acked += usize::from(response["type"] == "ack");
    }
    assert_eq!(visitor.messages().await.len(), acked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_posts_than_credits_are_all_answered() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    let mut ids = Vec::new();
    for _ in 0..500 {
        ids.push(socket.send_post("in one go").await);
    }
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(
            socket.ack(id).await["seq"],
            number as u64 + 1,
            "in the order of sending"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_closed_with_4008_and_others_are_unaffected() {
    let server = TestServer::start_with(|config| {
        config.socket.outbox_items = 32;
        config.socket.outbox_bytes = 256 * 1024;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let mut slow = visitor.online().await;
    let mut reader = visitor.online().await;
    let mut writer = visitor.online().await;
    let long = "😀".repeat(8_000);
    let mut last = 0;
    let mut post = async || {
        last += 1;
        assert_eq!(writer.post(&long).await["seq"], last);
        writer.take_inbox();
        assert_eq!(reader.expect("message").await["message"]["seq"], last);
        last
    };
    let overflowed = async || server.metric("shoptalk_outbox_overflows_total").await == 1.0;
    // Until the outbox and the kernel's buffers are full.
    while !overflowed().await {
        assert!(post().await < 2_000, "it is never full");
    }
    // It reads again and receives the close code, while the others go on.
    let more = async {
        for _ in 0..20 {
            post().await;
        }
    };
    let (code, ()) = tokio::join!(slow.closed(), more);
    assert_eq!(code, Some(4008));
    let got: Vec<u64> = slow
        .take_inbox()
        .iter()
        .filter(|frame| frame["type"] == "message")
        .map(|frame| frame["message"]["seq"].as_u64().expect("a seq"))
        .collect();
    assert!((got.len() as u64) < last, "it did not get everything");
    assert_eq!(
        got,
        (1..=got.len() as u64).collect::<Vec<u64>>(),
        "what it got has no gap"
    );
    let (mut back, welcome) = visitor.connect_with(json!({"after": got.len()})).await;
    assert_eq!(welcome["recovered"], true);
    let mut rest = seqs(&welcome["messages"]);
    while ((got.len() + rest.len()) as u64) < last {
        rest.extend(seqs(&back.expect("messages").await["messages"]));
    }
    assert_eq!(rest, (got.len() as u64 + 1..=last).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acked_and_delivered_messages_survive_a_restart() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut reader = visitor.online().await;
    let mut writer = visitor.online().await;
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(writer.send_post("on disk").await);
    }
    let mut acked = Vec::new();
    for _ in 0..100 {
        acked.push(writer.expect("ack").await["id"].clone());
    }
    let delivered = reader.messages(100).await;
    server.restart().await;
    let stored = visitor.messages().await;
    for id in acked
        .iter()
        .chain(delivered.iter().map(|message| &message["id"]))
    {
        assert!(
            stored.iter().any(|message| message["id"] == *id),
            "{id} is lost"
        );
    }
    // The same id settles the rest.
    let mut socket = visitor.online().await;
    for id in &ids {
        socket
            .send(json!({"type": "post", "id": id, "content": "on disk"}))
            .await;
    }
    for id in &ids {
        socket.ack(id).await;
    }
    let all = visitor.messages().await;
    assert_eq!(seqs(&json!(all)), (1..=200).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_in_one_process_are_independent() {
    let (one, two) = (TestServer::start().await, TestServer::start().await);
    let (here, there) = (Visitor::arrive(&one).await, Visitor::arrive(&two).await);
    assert_ne!(here.epoch, there.epoch);
    let path = format!("/api/chat/rooms/{}/", here.room_id);
    two.rest()
        .bearer(&here.token)
        .get(&path)
        .await
        .problem(401, "unauthorized");
    let mut socket = Socket::connect(two.addr(), &there.socket_path()).await;
    socket
        .send(json!({"type": "hello", "token": here.token}))
        .await;
    assert_eq!(socket.closed().await, Some(4500));
    let response: Response = one.rest().get("/readyz").await;
    assert_eq!(response.status, 200);
}
