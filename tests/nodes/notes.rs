//! Notes of agents who are connected to different nodes.

use serde_json::{Value, json};

use crate::common::{Agent, Nodes, Socket, Visitor, new_id};
use crate::for_each_bus;

async fn write(console: &mut Socket, room: &str, content: &str) -> Value {
    let note = json!({"type": "note", "room_id": room, "id": new_id(), "content": content});
    console.send(note).await;
    console.expect("noted").await
}

/// A room whose visitor is on the first node, and an agent's sockets on the first and the second.
async fn sockets(nodes: &Nodes) -> (Visitor, Socket, [Socket; 2]) {
    let visitor = Visitor::named(nodes.at(0), "Ann").await;
    let mut tab = visitor.on(nodes.at(1)).online().await;
    tab.post("hello").await;
    let agent = nodes.at(0).admin().await;
    let there: Agent = agent.on(nodes.at(1));
    let here = agent.joined(&visitor.room_id).await;
    let there = there.joined(&visitor.room_id).await;
    (visitor, tab, [here, there])
}

/// Without a bus, and with one that loses, repeats and delays, the notes are read from the store.
#[tokio::test(flavor = "multi_thread")]
async fn notes_reach_the_other_nodes_agents_in_order_and_once_and_no_visitor() {
    for_each_bus(async |nodes| {
        let (visitor, mut tab, mut consoles) = sockets(nodes).await;
        for count in 1..=20 {
            let console = &mut consoles[count % 2];
            let noted = write(console, &visitor.room_id, &format!("secret {count}")).await;
            assert_eq!(noted["no"], count);
        }
        for console in &mut consoles {
            for count in 1..=20 {
                let frame = console.expect("note").await;
                assert_eq!(frame["note"]["no"], count, "no hole, no repetition");
                assert_eq!(frame["note"]["content"], format!("secret {count}"));
            }
        }
        tab.post("anybody?").await;
        let frames = tab.take_inbox();
        assert!(!json!(frames).to_string().contains("secret"), "{frames:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_of_a_message_is_known_on_the_other_node_to_agents_alone() {
    for_each_bus(async |nodes| {
        let (visitor, mut tab, [mut here, mut there]) = sockets(nodes).await;
        let agent = nodes.at(0).admin().await;
        let post = json!({"type": "post", "room_id": visitor.room_id, "id": new_id(),
                          "content": "good morning"});
        here.send(post).await;
        let is_it = |frame: &Value| frame["message"]["content"] == "good morning";
        let frame = there.expect_where("the message", is_it).await;
        assert_eq!(frame["message"]["agent_id"], agent.id);
        let frame = tab.expect_where("the message", is_it).await;
        assert!(frame["message"].get("agent_id").is_none(), "{frame}");
    })
    .await;
}
