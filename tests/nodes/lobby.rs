//! What consoles see of rooms that are written to on other nodes.

use serde_json::json;

use crate::common::{Nodes, Visitor, eventually};
use crate::for_each_bus;

/// A console on the last node.
async fn console(nodes: &Nodes) -> crate::common::Socket {
    let admin = nodes.at(0).admin().await;
    admin.on(nodes.at(2)).online().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_sees_the_rooms_of_every_node_and_their_counts() {
    for_each_bus(async |nodes| {
        let mut console = console(nodes).await;
        let mut rooms = Vec::new();
        for index in 0..3 {
            let visitor = Visitor::named(nodes.at(index), "Ann").await;
            visitor.post("hello").await;
            rooms.push(visitor.room_id.clone());
        }
        let mut waiting = Vec::new();
        while waiting.len() < 3 {
            let frame = console.expect("summary").await;
            let (id, summary) = (&frame["summary"]["id"], &frame["summary"]);
            let id = id.as_str().expect("an id").to_owned();
            if summary["status"] == "waiting" && !waiting.contains(&id) {
                waiting.push(id);
            }
        }
        waiting.sort();
        rooms.sort();
        assert_eq!(waiting, rooms);
        let mut counts = console.expect("counts").await;
        while counts["counts"]["waiting"] != 3 {
            counts = console.expect("counts").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consoles_and_customers_see_who_is_online_on_other_nodes() {
    for_each_bus(async |nodes| {
        let visitor = Visitor::named(nodes.at(0), "Ann").await;
        visitor.post("hello").await;
        let admin = nodes.at(0).admin().await;
        let on_last = admin.on(nodes.at(2));
        let customer = visitor.online().await;
        eventually("the customer is online elsewhere", || async {
            on_last.summary(&visitor.room_id).await["customer_online"] == true
        })
        .await;
        let mut other = Visitor::named(nodes.at(1), "Bob").await.online().await;
        let console = console(nodes).await;
        let mut presence = other.expect("presence").await;
        while presence["agents_online"] != json!(true) {
            presence = other.expect("presence").await;
        }
        drop((customer, console));
        eventually("the customer has left", || async {
            on_last.summary(&visitor.room_id).await["customer_online"] == false
        })
        .await;
        while presence["agents_online"] != json!(false) {
            presence = other.expect("presence").await;
        }
    })
    .await;
}
