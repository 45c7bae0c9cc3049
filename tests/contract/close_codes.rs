//! Every close code, brought about by a client.

use shoptalk_client::tungstenite::Message;
use shoptalk_client::tungstenite::protocol::frame::Frame;
use shoptalk_client::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::common::{RawSocket, Socket, TestServer, Visitor, json, left_out_on_several_nodes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4001_when_draining() {
    let mut server = TestServer::start().await;
    let mut visitors = Visitor::arrive(&server).await.online().await;
    let mut console = server.admin().await.online().await;
    let (_, one, two) = tokio::join!(server.stop(), visitors.closed(), console.closed());
    assert_eq!((one, two), (Some(4001), Some(4001)));
}

/// A client that reads again soon after its outbox has overflowed receives the close code. One that
/// does not read at all is dropped without a code after a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4008_when_the_outbox_is_full() {
    for is_console in [false, true] {
        let server = TestServer::start_with(|config| config.socket.outbox_items = 16).await;
        let visitor = Visitor::arrive(&server).await;
        let mut slow = if is_console {
            server.admin().await.joined(&visitor.room_id).await
        } else {
            visitor.online().await
        };
        let mut writer = visitor.online().await;
        let overflowed = async || server.metric("shoptalk_outbox_overflows_total").await == 1.0;
        // Until the kernel's buffers for it are full, too.
        let long = "😀".repeat(8_000);
        let mut posts = 0;
        while !overflowed().await {
            writer.post(&long).await;
            writer.take_inbox();
            posts += 1;
            assert!(posts < 2_000, "it is never full");
        }
        assert_eq!(slow.closed().await, Some(4008), "a console: {is_console}");
    }
}

/// Clients that send something stay connected longer than silent ones: whoever answers each
/// ping with a pong, or with any other frame.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4009_without_pong_or_any_frame() {
    let server = TestServer::start_with(|config| {
        config.socket.ping_interval_ms = 100;
        config.socket.pong_timeout_ms = 5_000;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let mut polite = visitor.online().await;
    let mut talker = visitor.online().await;
    talker.answers_pings = false;
    let mut silent = visitor.online().await;
    silent.answers_pings = false;
    let mut console = server.admin().await.online().await;
    console.answers_pings = false;
    let dead = async { (silent.closed().await, console.closed().await) };
    let alive = async {
        loop {
            polite.expect("ping").await;
            talker.expect("ping").await;
            talker.send(json!({"type": "typing"})).await;
        }
    };
    tokio::select! {
        codes = dead => assert_eq!(codes, (Some(4009), Some(4009))),
        () = alive => {}
    }
    assert_eq!(polite.post("still here").await["seq"], 1);
    assert_eq!(talker.post("me, too").await["seq"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4013_after_a_flood_and_warnings() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.frames_per_second = 1;
        config.limits.frames_burst = 10;
        config.limits.flood_warnings = 5;
    })
    .await;
    let mut socket = Visitor::arrive(&server).await.online().await;
    for _ in 0..200 {
        socket.send(json!({"type": "typing"})).await;
    }
    assert_eq!(socket.closed().await, Some(4013));
    assert!(socket.count_in_inbox("error") >= 1, "there was a warning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4500_when_the_token_is_refused() {
    let server = TestServer::start().await;
    let mut visitor = Visitor::arrive(&server).await;
    visitor.token = "nonsense".to_owned();
    let mut socket = Socket::connect(server.addr(), &visitor.socket_path()).await;
    socket
        .send(json!({"type": "hello", "token": visitor.token}))
        .await;
    assert_eq!(socket.closed().await, Some(4500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4501_at_a_binary_frame() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut greeted = visitor.online().await;
    let mut fresh = Socket::connect(server.addr(), &visitor.socket_path()).await;
    for socket in [&mut greeted, &mut fresh] {
        socket.send_message(Message::binary(vec![1, 2, 3])).await;
        assert_eq!(socket.closed().await, Some(4501));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4501_at_the_tenth_bad_frame_in_a_minute() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    for _ in 0..9 {
        socket.send_text("{").await;
        socket.expect_error("bad_frame").await;
    }
    assert_eq!(socket.post("the ninth is forgiven").await["seq"], 1);
    socket.send_text("{").await;
    assert_eq!(socket.closed().await, Some(4501));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_fields_do_not_count_as_bad_frames() {
    let server = TestServer::start().await;
    let mut socket = Visitor::arrive(&server).await.online().await;
    for _ in 0..30 {
        let id = socket.send_post(" ").await;
        assert_eq!(socket.reply_to(&id).await["code"], "invalid");
    }
    socket.post("still here").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4502_without_hello() {
    let server = TestServer::start_with(|config| config.socket.hello_timeout_ms = 100).await;
    let visitor = Visitor::arrive(&server).await;
    for path in [visitor.socket_path().as_str(), "/ws/admin/chat/"] {
        let mut socket = Socket::connect(server.addr(), path).await;
        assert_eq!(socket.closed().await, Some(4502), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4504_past_the_socket_limit() {
    if left_out_on_several_nodes("each node has limits of its own") {
        return;
    }
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.sockets_per_visitor = 2;
        config.limits.sockets_per_agent = 2;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    let _tabs = (visitor.online().await, visitor.online().await);
    let _consoles = (admin.online().await, admin.online().await);
    for (path, token) in [
        (visitor.socket_path().as_str(), &visitor.token),
        ("/ws/admin/chat/", &admin.token),
    ] {
        let mut socket = Socket::connect(server.addr(), path).await;
        socket.send(json!({"type": "hello", "token": token})).await;
        assert_eq!(socket.closed().await, Some(4504), "{path}");
    }
    Visitor::arrive(&server)
        .await
        .online()
        .await
        .post("I am another")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4505_when_the_agent_is_disabled() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let mut socket = bob.online().await;
    admin
        .rest
        .patch(
            &format!("/api/admin/agents/{}/", bob.id),
            json!({"disabled": true}),
        )
        .await
        .is(200);
    assert_eq!(socket.closed().await, Some(4505));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_4506_for_a_room_of_another_visitor() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let other = Visitor::arrive(&server).await;
    let unknown = format!("/ws/chat/{}/", uuid::Uuid::now_v7());
    for path in [other.socket_path().as_str(), &unknown, "/ws/chat/no-uuid/"] {
        let mut socket = Socket::connect(server.addr(), path).await;
        socket
            .send(json!({"type": "hello", "token": visitor.token}))
            .await;
        assert_eq!(socket.closed().await, Some(4506), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_with_1009_past_128_kib() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut greeted = visitor.online().await;
    let mut console = server.admin().await.online().await;
    let mut fresh = Socket::connect(server.addr(), &visitor.socket_path()).await;
    for socket in [&mut greeted, &mut console, &mut fresh] {
        socket.send_text("x".repeat(128 * 1024 + 1)).await;
        assert_eq!(socket.closed().await, Some(1009));
    }
    let mut just_fits = visitor.online().await;
    just_fits.send_text(" ".repeat(128 * 1024)).await;
    just_fits.expect_error("bad_frame").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_in_fragments_counts_as_one() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    let fragment = |text: &str, opcode: Data, last: bool| {
        Message::Frame(Frame::message(
            text.as_bytes().to_vec(),
            OpCode::Data(opcode),
            last,
        ))
    };
    let id = crate::common::new_id();
    let (head, tail) = (
        format!(r#"{{"type":"post","id":"{id}","#),
        r#""content":"in two pieces"}"#,
    );
    socket
        .send_message(fragment(&head, Data::Text, false))
        .await;
    socket
        .send_message(fragment(tail, Data::Continue, true))
        .await;
    assert_eq!(socket.ack(&id).await["seq"], 1);

    let piece = "x".repeat(50 * 1024);
    socket
        .send_message(fragment(&piece, Data::Text, false))
        .await;
    for last in [false, false, true] {
        socket
            .send_message(fragment(&piece, Data::Continue, last))
            .await;
    }
    assert_eq!(socket.closed().await, Some(1009));
    visitor.online().await.post("the server is fine").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_websocket_do_not_affect_others() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    for (first, payload) in [
        (0x83_u8, &b"a reserved opcode"[..]),
        (0xc1, b"{\"type\":\"pong\"}"),
        (0x81, b"\xff\xfe not UTF-8"),
        (0x80, b"a continuation of nothing"),
    ] {
        let mut raw = RawSocket::connect(server.addr()).await;
        let head = raw.upgrade(&visitor.socket_path(), "").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(
            !head.to_lowercase().contains("sec-websocket-extensions"),
            "no compression"
        );
        raw.send_frame(first, payload).await;
        raw.read_to_end().await;
    }
    // A frame whose rest never comes, since the client disconnects.
    let mut raw = RawSocket::connect(server.addr()).await;
    raw.upgrade(&visitor.socket_path(), "").await;
    raw.send(&[0x81, 0xfe, 0x10, 0x00, 0, 0, 0, 0, b'{']).await;
    drop(raw);
    visitor.online().await.post("unimpressed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compression_is_never_negotiated() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut raw = RawSocket::connect(server.addr()).await;
    let head = raw
        .upgrade(
            &visitor.socket_path(),
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        )
        .await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(
        !head.to_lowercase().contains("permessage-deflate"),
        "{head}"
    );
}
