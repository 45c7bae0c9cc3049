//! A panic stays in its room, and the room's own sockets do not notice it.

use shoptalk::{FaultPoint, ServerFailure, StopReason, TreeFailure};
use uuid::Uuid;

use crate::common::{
    Agent, Socket, TestServer, Value, Visitor, eventually, json, left_out_on_several_nodes, new_id,
};

/// A room with a socket of its visitor and one of an agent who has joined it.
struct Conversation {
    server: TestServer,
    visitor: Visitor,
    agent: Agent,
    customer: Socket,
    console: Socket,
}

impl Conversation {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let visitor = Visitor::named(&server, "Ann").await;
        let agent = server.agent("mia", "agent").await;
        let mut customer = visitor.online().await;
        customer.post("before").await;
        let console = agent.joined(&visitor.room_id).await;
        Self {
            server,
            visitor,
            agent,
            customer,
            console,
        }
    }

    fn room(&self) -> Uuid {
        self.visitor.room_id.parse().expect("a room's id")
    }

    fn panic_at(&self, point: FaultPoint) {
        self.server.faults().panic_at(point, Some(self.room()), 1);
    }

    /// The room has panicked once at each of these, and was started again each time.
    async fn has_panicked_at(&self, points: &[FaultPoint]) {
        for point in points {
            let fired = self.server.faults().fired(*point, Some(self.room()));
            assert_eq!(fired, 1, "{point:?}");
        }
        let restarts = room_restarts(&self.server).await;
        assert_eq!(restarts, points.len() as f64);
    }

    /// Both sockets are open, and see the same log from the second message on,
    /// each message once.
    async fn continues(&mut self, so_far: &[&str]) {
        let post = json!({"type": "post", "id": new_id(), "content": "afterwards"});
        self.customer.post_until_taken(post).await;
        let id = new_id();
        let post =
            json!({"type": "post", "room_id": self.visitor.room_id, "id": id, "content": "answer"});
        self.console.post_until_taken(post).await;
        let expected: Vec<&str> = so_far
            .iter()
            .copied()
            .chain(["afterwards", "answer"])
            .collect();
        for socket in [&mut self.customer, &mut self.console] {
            let mut seen = socket.messages(expected.len()).await;
            // The visitor has seen its first message live, the agent in the page of the join.
            if seen[0]["content"] == "before" {
                seen.remove(0);
                seen.extend(socket.messages(1).await);
            }
            assert_eq!(contents(&seen), expected);
            let seqs: Vec<u64> = seen
                .iter()
                .filter_map(|message| message["seq"].as_u64())
                .collect();
            let gapless: Vec<u64> = (2..).take(expected.len()).collect();
            assert_eq!(seqs, gapless);
            assert_eq!(socket.count_in_inbox("error"), 0);
            assert_eq!(socket.count_in_inbox("message"), 0, "nothing came twice");
        }
        let stored = self.visitor.messages().await;
        assert_eq!(stored.len(), expected.len() + 1);
    }
}

/// How often rooms have failed, by the server's metric.
async fn room_restarts(server: &TestServer) -> f64 {
    server.metric("shoptalk_room_restarts_total").await
}

fn contents(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .filter_map(|message| message["content"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_before_the_write_loses_nothing() {
    let mut conversation = Conversation::start().await;
    conversation.panic_at(FaultPoint::RoomWrite);
    let ack = conversation.customer.post("during").await;
    assert_eq!(
        (ack["seq"].as_u64(), ack["duplicate"].as_bool()),
        (Some(2), Some(false))
    );
    conversation.continues(&["during"]).await;
    conversation.has_panicked_at(&[FaultPoint::RoomWrite]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_after_the_commit_duplicates_nothing() {
    let mut conversation = Conversation::start().await;
    conversation.panic_at(FaultPoint::RoomCommitted);
    let ack = conversation.customer.post("during").await;
    assert_eq!(ack["seq"], 2);
    assert_eq!(
        ack["duplicate"], true,
        "the store had it; the second try found it there"
    );
    conversation.continues(&["during"]).await;
    conversation
        .has_panicked_at(&[FaultPoint::RoomCommitted])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_typing_is_invisible_to_clients() {
    let mut conversation = Conversation::start().await;
    conversation.panic_at(FaultPoint::RoomTyping);
    conversation.customer.send(json!({"type": "typing"})).await;
    conversation.continues(&[]).await;
    conversation
        .has_panicked_at(&[FaultPoint::RoomTyping])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_a_join_is_invisible_to_clients() {
    let mut conversation = Conversation::start().await;
    conversation.panic_at(FaultPoint::RoomJoin);
    let mut other = conversation
        .agent
        .joined(&conversation.visitor.room_id)
        .await;
    other
        .send(json!({"type": "leave", "room_id": conversation.visitor.room_id}))
        .await;
    conversation.continues(&[]).await;
    conversation.has_panicked_at(&[FaultPoint::RoomJoin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_the_start_is_retried() {
    let mut conversation = Conversation::start().await;
    conversation.panic_at(FaultPoint::RoomStart);
    conversation.panic_at(FaultPoint::RoomTyping);
    conversation.customer.send(json!({"type": "typing"})).await;
    conversation.continues(&[]).await;
    conversation
        .has_panicked_at(&[FaultPoint::RoomTyping, FaultPoint::RoomStart])
        .await;
}

/// Each post has to start the room, which rests between the posts.
#[tokio::test(flavor = "multi_thread")]
async fn posts_of_an_agent_who_has_not_joined_keep_their_order() {
    let server = TestServer::start_with(|config| config.rooms.idle_timeout_ms = 1).await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let agent = server.agent("mia", "agent").await;
    let mut console = agent.online().await;
    let mut sent = Vec::new();
    for round in 0..200 {
        let mut ids = Vec::new();
        for part in ["a", "b", "c"] {
            let (id, content) = (new_id(), format!("{round}{part}"));
            console
                .send(json!({"type": "post", "room_id": visitor.room_id, "id": id, "content": content}))
                .await;
            ids.push(id);
            sent.push(content);
        }
        for id in &ids {
            console.ack(id).await;
        }
        // With one of these pauses the room is just about to rest.
        tokio::time::sleep(std::time::Duration::from_micros(round % 40 * 50)).await;
    }
    let mut stored = Vec::new();
    let mut after = 1;
    while stored.len() < sent.len() {
        let path = format!("messages/?after={after}&limit=200");
        let page = visitor.rest.get(&visitor.path(&path)).await.is(200);
        let page = page["results"].as_array().expect("messages").clone();
        after += page.len();
        stored.extend(page);
    }
    assert_eq!(contents(&stored), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_call_survives_a_room_panic() {
    let mut conversation = Conversation::start().await;
    conversation.panic_at(FaultPoint::RoomCommitted);
    let post = json!({"id": new_id(), "content": "over REST"});
    // The room died after the commit, so the second try finds the message there.
    let response = conversation
        .visitor
        .rest
        .post(&conversation.visitor.path("messages/"), post)
        .await
        .success();
    assert_eq!(response["message"]["seq"], 2);
    conversation.continues(&["over REST"]).await;
    conversation
        .has_panicked_at(&[FaultPoint::RoomCommitted])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_room_is_quarantined_and_others_continue() {
    if left_out_on_several_nodes("each node has a quarantine of its own") {
        return;
    }
    let server = TestServer::start().await;
    let poisoned = Visitor::named(&server, "Poisoned").await;
    let healthy = Visitor::named(&server, "Healthy").await;
    let room = poisoned.room_id.parse().expect("a room's id");
    let started = server.faults().reached(FaultPoint::RoomStart, Some(room));
    server
        .faults()
        .panic_at(FaultPoint::RoomStart, Some(room), 1_000);
    poisoned
        .rest
        .post(
            &poisoned.path("messages/"),
            json!({"id": new_id(), "content": "hello?"}),
        )
        .await
        .problem(503, "busy");
    let mut socket = healthy.online().await;
    socket.post("all is well").await;
    let again = poisoned
        .rest
        .post(
            &poisoned.path("messages/"),
            json!({"id": new_id(), "content": "hello?"}),
        )
        .await;
    again.problem(503, "busy");
    let tries = server.faults().reached(FaultPoint::RoomStart, Some(room)) - started;
    assert_eq!(tries, 5, "and it is not started again for those who ask");
    assert_eq!(
        server.faults().fired(FaultPoint::RoomStart, Some(room)),
        tries
    );
    assert_eq!(room_restarts(&server).await, 5.0);
    let only_the_healthy_one = async || server.metric("shoptalk_rooms_live").await == 1.0;
    eventually(
        "rooms that failed count as live no more",
        only_the_healthy_one,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lobby_that_panics_is_rebuilt_and_consoles_miss_nothing() {
    for point in [
        FaultPoint::LobbyReport,
        FaultPoint::LobbyCheck,
        FaultPoint::LobbySubscribe,
    ] {
        let server = TestServer::start().await;
        let visitor = Visitor::named(&server, "Ann").await;
        let mut customer = visitor.online().await;
        let agent = server.agent("mia", "agent").await;
        let mut console = agent.online().await;
        server.faults().panic_at(point, None, 1);
        if point == FaultPoint::LobbySubscribe {
            agent.online().await;
        }
        customer.post("is anybody there?").await;
        let fell = async || server.faults().fired(point, None) == 1;
        eventually("the lobby falls", fell).await;
        let received = console
            .expect_where("the room's newest state", |frame| {
                frame["type"] == "summary" && frame["summary"]["last_seq"] == 1
            })
            .await;
        assert_eq!(received["summary"]["unread_count"], 1, "{point:?}");
        customer.post("hello?").await;
        console
            .expect_where("the next state", |frame| {
                frame["type"] == "summary" && frame["summary"]["last_seq"] == 2
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lobby_that_cannot_be_restarted_stops_the_server() {
    if left_out_on_several_nodes("the others go on") {
        return;
    }
    let mut server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    let mut socket = visitor.online().await;
    server.faults().panic_at(FaultPoint::LobbyStart, None, 1);
    server.faults().panic_at(FaultPoint::LobbyCheck, None, 1);
    let StopReason::Failed(ServerFailure::Actors(failure)) = server.stopped().await else {
        panic!("the actors failed");
    };
    assert!(
        matches!(failure, TreeFailure::LobbyNotRestarted { .. }),
        "{failure}"
    );
    assert!(failure.to_string().contains("LobbyStart"), "{failure}");
    server.stop().await;
    assert_eq!(socket.closed().await, Some(4001), "it drains");
}
