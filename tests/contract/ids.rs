//! Ids of frames and of what bodies name.

use crate::common::{RawSocket, TestServer, Visitor, json, new_id};

#[tokio::test]
async fn an_error_carries_the_id_of_its_frame_whatever_the_frame_asks_for() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let (mut tab, mut console) = (visitor.online().await, admin.online().await);
    let (room, unknown) = (&visitor.room_id, new_id());
    for (frame, code) in [
        (json!({"type": "read", "seq": 9}), "invalid"),
        (json!({"type": "read", "seq": -1}), "invalid"),
        (
            json!({"type": "history", "before": 2, "limit": 0}),
            "invalid",
        ),
        (json!({"type": "page", "url": 7}), "invalid"),
        (json!({"type": "nonsense"}), "bad_frame"),
    ] {
        for id in ["any text", &new_id()] {
            let mut frame = frame.clone();
            frame["id"] = json!(id);
            tab.send(frame.clone()).await;
            let error = tab.expect_error(code).await;
            assert_eq!(error["id"], id, "{frame}: {error}");
        }
    }
    for (frame, code) in [
        (json!({"type": "join", "room_id": unknown}), "not_found"),
        (
            json!({"type": "join", "room_id": room, "tail": 201}),
            "invalid",
        ),
        (json!({"type": "typing", "room_id": room}), "invalid"),
        (
            json!({"type": "history", "room_id": room, "before": 2}),
            "invalid",
        ),
        (
            json!({"type": "read", "room_id": room, "seq": 9}),
            "invalid",
        ),
        (
            json!({"type": "read", "room_id": unknown, "seq": 1}),
            "not_found",
        ),
        (
            json!({"type": "status", "room_id": unknown, "status": "closed"}),
            "not_found",
        ),
        (
            json!({"type": "assign", "room_id": room, "assignee": unknown}),
            "invalid",
        ),
        (
            json!({"type": "assign", "room_id": room, "assignee": admin.id, "expect_assignee": unknown}),
            "conflict",
        ),
        (json!({"type": "nonsense", "room_id": room}), "bad_frame"),
    ] {
        let mut frame = frame.clone();
        frame["id"] = json!("any text");
        console.send(frame.clone()).await;
        let error = console.expect_error(code).await;
        assert_eq!(error["id"], "any text", "{frame}: {error}");
        assert_eq!(error["room_id"], frame["room_id"], "{frame}: {error}");
    }
    // A frame without an id is answered without one.
    tab.send(json!({"type": "read", "seq": 9})).await;
    assert!(tab.expect_error("invalid").await.get("id").is_none());
}

#[tokio::test]
async fn a_frame_past_the_limit_is_answered_with_its_id() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.frames_per_second = 1;
        config.limits.frames_burst = 1;
        config.limits.flood_warnings = 100;
    })
    .await;
    let mut tab = Visitor::arrive(&server).await.online().await;
    for frame in [
        json!({"type": "typing"}),
        json!({"type": "pong"}),
        json!({"type": "read", "seq": -1}),
        json!({"type": "nonsense"}),
    ] {
        // The budget is of one frame, so that a frame of several fails, however slow the machine is.
        let error = loop {
            let mut frame = frame.clone();
            frame["id"] = json!("any text");
            tab.send(frame).await;
            tab.send(json!({"type": "history", "before": 1})).await;
            let reply = tab
                .expect_where("a reply", |reply| {
                    reply["type"] == "history" || reply["code"] == "rate_limited"
                })
                .await;
            if reply["id"] == "any text" {
                break reply;
            }
        };
        assert_eq!(error["code"], "rate_limited", "{frame}");
    }
}

#[tokio::test]
async fn ids_in_bodies_are_hyphenated_in_any_case() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let tag = json!({"name": "urgent", "color": "#ff0000"});
    let tag = admin.rest.post("/api/admin/tags/", tag).await.is(201)["tag"].clone();
    let tag_id = tag["id"].as_str().expect("an id");
    let path = admin.path(&visitor.room_id, "");
    let patch = async |body| admin.rest.patch(&path, body).await;
    let changed =
        patch(json!({"assignee": bob.id.to_uppercase(), "tags": [tag_id.to_uppercase()]}))
            .await
            .is(200);
    assert_eq!(changed["summary"]["assignee"]["id"], bob.id);
    assert_eq!(changed["summary"]["tags"], json!([tag]));
    let bare = |id: &str| id.replace('-', "");
    let braced = |id: &str| format!("{{{id}}}");
    let urn = |id: &str| format!("urn:uuid:{id}");
    for form in [&bare as &dyn Fn(&str) -> String, &braced, &urn] {
        patch(json!({"assignee": form(&bob.id)}))
            .await
            .invalid("assignee");
        patch(json!({"assignee": null, "expect_assignee": form(&bob.id)}))
            .await
            .invalid("expect_assignee");
        patch(json!({"tags": [form(tag_id)]}))
            .await
            .invalid("tags[0]");
    }
    assert_eq!(admin.summary(&visitor.room_id).await, changed["summary"]);
}

#[tokio::test]
async fn a_refused_upgrade_names_the_header_that_is_wrong() {
    let server = TestServer::start().await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for (headers, field) in [
        (String::new(), "Upgrade"),
        (format!("{upgrade}{key}"), "Sec-WebSocket-Version"),
        (format!("{upgrade}{version}"), "Sec-WebSocket-Key"),
        (
            format!("{upgrade}{version}{key}Sec-WebSocket-Protocol: other\r\n"),
            "Sec-WebSocket-Protocol",
        ),
    ] {
        let mut raw = RawSocket::connect(server.addr()).await;
        let head = format!("GET /ws/admin/chat/ HTTP/1.1\r\nHost: shop\r\n{headers}");
        raw.send(format!("{head}\r\n").as_bytes()).await;
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            .await;
        let response = String::from_utf8(raw.read_to_end().await).expect("text");
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
        let (_, body) = response.split_once("\r\n\r\n").expect("a body");
        let problem = serde_json::Deserializer::from_str(body)
            .into_iter::<serde_json::Value>()
            .next()
            .expect("a problem")
            .expect("JSON");
        assert_eq!(problem["code"], "invalid", "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}
