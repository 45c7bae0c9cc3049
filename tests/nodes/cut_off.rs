//! A node that cannot reach the database.

use std::time::Duration;

use crate::common::{Nodes, Socket, Visitor, eventually, json};

/// Longer than a test lasts.
const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_its_database_closes_sockets_with_4001_and_refuses_hellos_until_it_is_back()
{
    let Some((postgres, nodes)) = Nodes::start_apart(1).await else {
        return;
    };
    let node = nodes.at(0);
    node.server().set_cut_off_after(NEVER);
    let visitor = Visitor::arrive(node).await;
    let mut tab = visitor.online().await;
    let acked = tab.post("before").await;
    let mut console = node.admin().await.joined(&visitor.room_id).await;
    node.rest().get("/readyz").await.is(200);
    let metric = async |name: &str| node.rest().metric(name).await;
    eventually("the node sees its own lease", async || {
        metric("shoptalk_nodes_alive").await > 0.5
    })
    .await;

    postgres.stop_immediately().expect("it stops");
    eventually("the age of the newest poll grows", async || {
        metric("shoptalk_store_poll_age_seconds").await > 1.0
    })
    .await;
    eventually("/readyz says so", async || {
        node.rest().get("/readyz").await.status == 503
    })
    .await;
    node.server().set_cut_off_after(Duration::ZERO);
    for socket in [&mut tab, &mut console] {
        let code = socket.closed().await;
        // A socket that had to read the database meanwhile was told to come back and resume.
        assert!(matches!(code, Some(4001 | 4010)), "{code:?}");
    }
    let mut refused = Socket::connect(node.addr(), &visitor.socket_path()).await;
    refused
        .send(json!({"type": "hello", "token": visitor.token}))
        .await;
    assert_eq!(refused.closed().await, Some(4001));

    postgres.start_again().expect("it starts");
    node.server().set_cut_off_after(NEVER);
    eventually("the age is small again", async || {
        metric("shoptalk_store_poll_age_seconds").await < 1.0
    })
    .await;
    eventually("hellos are taken again", async || {
        let mut socket = Socket::connect(node.addr(), &visitor.socket_path()).await;
        socket
            .send(json!({"type": "hello", "token": visitor.token}))
            .await;
        socket.expect_or_close("welcome").await.is_some()
    })
    .await;
    let (mut tab, welcome) = visitor.connect().await;
    assert_eq!(welcome["messages"][0]["id"], acked["id"], "{welcome}");
    tab.post("after").await;
    eventually("/readyz is well again", async || {
        node.rest().get("/readyz").await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_online_is_stored_again_when_it_was_lost() {
    let Some((postgres, nodes)) = Nodes::start_apart(1).await else {
        return;
    };
    let node = nodes.at(0);
    node.server().set_cut_off_after(NEVER);
    let _tab = Visitor::arrive(node).await.online().await;
    let stored = async || {
        let database = node.database().expect("it is in PostgreSQL");
        database.psql("SELECT count(*) FROM online").ok()
    };
    let is_stored = async || stored().await.is_some_and(|count| count.trim() == "1");
    eventually("it is stored", &is_stored).await;
    postgres.stop_immediately().expect("it stops");
    postgres.start_again().expect("it starts");
    // The crash has emptied the table.
    eventually("it is stored again", &is_stored).await;
    // As whoever has had the slot meanwhile does.
    let database = node.database().expect("it is in PostgreSQL");
    database
        .psql("UPDATE slots SET presence_no = presence_no + 1; DELETE FROM online")
        .expect("it runs");
    eventually("it is stored once more", &is_stored).await;
}
