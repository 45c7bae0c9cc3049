//! A visitor's socket: welcome, resume, and every verb.

use crate::common::{Socket, TestServer, Value, Visitor, json, keys, new_id, seqs};

#[tokio::test]
async fn the_welcome_has_all_that_a_client_needs() {
    let server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Carla").await;
    visitor.post("hello").await;
    let (_socket, welcome) = visitor.connect().await;
    assert_eq!(
        keys(&welcome),
        [
            "agents_online",
            "back_at",
            "epoch",
            "max_content",
            "messages",
            "more",
            "open",
            "ping_interval_ms",
            "protocol",
            "reconnect_window_ms",
            "recovered",
            "room",
            "room_id",
            "type",
        ]
    );
    assert_eq!(welcome["protocol"], 1);
    assert_eq!(welcome["epoch"], visitor.epoch);
    assert_eq!(welcome["room_id"], visitor.room_id);
    assert_eq!(welcome["room"], visitor.room().await);
    assert_eq!(welcome["messages"], json!(visitor.messages().await));
    assert_eq!(welcome["recovered"], false);
    assert_eq!(welcome["more"], false);
    assert_eq!(welcome["agents_online"], false);
    assert_eq!(welcome["open"], true);
    assert_eq!(welcome["back_at"], Value::Null);
    assert_eq!(welcome["max_content"], 8_000);
    assert_eq!(
        welcome["ping_interval_ms"],
        server.config.socket.ping_interval_ms
    );
    assert_eq!(
        welcome["reconnect_window_ms"],
        server.config.socket.reconnect_window_ms
    );
}

#[tokio::test]
async fn a_client_resumes_where_it_was() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.online().await.post_many(60).await;
    let resume = async |hello: Value| {
        let (_socket, welcome) = visitor.connect_with(hello).await;
        let got = seqs(&welcome["messages"]);
        assert_eq!(welcome["more"], false, "{welcome}");
        (welcome["recovered"].as_bool().expect("a flag"), got)
    };
    let from = |first: u64| (first..=60).collect::<Vec<u64>>();
    let epoch = visitor.epoch.as_str();
    for (hello, recovered, messages) in [
        (json!({"after": 57}), true, from(58)),
        (json!({"after": 57, "epoch": epoch}), true, from(58)),
        (json!({"after": 60, "epoch": epoch}), true, vec![]),
        (json!({"after": 0}), true, from(1)),
        (json!({"after": 57, "tail": 1}), true, from(58)),
        (json!({"after": 57, "epoch": "another"}), false, from(11)),
        (json!({"after": 61}), false, from(11)),
        (
            json!({"after": 9_000_000_000_u64, "epoch": epoch}),
            false,
            from(11),
        ),
        (json!({}), false, from(11)),
        (json!({"epoch": epoch}), false, from(11)),
        (json!({"tail": 0}), false, vec![]),
        (json!({"tail": 3}), false, from(58)),
        (json!({"tail": 200}), false, from(1)),
    ] {
        assert_eq!(
            resume(hello.clone()).await,
            (recovered, messages),
            "{hello}"
        );
    }
}

#[tokio::test]
async fn ten_thousand_messages_come_back_in_pages_and_live_ones_wait() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.online().await.post_many(10_000).await;
    let mut other_tab = visitor.online().await;
    let (mut socket, welcome) = visitor.connect_with(json!({"after": 0})).await;
    assert_eq!(welcome["recovered"], true);
    assert_eq!(welcome["more"], true);
    let live = other_tab.send_post("while it resumes").await;
    let mut got = seqs(&welcome["messages"]);
    loop {
        let frame = socket
            .expect_where("a page", |frame| {
                frame["type"] == "messages" || frame["type"] == "message"
            })
            .await;
        assert_eq!(
            frame["type"], "messages",
            "live ones wait until more is false"
        );
        let page = seqs(&frame["messages"]);
        assert!((1..=200).contains(&page.len()) || frame["more"] == false);
        assert_eq!(frame["room_id"], visitor.room_id);
        got.extend(page);
        if frame["more"] == false {
            break;
        }
    }
    let ack = other_tab.ack(&live).await;
    assert_eq!(ack["seq"], 10_001);
    if got.len() == 10_000 {
        let message = socket.expect("message").await;
        got.push(message["message"]["seq"].as_u64().expect("a seq"));
    }
    assert_eq!(got, (1..=10_001).collect::<Vec<u64>>());
    assert_eq!(other_tab.post("and live again").await["seq"], 10_002);
    assert_eq!(socket.expect("message").await["message"]["seq"], 10_002);
}

#[tokio::test]
async fn a_page_of_long_messages_stays_within_a_frame() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let long = "😀".repeat(8_000);
    let mut writer = visitor.online().await;
    for _ in 0..12 {
        writer.post(&long).await;
    }
    let (mut socket, welcome) = visitor.connect_with(json!({"after": 0})).await;
    let size = |frame: &Value| frame.to_string().len();
    assert!(size(&welcome) < 140 * 1024, "{}", size(&welcome));
    assert_eq!(welcome["more"], true);
    let mut got = seqs(&welcome["messages"]);
    assert!(!got.is_empty());
    while got.len() < 12 {
        let page = socket.expect("messages").await;
        assert!(size(&page) < 140 * 1024, "{}", size(&page));
        got.extend(seqs(&page["messages"]));
    }
    assert_eq!(got, (1..=12).collect::<Vec<u64>>());

    let (_socket, welcome) = visitor.connect_with(json!({"tail": 12})).await;
    assert_eq!(welcome["more"], false, "the newest that fit a page");
    let got = seqs(&welcome["messages"]);
    assert!(got.len() < 12 && got.last() == Some(&12), "{got:?}");
    assert!(size(&welcome) < 140 * 1024);
}

#[tokio::test]
async fn a_post_is_acked_and_delivered_to_every_tab_and_the_sender() {
    let server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Carla").await;
    let (mut one, mut two) = (visitor.online().await, visitor.online().await);
    let id = new_id();
    one.send(
        json!({"type": "post", "id": id.to_uppercase(), "content": " as sent\n😀 ", "unknown": 1}),
    )
    .await;
    let ack = one.ack(&id).await;
    assert_eq!(
        keys(&ack),
        ["created_at", "duplicate", "id", "room_id", "seq", "type"]
    );
    assert_eq!((&ack["seq"], &ack["duplicate"]), (&json!(1), &json!(false)));
    let received = one.expect("message").await;
    assert_eq!(received["message"]["content"], " as sent\n😀 ");
    assert_eq!(received["message"]["id"], id);
    assert_eq!(received["message"]["sender_name"], "Carla");
    assert_eq!(received["message"]["created_at"], ack["created_at"]);
    assert_eq!(two.expect("message").await, received);
    assert_eq!(visitor.messages().await, [received["message"].clone()]);
}

#[tokio::test]
async fn a_retry_is_a_silent_duplicate_and_other_content_a_conflict() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let (mut one, mut two) = (visitor.online().await, visitor.online().await);
    let post = json!({"type": "post", "id": new_id(), "content": "once"});
    let id = post["id"].as_str().expect("an id");
    one.send(post.clone()).await;
    let first = one.ack(id).await;
    two.send(post.clone()).await;
    let second = two.ack(id).await;
    assert_eq!(second["duplicate"], true);
    assert_eq!(second["seq"], first["seq"]);
    assert_eq!(second["created_at"], first["created_at"]);
    one.send(json!({"type": "post", "id": id, "content": "twice"}))
        .await;
    let conflict = one.reply_to(id).await;
    assert_eq!(conflict["code"], "conflict");
    assert_eq!(conflict["retryable"], false);
    one.post("the end").await;
    for socket in [&mut one, &mut two] {
        assert_eq!(
            seqs(&json!(socket.messages(2).await)),
            [1, 2],
            "the duplicate was not delivered"
        );
    }
}

#[tokio::test]
async fn a_moved_read_mark_is_broadcast_to_both_sides() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let (mut socket, mut tab) = (visitor.online().await, visitor.online().await);
    let mut console = admin.joined(&visitor.room_id).await;
    for _ in 0..3 {
        admin.post(&visitor.room_id, "hello").await;
    }
    for seq in [2, 1, 2] {
        socket.send(json!({"type": "read", "seq": seq})).await;
    }
    socket.send(json!({"type": "read", "seq": 3})).await;
    for reader in [&mut socket, &mut tab, &mut console] {
        let first = reader.expect("read").await;
        assert_eq!(
            first,
            json!({"type": "read", "room_id": visitor.room_id, "reader": "customer", "seq": 2})
        );
        assert_eq!(
            reader.expect("read").await["seq"],
            3,
            "a mark never moves back"
        );
    }
    console
        .send(json!({"type": "read", "room_id": visitor.room_id, "seq": 3}))
        .await;
    let read = socket.expect("read").await;
    assert_eq!(
        (&read["reader"], &read["seq"]),
        (&json!("admin"), &json!(3))
    );
    socket.send(json!({"type": "read", "seq": 4})).await;
    socket.expect_error("invalid").await;
}

#[tokio::test]
async fn typing_is_broadcast_to_others_with_its_expiry() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::named(&server, "Carla").await;
    let mut socket = visitor.online().await;
    let mut console = bob.joined(&visitor.room_id).await;
    socket.send(json!({"type": "typing"})).await;
    let typing = console.expect("typing").await;
    assert_eq!(typing["room_id"], visitor.room_id);
    assert_eq!(typing["sender_type"], "customer");
    assert_eq!(typing["sender_name"], "Carla");
    assert!(typing["expires_in_ms"].as_u64() > Some(0));
    console
        .send(json!({"type": "typing", "room_id": visitor.room_id}))
        .await;
    let typing = socket.expect("typing").await;
    assert_eq!(typing["sender_type"], "admin");
    assert_eq!(typing["sender_name"], "Bob Agent");
}

#[tokio::test]
async fn history_goes_back_page_by_page() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    socket.post_many(120).await;
    let mut before = 101;
    let mut got = Vec::new();
    loop {
        socket
            .send(json!({"type": "history", "before": before, "limit": 40}))
            .await;
        let page = socket.expect("history").await;
        assert_eq!(page["room_id"], visitor.room_id);
        let page_seqs = seqs(&page["messages"]);
        before = page_seqs[0];
        got.splice(0..0, page_seqs);
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(got, (1..=100).collect::<Vec<u64>>());
    socket.send(json!({"type": "history", "before": 100})).await;
    assert_eq!(
        seqs(&socket.expect("history").await["messages"]).len(),
        50,
        "50 when left out"
    );
    socket.send(json!({"type": "history", "before": 1})).await;
    let none = socket.expect("history").await;
    assert_eq!(
        (&none["messages"], &none["more"]),
        (&json!([]), &json!(false))
    );
    for limit in [json!(0), json!(201), json!("x"), json!(-1)] {
        socket
            .send(json!({"type": "history", "before": 9, "limit": limit}))
            .await;
        socket.expect_error("invalid").await;
    }
    socket.send(json!({"type": "history"})).await;
    socket.expect_error("invalid").await;
}

#[tokio::test]
async fn a_visitor_closes_the_room_and_a_post_reopens_it() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    socket.post("hello").await;
    socket
        .expect_where("waiting", |frame| frame["room"]["status"] == "waiting")
        .await;
    socket.send(json!({"type": "close"})).await;
    let note = socket
        .expect_where("the note", |frame| frame["message"]["event"] == "closed")
        .await;
    assert_eq!(note["message"]["sender_type"], "system");
    socket
        .expect_where("closed", |frame| frame["room"]["status"] == "closed")
        .await;
    socket.post("one more thing").await;
    socket
        .expect_where("open again", |frame| frame["room"]["status"] == "waiting")
        .await;
}

#[tokio::test]
async fn a_change_of_details_is_broadcast() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    let path = admin.path(&visitor.room_id, "");
    admin
        .rest
        .patch(&path, json!({"customer_name": "Carla"}))
        .await
        .is(200);
    let room = socket.expect("room").await;
    assert_eq!(room["room_id"], visitor.room_id);
    assert_eq!(room["room"], visitor.room().await);
    assert_eq!(room["room"]["customer_name"], "Carla");
}

#[tokio::test]
async fn a_ping_carries_the_last_seq() {
    let server = TestServer::start_with(|config| config.socket.ping_interval_ms = 100).await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    assert_eq!(socket.expect("ping").await["last_seq"], 0);
    socket.post("hello").await;
    socket
        .expect_where("a ping with the head", |frame| {
            frame["type"] == "ping" && frame["last_seq"] == 1
        })
        .await;
    let mut console = server.admin().await.online().await;
    assert_eq!(
        keys(&console.expect("ping").await),
        ["type"],
        "an agent's ping has no last_seq"
    );
}

#[tokio::test]
async fn each_bad_frame_gets_an_error_and_the_socket_stays_open() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    for text in [
        "{",
        "[]",
        "\"text\"",
        "{}",
        r#"{"type":"dance"}"#,
        r#"{"type":"hello","token":"x"}"#,
    ] {
        socket.send_text(text).await;
        let error = socket.expect_error("bad_frame").await;
        assert_eq!(error["retryable"], false, "{text}");
    }
    let id = new_id();
    for (frame, code) in [
        (json!({"type": "post", "id": id, "content": ""}), "invalid"),
        (
            json!({"type": "post", "id": id, "content": " \n "}),
            "invalid",
        ),
        (
            json!({"type": "post", "id": id, "content": "a\0b"}),
            "invalid",
        ),
        (json!({"type": "post", "id": id, "content": 7}), "invalid"),
        (json!({"type": "post", "id": id}), "invalid"),
        (
            json!({"type": "post", "id": id, "content": "ä".repeat(8_001)}),
            "too_large",
        ),
        (
            json!({"type": "post", "id": "no-uuid", "content": "hi"}),
            "invalid",
        ),
    ] {
        socket.send(frame.clone()).await;
        let error = socket.expect_error(code).await;
        assert_eq!(
            error["id"], frame["id"],
            "an error carries the id of its frame"
        );
    }
    socket
        .send(json!({"type": "post", "content": "without an id"}))
        .await;
    socket.expect_error("invalid").await;
    for seq in [
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(null),
        json!(u64::MAX),
    ] {
        socket.send(json!({"type": "read", "seq": seq})).await;
        socket.expect_error("invalid").await;
    }
    assert_eq!(socket.post("still here").await["seq"], 1);
}

#[tokio::test]
async fn a_bad_hello_is_closed_with_4501() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    for text in ["{", "", "[]", r#"{"type":"post"}"#, r#"{"type":"pong"}"#] {
        let mut socket = Socket::connect(server.addr(), &visitor.socket_path()).await;
        socket.send_text(text).await;
        assert_eq!(socket.closed().await, Some(4501), "{text}");
    }
}

#[tokio::test]
async fn frames_sent_before_the_welcome_are_answered_after_it() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = Socket::connect(server.addr(), &visitor.socket_path()).await;
    socket
        .send(json!({"type": "hello", "token": visitor.token}))
        .await;
    let id = socket.send_post("in a hurry").await;
    socket.expect("welcome").await;
    assert_eq!(socket.ack(&id).await["seq"], 1);
}

#[tokio::test]
async fn the_sockets_path_takes_any_case_and_no_slash() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let path = format!("/ws/chat/{}", visitor.room_id.to_uppercase());
    let mut socket = Socket::connect(server.addr(), &path).await;
    socket
        .send(json!({"type": "hello", "token": visitor.token}))
        .await;
    assert_eq!(socket.expect("welcome").await["room_id"], visitor.room_id);
    Socket::connect(server.addr(), "/ws/admin/chat").await;
}

#[tokio::test]
async fn a_request_that_is_no_upgrade_is_a_problem() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    for path in [visitor.socket_path().as_str(), "/ws/admin/chat/"] {
        server.rest().get(path).await.problem(400, "invalid");
    }
}
