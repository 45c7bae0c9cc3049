//! A conversation whose sides are connected to different nodes.

use std::time::Duration;

use serde_json::{Value, json};
use shoptalk::bus::memory::{MemoryBus, Unreliability};

use crate::common::{Agent, Nodes, Socket, Visitor};

/// What the nodes have between them.
#[derive(Debug, Clone, Copy)]
enum BusKind {
    None,
    Good,
    Bad,
}

impl BusKind {
    fn bus(self) -> Option<MemoryBus> {
        let unreliability = match self {
            Self::None => return None,
            Self::Good => Unreliability::default(),
            Self::Bad => Unreliability {
                lost_percent: 30,
                duplicated_percent: 30,
                late: Duration::from_millis(200),
            },
        };
        Some(MemoryBus::new(unreliability, 7))
    }
}

/// Three nodes for each kind of bus.
async fn for_each_bus(test: impl AsyncFn(&Nodes)) {
    for kind in [BusKind::None, BusKind::Good, BusKind::Bad] {
        let Some(nodes) = Nodes::start(3, kind.bus()).await else {
            return;
        };
        println!("{kind:?}");
        test(&nodes).await;
    }
}

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
        let path = agent.path(&visitor.room_id, "status/");
        agent
            .rest
            .post(&path, json!({"status": "closed"}))
            .await
            .is(200);
        let mut room = customer.expect("room").await;
        while room["room"]["status"] != "closed" {
            room = customer.expect("room").await;
        }
    })
    .await;
}
