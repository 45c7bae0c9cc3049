//! Who has a room open, on several nodes.

use crate::BusKind;
use crate::common::{Nodes, Socket, Value, Visitor, json};

async fn sees(console: &mut Socket, names: &[&str]) {
    let names = json!(names);
    let fits = |frame: &Value| frame["type"] == "viewers" && frame["agents"] == names;
    console.expect_where("the viewers", fits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_see_who_has_a_room_open_on_the_other_nodes() {
    for kind in [BusKind::Good, BusKind::Bad] {
        let Some(nodes) = Nodes::start(3, kind.bus()).await else {
            return;
        };
        let ada = nodes.at(0).admin().await;
        let bob = nodes.at(0).agent("bob", "agent").await;
        let visitor = Visitor::named(nodes.at(0), "Ann").await;
        visitor.post("hello").await;
        let room = &visitor.room_id;
        let mut first = ada.joined(room).await;
        sees(&mut first, &["Ada Admin"]).await;
        let mut second = bob.on(nodes.at(1)).joined(room).await;
        sees(&mut first, &["Ada Admin", "Bob Agent"]).await;
        sees(&mut second, &["Ada Admin", "Bob Agent"]).await;
        // The same agent on a third node is nobody new, and is shown all.
        let mut tab = ada.on(nodes.at(2)).joined(room).await;
        sees(&mut tab, &["Ada Admin", "Bob Agent"]).await;
        drop(first);
        drop(second);
        sees(&mut tab, &["Ada Admin"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_takes_its_viewers_away() {
    for kind in [BusKind::Good, BusKind::Bad] {
        let Some(mut nodes) = Nodes::start(2, kind.bus()).await else {
            return;
        };
        let visitor = Visitor::named(nodes.at(0), "Ann").await;
        visitor.post("hello").await;
        let bob = nodes.at(0).agent("bob", "agent").await;
        let mut console = nodes.at(0).admin().await.joined(&visitor.room_id).await;
        let elsewhere = bob.on(nodes.at(1)).joined(&visitor.room_id).await;
        sees(&mut console, &["Ada Admin", "Bob Agent"]).await;
        nodes.stop(1).await;
        drop(elsewhere);
        sees(&mut console, &["Ada Admin"]).await;
    }
}
