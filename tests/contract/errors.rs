//! Whatever goes wrong is a problem document with a stable code.

use reqwest::Method;

use crate::common::{RawSocket, Response, Socket, TestServer, Visitor, json, new_id};

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_problems_too() {
    let server = TestServer::start().await;
    let rest = server.rest();
    for path in [
        "/api/",
        "/api/nothing",
        "/api/chat/nothing/",
        "/api/admin/nothing",
        "/no/page",
    ] {
        rest.get(path).await.problem(404, "not_found");
        rest.post(path, json!({})).await.problem(404, "not_found");
    }
    for (method, path) in [
        (Method::DELETE, "/api/chat/rooms/"),
        (Method::PUT, "/api/admin/rooms/"),
        (Method::GET, "/api/admin/login/"),
        (Method::POST, "/healthz"),
        (Method::POST, "/api/openapi.json"),
    ] {
        let response = Response::to(rest.request(method.clone(), path)).await;
        response.problem(405, "method_not_allowed");
        assert!(
            !response.header("allow").is_empty(),
            "{method} {path} names what is allowed"
        );
    }
}

#[tokio::test]
async fn an_id_that_is_no_uuid_is_not_found() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    let bare = visitor.room_id.replace('-', "");
    for id in [
        "x",
        "1",
        "..%2f",
        bare.as_str(),
        "%00",
        "'; drop table room",
        "%ff",
    ] {
        visitor
            .rest
            .get(&format!("/api/chat/rooms/{id}/"))
            .await
            .problem(404, "not_found");
        visitor
            .rest
            .post(
                &format!("/api/chat/rooms/{id}/messages/"),
                json!({"id": new_id(), "content": "hi"}),
            )
            .await
            .problem(404, "not_found");
        admin
            .rest
            .get(&format!("/api/admin/rooms/{id}/"))
            .await
            .problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_a_problem_too() {
    let server = TestServer::start().await;
    let rest = server.rest();
    for path in [
        "/%ff",
        "/assets/%ff",
        "/assets/%ff.js",
        "/api/%ff",
        "/admin/%ff",
    ] {
        rest.get(path).await.problem(404, "not_found");
    }
    rest.get("/ws/chat/%ff/").await.problem(400, "invalid");
    // The same address as a socket is that of no room.
    let mut socket = Socket::connect(server.addr(), "/ws/chat/%ff/").await;
    let visitor = Visitor::arrive(&server).await;
    socket
        .send(json!({"type": "hello", "token": visitor.token}))
        .await;
    assert_eq!(socket.closed().await, Some(4506));
}

#[tokio::test]
async fn a_body_is_json_by_type_and_by_content() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let path = visitor.path("messages/");
    let send = |kind: Option<&str>, body: Vec<u8>| {
        let mut request = visitor.rest.request(Method::POST, &path).body(body);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        Response::to(request)
    };
    let good = json!({"id": new_id(), "content": "hi"})
        .to_string()
        .into_bytes();
    send(None, good.clone())
        .await
        .problem(415, "unsupported_media_type");
    send(Some("text/plain"), good.clone())
        .await
        .problem(415, "unsupported_media_type");
    for broken in [
        &b"{"[..],
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"{\"id\":}",
        &good[..good.len() - 1],
    ] {
        send(Some("application/json"), broken.to_vec())
            .await
            .problem(400, "bad_frame");
    }
    let deep = "[".repeat(100_000).into_bytes();
    send(Some("application/json"), deep)
        .await
        .problem(400, "bad_frame");
    for wrong in [
        json!([]),
        json!("text"),
        json!(null),
        json!({}),
        json!({"id": new_id()}),
        json!({"content": "hi"}),
        json!({"id": 7, "content": "hi"}),
        json!({"id": new_id(), "content": 7}),
        json!({"id": new_id(), "content": null}),
    ] {
        let response = send(Some("application/json"), wrong.to_string().into_bytes()).await;
        response.problem(400, "invalid");
    }
    send(Some("application/json; charset=utf-8"), good)
        .await
        .is(201);
    assert_eq!(visitor.messages().await.len(), 1);
}

#[tokio::test]
async fn a_body_past_128_kib_is_too_large() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let padded = |bytes: usize| json!({"padding": "x".repeat(bytes)});
    let path = "/api/chat/rooms/";
    visitor
        .rest
        .post(path, padded(200 * 1024))
        .await
        .problem(413, "too_large");
    visitor.rest.post(path, padded(127 * 1024)).await.is(200);
    // The same without a length that could be looked at beforehand.
    let mut raw = RawSocket::connect(server.addr()).await;
    raw.send(
        b"POST /api/chat/rooms/ HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n\
          Transfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    let chunk = [b"8000\r\n".to_vec(), vec![b' '; 0x8000], b"\r\n".to_vec()].concat();
    for _ in 0..5 {
        raw.send(&chunk).await;
    }
    raw.send(b"0\r\n\r\n").await;
    let head = raw.read_head().await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
}

#[tokio::test]
async fn a_refused_body_is_drained_and_the_connection_is_reused() {
    let server = TestServer::start().await;
    for (call, status) in [
        ("POST /api/chat/nothing/", "404"),
        ("GET /api/admin/rooms/", "401"),
        ("DELETE /api/chat/rooms/", "405"),
        ("POST /api/chat/rooms/", "413"),
    ] {
        let mut raw = RawSocket::connect(server.addr()).await;
        let head = format!(
            "{call} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n\
             Content-Length: 400000\r\n\r\n"
        );
        raw.send(head.as_bytes()).await;
        raw.send(&vec![b' '; 400_000]).await;
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            .await;
        let output = String::from_utf8(raw.read_to_end().await).expect("text");
        assert!(
            output.starts_with(&format!("HTTP/1.1 {status} ")),
            "{output}"
        );
        assert!(output.contains("HTTP/1.1 200 OK"), "{call}: {output}");
    }
    // A body that the server will not read to its end is refused, and the connection closed.
    let mut raw = RawSocket::connect(server.addr()).await;
    raw.send(b"POST /api/chat/nothing/ HTTP/1.1\r\nHost: shop\r\nContent-Length: 9000000\r\n\r\n")
        .await;
    raw.send(&vec![b' '; 1_100_000]).await;
    let head = raw.read_head().await.to_lowercase();
    assert!(head.contains("connection: close"), "{head}");
    // A client that sends `Expect: 100-continue` is refused before it sends the body.
    let mut raw = RawSocket::connect(server.addr()).await;
    raw.send(
        b"POST /api/chat/nothing/ HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\
          Expect: 100-continue\r\n\r\n",
    )
    .await;
    let head = raw.read_head().await.to_lowercase();
    assert!(
        head.starts_with("http/1.1 404") && head.contains("connection: close"),
        "{head}"
    );
}

#[tokio::test]
async fn limits_of_pages_are_1_to_200() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let admin = server.admin().await;
    let messages = visitor.path("messages/");
    let admin_messages = admin.path(&visitor.room_id, "messages/");
    for limit in ["0", "201", "abc", "-1", "1.5", "99999999999999999999", ""] {
        let query = format!("?limit={limit}");
        visitor
            .rest
            .get(&format!("{messages}{query}"))
            .await
            .problem(400, "invalid");
        visitor
            .rest
            .get(&format!("/api/chat/rooms/{query}"))
            .await
            .problem(400, "invalid");
        admin
            .rest
            .get(&format!("{admin_messages}{query}"))
            .await
            .problem(400, "invalid");
        admin
            .rest
            .get(&format!("/api/admin/rooms/{query}"))
            .await
            .problem(400, "invalid");
    }
    for limit in ["1", "200"] {
        visitor
            .rest
            .get(&format!("{messages}?limit={limit}"))
            .await
            .is(200);
        admin
            .rest
            .get(&format!("/api/admin/rooms/?limit={limit}"))
            .await
            .is(200);
    }
    for query in [
        "after=1&before=1",
        "after=x",
        "after=-1",
        "before=x",
        "after=99999999999999999999",
    ] {
        visitor
            .rest
            .get(&format!("{messages}?{query}"))
            .await
            .problem(400, "invalid");
    }
    for query in ["status=open", "order=size", "cursor=nonsense"] {
        admin
            .rest
            .get(&format!("/api/admin/rooms/?{query}"))
            .await
            .problem(400, "invalid");
    }
    visitor
        .rest
        .get(&format!("{messages}?unknown=1"))
        .await
        .is(200);
}

#[tokio::test]
async fn an_invisible_message_is_refused() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    let mut socket = visitor.online().await;
    for blank in [
        "\u{200b}",
        "\u{200b}\u{200d}\u{feff}",
        " \u{2060}\n",
        "\u{3164}",
        "\u{2800}",
        "\u{fe0f}",
    ] {
        let id = socket.send_post(blank).await;
        assert_eq!(socket.reply_to(&id).await["code"], "invalid", "{blank:?}");
        for (rest, path) in [
            (&visitor.rest, visitor.path("messages/")),
            (&admin.rest, admin.path(&visitor.room_id, "messages/")),
        ] {
            rest.post(&path, json!({"id": new_id(), "content": blank}))
                .await
                .invalid("content");
        }
    }
    // Beside something that can be seen they are part of the text, which is stored as sent.
    for text in [
        "👩\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}",
        "\u{200b}a",
        "می\u{200c}خواهم",
    ] {
        assert_eq!(visitor.post(text).await["content"], text);
    }
}

#[tokio::test]
async fn details_past_their_limits_are_refused_by_name() {
    let server = TestServer::start().await;
    for (field, max) in [
        ("customer_name", 100),
        ("customer_email", 254),
        ("customer_phone", 40),
        ("page_url", 2_000),
    ] {
        let open = async |value: String| {
            server
                .rest()
                .post("/api/chat/rooms/", json!({ field: value }))
                .await
        };
        open("ä".repeat(max + 1)).await.invalid(field);
        for control in ["a\nb", "a\0b", "\u{7f}", "\u{1b}[31m"] {
            open(control.to_owned()).await.invalid(field);
        }
        server
            .rest()
            .post("/api/chat/rooms/", json!({ field: 7 }))
            .await
            .problem(400, "invalid");
        let room = open("ä".repeat(max)).await.is(201)["room"].clone();
        assert_eq!(room[field], "ä".repeat(max));
        for blank in ["   ", "\u{200b}", " \u{3164}\u{2060} "] {
            let room = open(blank.to_owned()).await.is(201)["room"].clone();
            assert!(room[field].is_null(), "{field}: {blank:?}");
        }
    }
    let both = json!({"customer_name": "x".repeat(101), "customer_phone": "x".repeat(41)});
    let response = server.rest().post("/api/chat/rooms/", both).await;
    response.invalid("customer_name");
    response.invalid("customer_phone");
}

#[tokio::test]
async fn an_unknown_field_is_ignored() {
    let server = TestServer::start().await;
    let body = json!({"customer_name": "Carla", "favourite_colour": {"deep": [1, 2]}});
    server.rest().post("/api/chat/rooms/", body).await.is(201);
}

#[tokio::test]
async fn denied_calls_are_401_403_or_404() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let other = Visitor::arrive(&server).await;
    let path = visitor.path("");
    server.rest().get(&path).await.problem(401, "unauthorized");
    server
        .rest()
        .bearer("nonsense")
        .get(&path)
        .await
        .problem(401, "unauthorized");
    other.rest.get(&path).await.problem(404, "not_found");
    let unknown = format!("/api/chat/rooms/{}/", uuid::Uuid::now_v7());
    let unknown = visitor.rest.get(&unknown).await;
    assert_eq!(
        unknown.problem(404, "not_found"),
        other.rest.get(&path).await.problem(404, "not_found"),
        "somebody else's room is like one that does not exist"
    );
    server
        .rest()
        .bearer("nonsense")
        .post("/api/chat/rooms/", json!({}))
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn an_incomplete_request_does_not_affect_others() {
    let server = TestServer::start().await;
    let mut halves = Vec::new();
    for half in [
        &b"GET /api/chat/ro"[..],
        b"POST /api/chat/rooms/ HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n{",
        b"GET /ws/chat/x/ HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ] {
        let mut raw = RawSocket::connect(server.addr()).await;
        raw.send(half).await;
        halves.push(raw);
    }
    Visitor::arrive(&server).await.post("unimpressed").await;
}
