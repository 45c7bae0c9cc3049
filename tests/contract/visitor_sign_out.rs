//! A visitor leaves a computer that others use: the token ends, and what it had open.

use crate::common::{
    Answer, IDENTITY_SECRET, Rest, Socket, TestServer, Visitor, in_seconds, json, jwt,
};

async fn sign_out(rest: &Rest) -> Answer {
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
    let mut late = Socket::dial(server.addr(), &visitor.socket_path()).await;
    late.send(json!({"type": "hello", "token": visitor.token}))
        .await;
    assert_eq!(late.closed().await, Some(4500));
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
        let answer = server
            .rest()
            .post("/api/chat/rooms/", json!({"identity": identity}))
            .await;
        Visitor::from_answer(&server, &answer.success())
    };
    let (phone, library) = (open().await, open().await);
    assert_ne!(phone.token, library.token);
    let mut phones = phone.online().await;
    let signed = server.rest().bearer(&identity);
    sign_out(&library.rest).await.is(204);
    phones.post("from my phone").await;
    // An identity ends by its own time alone.
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
