//! A restart is graceful: every client is notified, and nothing acked is lost.

use reqwest::Method;

use shoptalk::FaultPoint;

use crate::common::{
    Response, Socket, TestServer, Visitor, eventually, json, left_out_on_several_nodes, new_id,
    seqs,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_socket_gets_going_away_and_closes_with_4001() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut tab = visitor.online().await;
    let mut console = server.admin().await.joined(&visitor.room_id).await;
    let received = async |socket: &mut Socket| {
        let going = socket.expect("going_away").await;
        (
            going["reconnect_within_ms"].as_u64().is_some(),
            socket.closed().await,
        )
    };
    let ((), one, two) = tokio::join!(server.stop(), received(&mut tab), received(&mut console));
    assert_eq!(one, (true, Some(4001)));
    assert_eq!(two, (true, Some(4001)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_ends_even_if_a_client_never_reads() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let _deaf = visitor.online().await;
    let _without_hello = Socket::connect(server.addr(), &visitor.socket_path()).await;
    // How soon it does is a figure of the trials.
    tokio::time::timeout(crate::common::DEADLINE, server.stop())
        .await
        .expect("a drain ends");
    eventually("nobody listens any more", async || {
        let request = server.rest().request(Method::GET, "/readyz");
        Response::try_to(request).await.is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_under_load_loses_no_acked_message() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut writer = visitor.online().await;
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(writer.send_post("under load").await);
    }
    writer.expect("ack").await;
    let ((), code) = tokio::join!(server.stop(), writer.closed());
    assert_eq!(code, Some(4001));
    let acked: Vec<_> = writer
        .take_inbox()
        .into_iter()
        .filter(|frame| frame["type"] == "ack")
        .map(|frame| frame["id"].clone())
        .collect();
    server.run().await;
    let (mut socket, _) = visitor.connect_with(json!({"tail": 0})).await;
    for id in &ids {
        socket
            .send(json!({"type": "post", "id": id, "content": "under load"}))
            .await;
        let ack = socket.ack(id).await;
        if acked.contains(&json!(id)) {
            assert_eq!(ack["duplicate"], true, "an acked message was there");
        }
    }
    let (mut reader, welcome) = visitor.connect_with(json!({"after": 0})).await;
    let mut got = seqs(&welcome["messages"]);
    got.extend(seqs(&json!(reader.messages(300 - got.len()).await)));
    assert_eq!(got, (1..=300).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_progress_is_finished() {
    if left_out_on_several_nodes("a node that has nothing to finish is gone at once") {
        return;
    }
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let room = visitor.room_id.parse().expect("a room's id");
    let mut socket = visitor.online().await;
    let disk = server.hold_writes();
    // A call and a post on a socket wait for the disk, and then the drain begins.
    let writes = || server.faults().reached(FaultPoint::RoomWrite, Some(room));
    let before = writes();
    let id = new_id();
    let body = json!({"id": id, "content": "at the last moment"});
    let (rest, path) = (visitor.rest.clone(), visitor.path("messages/"));
    let call = tokio::spawn(async move { rest.post(&path, body).await });
    eventually("the call is under way", async || writes() == before + 1).await;
    let on_socket = socket.send_post("on a socket").await;
    eventually("the post is under way", async || writes() == before + 2).await;
    let rest = server.rest();
    let draining = async {
        socket.expect("going_away").await;
        // What comes from now on is refused, what is under way is not.
        let late = rest.post("/api/chat/rooms/", json!({})).await;
        late.problem(503, "draining");
        drop(disk);
        let ack = socket.ack(&on_socket).await;
        (ack, socket.closed().await)
    };
    let ((), (ack, code)) = tokio::join!(server.stop(), draining);
    assert_eq!((&ack["seq"], code), (&json!(2), Some(4001)));
    let response = call.await.expect("no panic").is(201);
    assert_eq!(response["message"]["seq"], 1);
    server.run().await;
    let stored = visitor.messages().await;
    assert_eq!((stored.len(), &stored[0]["id"]), (2, &json!(id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_twice_and_starting_again_is_harmless() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    for round in 1..=3_u64 {
        assert_eq!(visitor.post("round").await["seq"], round);
        server.restart().await;
    }
}
