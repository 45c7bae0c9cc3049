//! A conversation whose sides are connected to different nodes.

use std::time::Duration;

use serde_json::{Value, json};

use shoptalk::FaultPoint;
use shoptalk::bus::memory::{MemoryBus, Unreliability};
use shoptalk_local_servers::{Nats, unless_missing};

use crate::common::{Agent, Nodes, Socket, Visitor, eventually};
use crate::for_each_bus;

/// Longer than a test lasts.
const NEVER: Duration = Duration::from_secs(3_600);

/// A room whose visitor is connected to the first node and whose agent is connected to the second.
async fn conversation(nodes: &Nodes) -> (Visitor, Socket, Agent, Socket) {
    let visitor = Visitor::named(nodes.at(0), "Ann").await;
    let customer = visitor.online().await;
    let agent = nodes.at(0).admin().await.on(nodes.at(1));
    let console = agent.joined(&visitor.room_id).await;
    (visitor, customer, agent, console)
}

async fn expect_message(socket: &mut Socket, content: &str) -> Value {
    let frame = socket.expect("message").await;
    assert_eq!(frame["message"]["content"], content, "{frame}");
    frame["message"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_reach_the_other_node_in_order_and_once() {
    for_each_bus(async |nodes| {
        let (_, mut customer, _, mut console) = conversation(nodes).await;
        for number in 0..20 {
            customer.post(&format!("question {number}")).await;
        }
        for number in 0..20 {
            let message = expect_message(&mut console, &format!("question {number}")).await;
            assert_eq!(message["seq"], number + 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_write_at_once_and_see_the_same_log() {
    for_each_bus(async |nodes| {
        let (visitor, mut customer, _, mut console) = conversation(nodes).await;
        let mut ids = Vec::new();
        for number in 0..15 {
            ids.push(customer.send_post(&format!("from Ann {number}")).await);
            let id = console
                .send_post_to(&visitor.room_id, &format!("from Ada {number}"))
                .await;
            ids.push(id);
        }
        let mut logs = Vec::new();
        for socket in [&mut customer, &mut console] {
            let mut log = Vec::new();
            while log.len() < ids.len() {
                let frame = socket.expect("message").await;
                let message = &frame["message"];
                assert_eq!(message["seq"], log.len() + 1, "no hole, no repetition");
                log.push(message["id"].clone());
            }
            logs.push(log);
        }
        assert_eq!(logs[0], logs[1]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_marks_and_status_reach_the_other_node() {
    for_each_bus(async |nodes| {
        let (visitor, mut customer, agent, mut console) = conversation(nodes).await;
        customer.post("hello").await;
        expect_message(&mut console, "hello").await;
        console
            .send(json!({"type": "read", "room_id": visitor.room_id, "seq": 1}))
            .await;
        let read = customer.expect("read").await;
        assert_eq!(
            (&read["reader"], &read["seq"]),
            (&json!("admin"), &json!(1))
        );
        let path = agent.path(&visitor.room_id, "");
        let close = agent.rest.patch(&path, json!({"status": "closed"}));
        close.await.is(200);
        let mut room = customer.expect("room").await;
        while room["room"]["status"] != "closed" {
            room = customer.expect("room").await;
        }
    })
    .await;
}

/// A room without a message has no place in any list, and yet somebody may look at it.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_given_before_the_first_message_reaches_a_tab_on_another_node_and_no_console() {
    for_each_bus(async |nodes| {
        let visitor = Visitor::arrive(nodes.at(0)).await;
        let mut tab = visitor.on(nodes.at(1)).online().await;
        let admin = nodes.at(0).admin().await;
        let mut console = admin.on(nodes.at(2)).online().await;
        let name = json!({"customer_name": "Carla"});
        let path = admin.path(&visitor.room_id, "");
        admin.rest.patch(&path, name.clone()).await.is(200);
        let room = tab.expect("room").await;
        assert_eq!(room["room"]["customer_name"], "Carla", "{room}");
        // A change of another room comes after it.
        let other = Visitor::named(nodes.at(0), "Ann").await;
        other.post("hello").await;
        let summary = console.expect("summary").await;
        assert_eq!(summary["summary"]["id"], other.room_id, "{summary}");
        let search = async |words: &str| {
            let path = format!("/api/admin/rooms/?q={words}");
            let found = admin.rest.get(&path).await.is(200);
            found["results"].as_array().expect("a list").len()
        };
        eventually("the index has the other room", async || {
            search("hello").await == 1
        })
        .await;
        assert_eq!(search("Carla").await, 0);
        visitor.post("good day").await;
        let summary = console.expect("summary").await;
        assert_eq!(summary["summary"]["customer_name"], "Carla", "{summary}");
        eventually("the index has it, too", async || search("Carla").await == 1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_text_is_removed_on_the_other_node() {
    for_each_bus(async |nodes| {
        let (visitor, mut customer, agent, mut console) = conversation(nodes).await;
        customer.post("my card is 4111").await;
        expect_message(&mut console, "my card is 4111").await;
        let path = agent.path(&visitor.room_id, "messages/1/redact/");
        agent.rest.post(&path, json!({})).await.is(200);
        assert_eq!(customer.expect("redacted").await["seq"], 1);
        assert_eq!(console.expect("redacted").await["seq"], 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_resumes_on_another_node_exactly_where_it_was() {
    for_each_bus(async |nodes| {
        let (visitor, mut customer, _, mut console) = conversation(nodes).await;
        for number in 0..5 {
            customer.post(&format!("question {number}")).await;
        }
        drop(customer);
        for number in 0..5 {
            console
                .send_post_to(&visitor.room_id, &format!("answer {number}"))
                .await;
        }
        let visitor = visitor.on(nodes.at(2));
        let resume = json!({"after": 5, "epoch": visitor.epoch});
        let (mut customer, welcome) = visitor.connect_with(resume).await;
        assert_eq!(welcome["recovered"], true, "{welcome}");
        let mut seen = crate::common::seqs(&welcome["messages"]);
        while seen.len() < 5 {
            let frame = customer.expect("message").await;
            seen.push(frame["message"]["seq"].as_u64().expect("a seq"));
        }
        assert_eq!(seen, [6, 7, 8, 9, 10]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_fails_while_it_takes_what_another_node_did_is_caught_up_on() {
    for_each_bus(async |nodes| {
        let (visitor, mut customer, _, mut console) = conversation(nodes).await;
        customer.post("question 0").await;
        expect_message(&mut console, "question 0").await;
        let room_id = visitor.room_id.parse().expect("an id");
        let faults = nodes.at(1).faults();
        faults.panic_at(FaultPoint::RoomElsewhere, Some(room_id), 1);
        for number in 1..5 {
            customer.post(&format!("question {number}")).await;
        }
        for number in 1..5 {
            let message = expect_message(&mut console, &format!("question {number}")).await;
            assert_eq!(message["seq"], number + 1);
        }
        assert_eq!(faults.fired(FaultPoint::RoomElsewhere, Some(room_id)), 1);
    })
    .await;
}

/// The control of the tests above: on a bad bus it is the poll that closes the last gap. A notice
/// that is lost is missed by nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_poll_a_notice_that_is_lost_leaves_a_gap() {
    let unreliability = Unreliability {
        lost_percent: 30,
        ..Unreliability::default()
    };
    let bus = MemoryBus::new(unreliability, 11);
    let Some(nodes) = Nodes::start(2, Some(bus.clone())).await else {
        return;
    };
    let (_, mut customer, _, mut console) = conversation(&nodes).await;
    let elsewhere = Visitor::named(nodes.at(1), "Bob").await;
    let other = nodes.at(1);
    other.server().set_cut_off_after(NEVER);
    // The first may end with the poll that was due; after the second none is left.
    other.poll_every(NEVER).await;
    other.poll_every(NEVER).await;
    let mut number = 0;
    let missed = loop {
        let content = format!("question {number}");
        customer.post(&content).await;
        eventually("it was sent", async || bus.was_lost(1, &content).is_some()).await;
        if bus.was_lost(1, &content) == Some(true) {
            break content;
        }
        expect_message(&mut console, &content).await;
        number += 1;
    };
    console
        .send_post_to(&elsewhere.room_id, "and afterwards")
        .await;
    console.expect("ack").await;
    assert_eq!(console.count_in_inbox("message"), 0, "{missed} was lost");
    other.poll_every(Duration::from_millis(100)).await;
    expect_message(&mut console, &missed).await;
}

/// The kinds of frames about the room that are shown once.
const SHOWN: [&str; 6] = ["message", "room", "read", "redacted", "draft", "page"];

/// What is in a frame of these, or `None` if it is another one.
fn shown(frame: &Value) -> Option<(String, Value)> {
    let kind = frame["type"].as_str().expect("a type");
    let content = match kind {
        "message" => &frame["message"]["content"],
        "room" => &frame["room"]["customer_name"],
        _ => &frame["seq"],
    };
    (SHOWN.contains(&kind)).then(|| (kind.to_owned(), content.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_several_respects_reaches_the_other_node_in_order_and_once() {
    let bus = MemoryBus::new(Unreliability::default(), 1);
    let Some(nodes) = Nodes::start(2, Some(bus)).await else {
        return;
    };
    let (visitor, mut customer, agent, mut console) = conversation(&nodes).await;
    let mut tab = visitor.on(nodes.at(1)).online().await;
    let other = nodes.at(1);
    other.server().set_cut_off_after(NEVER);
    // What a notice does not say would come with a poll. After the second none is left.
    other.poll_every(NEVER).await;
    other.poll_every(NEVER).await;
    customer.post("hello").await;
    expect_message(&mut console, "hello").await;
    let read = json!({"type": "read", "room_id": visitor.room_id, "seq": 1});
    console.send(read).await;
    for socket in [&mut console, &mut tab] {
        socket.expect("read").await;
        socket.take_inbox();
    }
    let path = agent.path(&visitor.room_id, "");
    let change = json!({"status": "closed", "customer_name": "Carla", "assignee": agent.id});
    let here = agent.on(nodes.at(0)).rest;
    here.patch(&path, change).await.is(200);
    customer.post("and afterwards").await;
    let last = ("message".to_owned(), json!("and afterwards"));
    for socket in [&mut console, &mut tab] {
        let mut frames = Vec::new();
        while frames.last() != Some(&last) {
            let frame = socket.expect_where("a frame", |_| true).await;
            frames.extend(shown(&frame));
        }
        let closed = ("message".to_owned(), json!("Conversation closed"));
        let room = ("room".to_owned(), json!("Carla"));
        assert_eq!(frames, [closed, room, last.clone()]);
    }
}

/// A room's newest change hides those before it from whoever looks into the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_notice_is_lost_is_noticed_by_a_later_one_of_another_node() {
    let unreliability = Unreliability {
        lost_percent: 30,
        ..Unreliability::default()
    };
    let bus = MemoryBus::new(unreliability, 3);
    let Some(nodes) = Nodes::start(3, Some(bus.clone())).await else {
        return;
    };
    let (visitor, mut customer, _, mut console) = conversation(&nodes).await;
    let other = nodes.at(2);
    let mut tab = visitor.on(other).online().await;
    other.server().set_cut_off_after(NEVER);
    other.poll_every(NEVER).await;
    other.poll_every(NEVER).await;
    let is_lost = async |text: &str| {
        eventually("it was sent", async || bus.was_lost(2, text).is_some()).await;
        bus.was_lost(2, text) == Some(true)
    };
    let mut seq = 0;
    let read = loop {
        let question = format!("question {seq}.");
        customer.post(&question).await;
        seq += 1;
        let question_is_lost = is_lost(&question).await;
        let read = json!({"type": "read", "room_id": visitor.room_id, "seq": seq});
        expect_message(&mut console, &question).await;
        console.send(read).await;
        let read = format!(r#"{{"ReadMoved":{{"side":"admin","seq":{seq}}}}}"#);
        let read_is_lost = is_lost(&read).await;
        let marker = format!("and {seq}.");
        customer.post(&marker).await;
        seq += 1;
        expect_message(&mut console, &marker).await;
        // Otherwise the gap is noticed in any case.
        if !question_is_lost && read_is_lost && !is_lost(&marker).await {
            break seq - 1;
        }
    };
    tab.expect_where("how far agents have read", |frame| {
        frame["type"] == "read" && frame["reader"] == "admin" && frame["seq"] == read
    })
    .await;
}

/// The room's newest change is then this node's own, so a look at the store would not show the other
/// one's.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_notice_tells_is_looked_for_after_a_write_of_this_node() {
    let everything_lost = Unreliability {
        lost_percent: 100,
        ..Unreliability::default()
    };
    for bus in [None, Some(MemoryBus::new(everything_lost, 3))] {
        let Some(nodes) = Nodes::start(2, bus).await else {
            return;
        };
        let (visitor, mut customer, agent, mut console) = conversation(&nodes).await;
        let agent = agent.on(nodes.at(0));
        customer.post("my card is 4111").await;
        expect_message(&mut console, "my card is 4111").await;
        let other = nodes.at(1);
        other.server().set_cut_off_after(NEVER);
        other.poll_every(NEVER).await;
        other.poll_every(NEVER).await;
        let path = agent.path(&visitor.room_id, "messages/1/redact/");
        agent.rest.post(&path, json!({})).await.is(200);
        assert_eq!(customer.expect("redacted").await["seq"], 1);
        console.send_post_to(&visitor.room_id, "I removed it").await;
        assert_eq!(console.expect("redacted").await["seq"], 1);
    }
}

/// The store lists a room under its newest change only, which is then the third node's.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_notice_tells_is_looked_for_after_the_notice_of_a_third_node() {
    let bus = MemoryBus::new(Unreliability::default(), 5);
    let Some(nodes) = Nodes::start(3, Some(bus.clone())).await else {
        return;
    };
    let (visitor, mut customer, agent, mut console) = conversation(&nodes).await;
    let third = agent.on(nodes.at(2));
    let mut colleague = third.joined(&visitor.room_id).await;
    customer.post("my card is 4111").await;
    expect_message(&mut console, "my card is 4111").await;
    expect_message(&mut colleague, "my card is 4111").await;
    let other = nodes.at(1);
    other.server().set_cut_off_after(NEVER);
    other.poll_every(NEVER).await;
    other.poll_every(NEVER).await;
    bus.mute(0);
    let first = third.on(nodes.at(0));
    let path = first.path(&visitor.room_id, "messages/1/redact/");
    first.rest.post(&path, json!({})).await.is(200);
    assert_eq!(customer.expect("redacted").await["seq"], 1);
    colleague
        .send_post_to(&visitor.room_id, "I removed it")
        .await;
    expect_message(&mut console, "I removed it").await;
    assert_eq!(console.expect("redacted").await["seq"], 1);
}

/// A later message shows that it is missing, whoever has written that.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_notice_is_lost_comes_before_the_next_one_of_any_node() {
    let bus = MemoryBus::new(Unreliability::default(), 5);
    let Some(nodes) = Nodes::start(3, Some(bus.clone())).await else {
        return;
    };
    let (visitor, mut customer, agent, mut console) = conversation(&nodes).await;
    let mut colleague = agent.on(nodes.at(2)).joined(&visitor.room_id).await;
    customer.post("hello").await;
    expect_message(&mut console, "hello").await;
    expect_message(&mut colleague, "hello").await;
    let other = nodes.at(1);
    other.server().set_cut_off_after(NEVER);
    other.poll_every(NEVER).await;
    other.poll_every(NEVER).await;
    bus.mute(0);
    customer.post("where is it?").await;
    colleague.send_post_to(&visitor.room_id, "on its way").await;
    expect_message(&mut console, "where is it?").await;
    expect_message(&mut console, "on its way").await;
    customer.post("since when?").await;
    let id = console.send_post_to(&visitor.room_id, "yesterday").await;
    expect_message(&mut console, "since when?").await;
    expect_message(&mut console, "yesterday").await;
    assert_eq!(console.ack(&id).await["seq"], 5);
}

/// Nobody waits for typing that was lost, so it is tried until it comes.
#[tokio::test(flavor = "multi_thread")]
async fn typing_is_shown_on_the_other_node_while_there_is_a_bus() {
    let Some(nodes) = Nodes::start(2, Some(MemoryBus::new(Unreliability::default(), 1))).await
    else {
        return;
    };
    let (_, mut customer, _, mut console) = conversation(&nodes).await;
    customer.post("hello").await;
    expect_message(&mut console, "hello").await;
    customer.send(json!({"type": "typing"})).await;
    let typing = console.expect("typing").await;
    assert_eq!(typing["sender_name"], "Ann");
    assert_eq!(customer.count_in_inbox("typing"), 0, "not to the typist");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_find_each_other_on_nats_and_go_on_while_it_is_away() {
    let Some(nats) = unless_missing(Nats::start()) else {
        return;
    };
    let Some(nodes) = Nodes::start_on_nats(2, &nats.url()).await else {
        return;
    };
    let (_, mut customer, _, mut console) = conversation(&nodes).await;
    customer.post("hello").await;
    expect_message(&mut console, "hello").await;
    // It comes over NATS alone.
    let typing = json!({"type": "typing"});
    customer.send(typing.clone()).await;
    assert_eq!(console.expect("typing").await["sender_name"], "Ann");
    nats.kill();
    for number in 0..5 {
        customer.post(&format!("away {number}")).await;
        expect_message(&mut console, &format!("away {number}")).await;
    }
    nats.start_again().expect("it starts");
    // One a moment ago is not shown again, and one that is lost is gone: each new one may come.
    let back = async {
        loop {
            customer.send(typing.clone()).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        frame = console.expect("typing") => assert_eq!(frame["sender_name"], "Ann"),
        () = back => {}
    }
}

/// A notice of it may be lost: without a bus there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_suggestion_reaches_agents_on_other_nodes_without_a_bus() {
    let Some(nodes) = Nodes::start(2, None).await else {
        return;
    };
    let (visitor, _, agent, mut console) = conversation(&nodes).await;
    console.send_post_to(&visitor.room_id, "hello").await;
    console.expect("ack").await;
    let path = format!("/api/admin/rooms/{}/draft/", visitor.room_id);
    let here = agent.on(nodes.at(0)).rest;
    let request = json!({"after_seq": 1, "content": "Good day"});
    here.put(&path, request).await.is(200);
    console
        .expect_where("the suggestion", |frame| {
            frame["draft"]["content"] == "Good day"
        })
        .await;
    assert_eq!(here.delete(&path).await.status, 204);
    console
        .expect_where("it is gone", |frame| {
            frame["type"] == "draft" && frame["draft"].is_null()
        })
        .await;
}
