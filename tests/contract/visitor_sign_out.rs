//! Signing out as a visitor, on a computer that others use: the token ends and its sockets close.

use crate::common::{
    IDENTITY_SECRET, RawSocket, Response, Rest, Socket, TestServer, Visitor, in_seconds, json, jwt,
};

async fn sign_out(rest: &Rest) -> Response {
    rest.post("/api/chat/logout/", json!({})).await
}

#[tokio::test]
async fn signing_out_ends_the_token_and_nothing_else() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let bystander = Visitor::arrive(&server).await;
    visitor.post("remember me").await;
    bystander.post("me, too").await;
    sign_out(&visitor.rest).await.is(204);
    visitor
        .rest
        .get(&visitor.path("messages/"))
        .await
        .problem(401, "unauthorized");
    sign_out(&visitor.rest).await.problem(401, "unauthorized");
    assert_eq!(bystander.messages().await.len(), 1);
    let admin = server.admin().await;
    assert_eq!(
        admin.summary(&visitor.room_id).await["last_message"]["content"],
        "remember me"
    );
}

#[tokio::test]
async fn every_socket_of_the_token_closes_and_no_other_does() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let bystander = Visitor::arrive(&server).await;
    let (mut one, mut another) = (visitor.online().await, visitor.online().await);
    let mut others = bystander.online().await;
    sign_out(&visitor.rest).await.is(204);
    assert_eq!(one.closed().await, Some(4500));
    assert_eq!(another.closed().await, Some(4500));
    others.post("still here").await;
    let mut late = Socket::connect(server.addr(), &visitor.socket_path()).await;
    late.send(json!({"type": "hello", "token": visitor.token}))
        .await;
    assert_eq!(late.closed().await, Some(4500));
}

/// Sends a request and disconnects without waiting for the response.
async fn post_and_hang_up(server: &TestServer, path: &str, token: &str, body: &str) {
    let mut hasty = RawSocket::connect(server.addr()).await;
    let call = format!(
        "POST {path} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    hasty.send(call.as_bytes()).await;
}

/// The sockets are closed after the commit even if the caller has disconnected.
#[tokio::test]
async fn signing_out_completes_if_the_caller_disconnects() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        let visitor = Visitor::arrive(&server).await;
        let mut socket = visitor.online().await;
        post_and_hang_up(&server, "/api/chat/logout/", &visitor.token, "{}").await;
        assert_eq!(socket.closed().await, Some(4500));
    }
}

/// Signing in makes a user of an anonymous visitor, whose tokens end.
#[tokio::test]
async fn signing_in_completes_if_the_caller_disconnects() {
    let server = TestServer::start().await;
    for user in 0..20 {
        let visitor = Visitor::arrive(&server).await;
        let mut socket = visitor.online().await;
        let identity = jwt(
            jsonwebtoken::Algorithm::HS256,
            IDENTITY_SECRET,
            &json!({"sub": format!("user {user}"), "exp": in_seconds(600)}),
        );
        let body = json!({"identity": identity}).to_string();
        post_and_hang_up(&server, "/api/chat/rooms/", &visitor.token, &body).await;
        assert_eq!(socket.closed().await, Some(4500));
    }
}

/// A user keeps 200 tokens; when an older one is displaced, its sockets close.
#[tokio::test]
async fn the_socket_of_an_evicted_token_closes() {
    let server = TestServer::start().await;
    let identity = jwt(
        jsonwebtoken::Algorithm::HS256,
        IDENTITY_SECRET,
        &json!({"sub": "ann", "exp": in_seconds(600)}),
    );
    let open = async || {
        let body = json!({"identity": identity});
        let response = server.rest().post("/api/chat/rooms/", body).await;
        Visitor::from_response(&server, &response.success())
    };
    let mut oldest = open().await.online().await;
    let mut newest = open().await;
    for _ in 0..200 {
        newest = open().await;
    }
    assert_eq!(oldest.closed().await, Some(4500));
    newest.online().await.post("still here").await;
}

#[tokio::test]
async fn other_tokens_of_the_same_visitor_stay() {
    let server = TestServer::start().await;
    let identity = jwt(
        jsonwebtoken::Algorithm::HS256,
        IDENTITY_SECRET,
        &json!({"sub": "ann", "exp": in_seconds(600)}),
    );
    let open = async || {
        let response = server
            .rest()
            .post("/api/chat/rooms/", json!({"identity": identity}))
            .await;
        Visitor::from_response(&server, &response.success())
    };
    let (phone, library) = (open().await, open().await);
    assert_ne!(phone.token, library.token);
    let mut phones = phone.online().await;
    let signed = server.rest().bearer(&identity);
    sign_out(&library.rest).await.is(204);
    phones.post("from my phone").await;
    // An identity ends only by its own expiry.
    sign_out(&signed).await.is(204);
    signed.get(&phone.path("")).await.is(200);
    phones.post("still").await;
}

#[tokio::test]
async fn signing_out_needs_a_visitors_token() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for rest in [
        server.rest(),
        server.rest().bearer("nonsense"),
        admin.rest.clone(),
    ] {
        sign_out(&rest).await.problem(401, "unauthorized");
    }
    admin.rest.get("/api/admin/me/").await.is(200);
}
