//! An agent's socket: the lobby and the rooms.

use std::collections::HashMap;

use crate::common::{
    Socket, TestServer, Value, Visitor, json, keys, left_out_on_several_nodes, new_id, seqs,
};

/// Ids of summaries, in their order.
fn ids(summaries: &Value) -> Vec<String> {
    summaries
        .as_array()
        .expect("summaries")
        .iter()
        .map(|summary| summary["id"].as_str().expect("an id").to_owned())
        .collect()
}

async fn joined(socket: &mut Socket, frame: Value) -> Value {
    socket.send(frame).await;
    socket.expect("joined").await
}

#[tokio::test]
async fn the_welcome_brings_the_lobby() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let newest = {
        let responded = Visitor::named(&server, "Answered").await;
        responded.post("hello").await;
        admin.post(&responded.room_id, "hello").await;
        responded
    };
    let longest = Visitor::named(&server, "Longest").await;
    longest.post("waiting").await;
    let shorter = Visitor::named(&server, "Shorter").await;
    shorter.post("waiting").await;
    longest.post("still waiting").await;
    let gone = Visitor::named(&server, "Gone").await;
    gone.post("bye").await;
    gone.rest
        .post(&gone.path("close/"), json!({}))
        .await
        .is(200);
    let _tab = shorter.online().await;

    let (_console, welcome) = admin.connect().await;
    assert_eq!(
        keys(&welcome),
        [
            "agent",
            "counts",
            "cursor",
            "epoch",
            "max_content",
            "more",
            "online",
            "ping_interval_ms",
            "protocol",
            "reconnect_window_ms",
            "recovered",
            "summaries",
            "type",
        ]
    );
    assert_eq!(welcome["agent"]["username"], "ada");
    assert_eq!(welcome["recovered"], false);
    assert_eq!(welcome["more"], false);
    assert_eq!(welcome["epoch"], longest.epoch);
    assert_eq!(
        ids(&welcome["summaries"]),
        [&longest.room_id, &shorter.room_id, &newest.room_id].map(Clone::clone),
        "the longest waiting first, then the newest active, no closed ones"
    );
    assert_eq!(
        welcome["counts"],
        json!({"waiting": 2, "active": 1, "closed": 1})
    );
    assert_eq!(
        welcome["summaries"][0],
        admin.summary(&longest.room_id).await
    );
    if left_out_on_several_nodes("who is online elsewhere is known a moment later") {
        return;
    }
    assert_eq!(welcome["online"], json!([shorter.room_id]));
    assert_eq!(welcome["summaries"][1]["customer_online"], true);
}

#[tokio::test]
async fn a_cursor_resumes_the_lobby() {
    let mut server = TestServer::start().await;
    let unchanged = Visitor::arrive(&server).await;
    unchanged.post("hello").await;
    let changed = Visitor::arrive(&server).await;
    changed.post("hello").await;
    let token = server.admin().await.token.clone();
    let (socket, welcome) = server.admin().await.connect().await;
    socket.close().await;
    let cursor = welcome["cursor"].clone();
    let epoch = welcome["epoch"].clone();

    changed.post("again").await;
    changed
        .rest
        .post(&changed.path("close/"), json!({}))
        .await
        .is(200);
    let fresh = Visitor::arrive(&server).await;
    fresh.post("new").await;
    for round in ["live", "after a restart"] {
        let hello = json!({"cursor": cursor, "epoch": epoch});
        let (socket, welcome) = server.admin().await.connect_with(hello).await;
        assert_eq!(welcome["recovered"], true, "{round}");
        let mut got = ids(&welcome["summaries"]);
        got.sort();
        let mut expected = vec![changed.room_id.clone(), fresh.room_id.clone()];
        expected.sort();
        assert_eq!(got, expected, "{round}: closed ones too");
        let hello = json!({"cursor": welcome["cursor"], "epoch": epoch});
        let (_, welcome) = server.admin().await.connect_with(hello).await;
        assert_eq!(welcome["recovered"], true);
        assert_eq!(welcome["summaries"], json!([]), "{round}");
        socket.close().await;
        if round == "live" {
            server.restart().await;
        }
    }
    assert_eq!(server.admin().await.token, token);
    for (cursor, epoch) in [
        (cursor.clone(), json!("another")),
        (json!("nonsense"), epoch.clone()),
    ] {
        let hello = json!({"cursor": cursor, "epoch": epoch});
        let (_, welcome) = server.admin().await.connect_with(hello).await;
        assert_eq!(welcome["recovered"], false, "replace the list");
        assert_eq!(
            ids(&welcome["summaries"]).len(),
            2,
            "waiting and active ones"
        );
    }
}

#[tokio::test]
async fn a_full_lobby_comes_in_pages_of_200() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut expected = Vec::new();
    for _ in 0..450 {
        let visitor = Visitor::arrive(&server).await;
        visitor.post("hello").await;
        expected.push(visitor.room_id);
    }
    let (mut console, welcome) = admin.connect().await;
    let mut got = ids(&welcome["summaries"]);
    assert!(got.len() <= 200);
    let mut more = welcome["more"].clone();
    let mut cursor = welcome["cursor"].clone();
    while more == true {
        let page = console.expect("summaries").await;
        let page_ids = ids(&page["summaries"]);
        assert!(page_ids.len() <= 200);
        got.extend(page_ids);
        more = page["more"].clone();
        cursor = page["cursor"].clone();
    }
    assert_eq!(got, expected, "all waiting rooms, the longest first");
    let (_, welcome) = admin.connect_with(json!({"cursor": cursor})).await;
    assert_eq!(welcome["recovered"], true);
    assert_eq!(welcome["summaries"], json!([]));
}

#[tokio::test]
async fn the_lobby_streams_summaries_counts_and_presence() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut console = admin.online().await;
    let visitor = Visitor::named(&server, "Carla").await;
    visitor.post("hello").await;
    let frame = console.expect("summary").await;
    assert_eq!(keys(&frame), ["cursor", "summary", "type"]);
    assert_eq!(frame["summary"]["last_message"]["content"], "hello");
    console
        .expect_where("counts", |frame| {
            frame["counts"] == json!({"waiting": 1, "active": 0, "closed": 0})
        })
        .await;
    let _tab = visitor.online().await;
    let online = console.expect("online").await;
    assert_eq!(
        online,
        json!({"type": "online", "room_id": visitor.room_id, "customer_online": true})
    );
    admin.post(&visitor.room_id, "good day").await;
    console
        .expect_where("counts", |frame| {
            frame["counts"] == json!({"waiting": 0, "active": 1, "closed": 0})
        })
        .await;
    console
        .expect_where("the newest state", |frame| {
            frame["summary"]["status"] == "active"
        })
        .await;
}

#[tokio::test]
async fn summaries_under_load_are_conflated_to_the_newest() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut console = admin.online().await;
    let visitor = Visitor::arrive(&server).await;
    let began = std::time::Instant::now();
    visitor.online().await.post_many(320).await;
    let mut versions = Vec::new();
    loop {
        let frame = console.expect("summary").await;
        versions.push(frame["summary"]["version"].as_u64().expect("a version"));
        if frame["summary"]["last_seq"] == 320 {
            break;
        }
    }
    assert!(versions.is_sorted(), "{versions:?}");
    // How many summaries are sent depends on the machine's speed.
    let times = usize::try_from(began.elapsed().as_millis() / 10).expect("not for ages");
    assert!(
        versions.len() < times.max(160),
        "several are merged into one: {}",
        versions.len()
    );
}

#[tokio::test]
async fn a_console_that_reconnects_at_every_cursor_misses_no_room() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let (mut console, welcome) = admin.connect().await;
    let mut cursor = welcome["cursor"].clone();
    let mut known: HashMap<String, u64> = HashMap::new();
    let mut learn = |summary: &Value| {
        let id = summary["id"].as_str().expect("an id").to_owned();
        let last_seq = summary["last_seq"].as_u64().expect("a seq");
        known.insert(id, last_seq);
    };
    let mut visitors = Vec::new();
    for _ in 0..8 {
        visitors.push(Visitor::arrive(&server).await);
    }
    for _round in 0..6 {
        for visitor in &visitors {
            visitor.post("hello").await;
        }
        // Only one summary is read from the stream before the connection is cut.
        let frame = console.expect("summary").await;
        learn(&frame["summary"]);
        cursor = frame["cursor"].clone();
        console.close().await;
        let (next, welcome) = admin.connect_with(json!({"cursor": cursor})).await;
        assert_eq!(welcome["recovered"], true);
        for summary in welcome["summaries"].as_array().expect("summaries") {
            learn(summary);
        }
        cursor = welcome["cursor"].clone();
        console = next;
    }
    assert!(cursor.is_string());
    for visitor in &visitors {
        assert_eq!(
            known.get(&visitor.room_id),
            Some(&6),
            "the newest state of every room"
        );
    }
}

#[tokio::test]
async fn a_join_answers_with_the_rules_of_resume_and_joining_again_resyncs() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    visitor.online().await.post_many(60).await;
    let mut console = bob.online().await;
    let room_id = &visitor.room_id;
    let response = joined(&mut console, json!({"type": "join", "room_id": room_id})).await;
    assert_eq!(
        keys(&response),
        [
            "last_note",
            "messages",
            "more",
            "notes",
            "notes_more",
            "recovered",
            "room",
            "room_id",
            "type",
        ]
    );
    assert_eq!(response["room"], visitor.room().await);
    assert_eq!(seqs(&response["messages"]), (11..=60).collect::<Vec<u64>>());
    assert_eq!(
        (&response["recovered"], &response["more"]),
        (&json!(false), &json!(false))
    );
    for (fields, recovered, first) in [
        (json!({"after": 58}), true, 59),
        (json!({"after": 58, "epoch": visitor.epoch}), true, 59),
        (json!({"after": 58, "epoch": "another"}), false, 11),
        (json!({"after": 61}), false, 11),
        (json!({"tail": 2}), false, 59),
    ] {
        let mut frame = json!({"type": "join", "room_id": room_id.to_uppercase()});
        for (name, value) in fields.as_object().expect("fields") {
            frame[name] = value.clone();
        }
        let response = joined(&mut console, frame).await;
        assert_eq!(response["recovered"], recovered, "{fields}");
        assert_eq!(
            seqs(&response["messages"]),
            (first..=60).collect::<Vec<u64>>(),
            "{fields}"
        );
    }
    visitor.post("live").await;
    assert_eq!(console.expect("message").await["message"]["seq"], 61);
    visitor.post("once").await;
    assert_eq!(
        console.expect("message").await["message"]["seq"],
        62,
        "one join, one delivery"
    );
}

#[tokio::test]
async fn a_long_join_comes_in_pages() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.online().await.post_many(500).await;
    let mut console = admin.online().await;
    let frame = json!({"type": "join", "room_id": visitor.room_id, "after": 0});
    let response = joined(&mut console, frame).await;
    assert_eq!(response["more"], true);
    let mut got = seqs(&response["messages"]);
    got.extend(seqs(&json!(console.messages(500 - got.len()).await)));
    assert_eq!(got, (1..=500).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_room_that_was_left_sends_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let (one, two) = (
        Visitor::arrive(&server).await,
        Visitor::arrive(&server).await,
    );
    let mut console = admin.online().await;
    for visitor in [&one, &two] {
        joined(
            &mut console,
            json!({"type": "join", "room_id": visitor.room_id}),
        )
        .await;
    }
    console
        .send(json!({"type": "leave", "room_id": one.room_id}))
        .await;
    console
        .send(json!({"type": "leave", "room_id": one.room_id}))
        .await;
    // Frames of one socket are handled in order: the next reply comes after the leave.
    console
        .send(json!({"type": "history", "room_id": two.room_id, "before": 1}))
        .await;
    console.expect("history").await;
    one.post("to the room that was left").await;
    two.post("to the room that is joined").await;
    assert_eq!(console.expect("message").await["room_id"], two.room_id);
    assert_eq!(console.count_in_inbox("message"), 0);
}

#[tokio::test]
async fn post_read_and_status_need_no_join_and_typing_and_history_do() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    socket.post("hello").await;
    let mut console = bob.online().await;
    let room_id = &visitor.room_id;
    let id = new_id();
    console
        .send(json!({"type": "post", "room_id": room_id, "id": id, "content": "good day"}))
        .await;
    let ack = console.ack(&id).await;
    assert_eq!((&ack["seq"], &ack["room_id"]), (&json!(2), &json!(room_id)));
    console
        .send(json!({"type": "read", "room_id": room_id, "seq": 2}))
        .await;
    assert_eq!(socket.expect("read").await["reader"], "admin");
    console
        .send(json!({"type": "status", "room_id": room_id, "status": "closed"}))
        .await;
    socket
        .expect_where("closed", |frame| frame["room"]["status"] == "closed")
        .await;
    for frame in [
        json!({"type": "typing", "room_id": room_id}),
        json!({"type": "history", "room_id": room_id, "before": 2}),
    ] {
        console.send(frame.clone()).await;
        let error = console.expect("error").await;
        assert_eq!(error["room_id"], *room_id, "{frame}: {error}");
    }
    assert_eq!(
        console.count_in_inbox("message"),
        0,
        "a room that was not joined delivers nothing"
    );
}

#[tokio::test]
async fn an_unknown_room_and_a_129th_join_are_errors_and_never_a_close() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut console = admin.online().await;
    let unknown = uuid::Uuid::now_v7().to_string();
    for frame in [
        json!({"type": "join", "room_id": unknown}),
        json!({"type": "post", "room_id": unknown, "id": new_id(), "content": "hi"}),
        json!({"type": "read", "room_id": unknown, "seq": 1}),
        json!({"type": "status", "room_id": unknown, "status": "closed"}),
        json!({"type": "join", "room_id": "no-uuid"}),
    ] {
        console.send(frame.clone()).await;
        let error = console.expect("error").await;
        assert_eq!(error["code"], "not_found", "{frame}: {error}");
        assert_eq!(error["room_id"], frame["room_id"], "{frame}");
        assert_eq!(error["id"], frame["id"], "{frame}");
    }
    let mut rooms = Vec::new();
    for _ in 0..129 {
        rooms.push(Visitor::arrive(&server).await.room_id);
    }
    for room_id in &rooms[..128] {
        joined(&mut console, json!({"type": "join", "room_id": room_id})).await;
    }
    console
        .send(json!({"type": "join", "room_id": rooms[128]}))
        .await;
    let error = console.expect("error").await;
    assert_eq!(error["room_id"], rooms[128], "{error}");
    joined(&mut console, json!({"type": "join", "room_id": rooms[0]})).await;
    console
        .send(json!({"type": "leave", "room_id": rooms[0]}))
        .await;
    joined(&mut console, json!({"type": "join", "room_id": rooms[128]})).await;
}

#[tokio::test]
async fn agents_see_each_other_typing_and_posting() {
    let server = TestServer::start().await;
    let (bob, eve) = (
        server.agent("bob", "agent").await,
        server.agent("eve", "agent").await,
    );
    let visitor = Visitor::arrive(&server).await;
    let mut bobs = bob.joined(&visitor.room_id).await;
    let mut eves = eve.joined(&visitor.room_id).await;
    bobs.send(json!({"type": "typing", "room_id": visitor.room_id}))
        .await;
    let typing = eves.expect("typing").await;
    assert_eq!(typing["sender_name"], "Bob Agent");
    let post = json!({"type": "post", "room_id": visitor.room_id, "id": new_id(), "content": "hi"});
    bobs.send(post).await;
    let message = eves.expect("message").await["message"].clone();
    assert_eq!(message["sender_type"], "admin");
    assert_eq!(message["sender_name"], "Bob Agent");
}

#[tokio::test]
async fn status_is_active_or_closed_and_the_present_one_changes_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let mut console = admin.joined(&visitor.room_id).await;
    let status = |word: &str| json!({"type": "status", "room_id": visitor.room_id, "status": word});
    for word in ["waiting", "open", ""] {
        console.send(status(word)).await;
        console.expect_error("invalid").await;
    }
    for word in ["closed", "closed", "active", "active"] {
        console.send(status(word)).await;
    }
    for (seq, event) in [(2, "closed"), (3, "reopened")] {
        let message = console.expect("message").await["message"].clone();
        assert_eq!(
            (&message["seq"], &message["event"]),
            (&json!(seq), &json!(event))
        );
    }
    assert_eq!(
        visitor.post("after").await["seq"],
        4,
        "no note was left for nothing"
    );
}

#[tokio::test]
async fn a_renamed_agent_posts_under_the_new_name() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    assert_eq!(
        bob.post(&visitor.room_id, "one").await["sender_name"],
        "Bob Agent"
    );
    bob.rest
        .patch("/api/admin/me/", json!({"display_name": "Robert"}))
        .await
        .is(200);
    assert_eq!(
        bob.post(&visitor.room_id, "two").await["sender_name"],
        "Robert"
    );
    assert_eq!(
        visitor.messages().await[0]["sender_name"],
        "Bob Agent",
        "what was said stays"
    );
}
