//! Sessions, tokens and blocks that end or begin on another node.

use serde_json::json;

use crate::common::{Nodes, PASSWORD, Visitor};
use crate::for_each_bus;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_is_disabled_on_one_node_is_disconnected_from_another() {
    for_each_bus(async |nodes| {
        let admin = nodes.at(0).admin().await;
        let mia = nodes.at(0).agent("mia", "agent").await;
        let mut console = mia.on(nodes.at(1)).online().await;
        let path = format!("/api/admin/agents/{}/", mia.id);
        let disable = admin.rest.patch(&path, json!({"disabled": true}));
        disable.await.is(200);
        assert_eq!(console.closed().await, Some(4505));
        let rest = nodes.at(2).rest();
        let sign_in = json!({"username": "mia", "password": PASSWORD});
        rest.post("/api/admin/login/", sign_in).await.is(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_signs_out_on_one_node_is_disconnected_from_another() {
    for_each_bus(async |nodes| {
        let visitor = Visitor::named(nodes.at(0), "Ann").await;
        let mut customer = visitor.on(nodes.at(1)).online().await;
        visitor
            .rest
            .post("/api/chat/logout/", json!({}))
            .await
            .is(204);
        assert_eq!(customer.closed().await, Some(4500));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_on_one_node_holds_on_the_others() {
    for_each_bus(async |nodes| {
        let visitor = Visitor::named(nodes.at(0), "Ann").await;
        let mut customer = visitor.on(nodes.at(1)).online().await;
        customer.post("hello").await;
        let admin = nodes.at(0).admin().await;
        let path = admin.path(&visitor.room_id, "");
        admin
            .rest
            .patch(&path, json!({"blocked": true}))
            .await
            .is(200);
        let id = customer.send_post("more").await;
        let refused = customer.reply_to(&id).await;
        assert_eq!(refused["code"], "forbidden", "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_link_of_one_node_works_on_another_once() {
    for_each_bus(async |nodes| {
        let code = nodes.at(0).setup_code().expect("there is no agent");
        let body = |username: &str| {
            json!({"code": code, "username": username, "display_name": "Ada", "password": PASSWORD})
        };
        let on_other = nodes.at(1).rest();
        on_other.post("/api/admin/setup/", body("ada")).await.is(201);
        let on_third = nodes.at(2).rest();
        let again = on_third.post("/api/admin/setup/", body("eve")).await;
        again.problem(410, "gone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_to_sign_in_are_counted_on_all_nodes_together() {
    let limits = |config: &mut shoptalk::config::Config| {
        config.limits.enabled = true;
        config.limits.logins_per_15_min = 4;
    };
    let Some(nodes) = Nodes::start_with(2, limits).await else {
        return;
    };
    nodes.at(0).admin().await;
    let wrong = json!({"username": "ada", "password": "a wrong password"});
    for attempt in 0..4 {
        let rest = nodes.at(attempt % 2).rest();
        rest.post("/api/admin/login/", wrong.clone())
            .await
            .problem(401, "bad_credentials");
    }
    for node in 0..2 {
        let rest = nodes.at(node).rest();
        rest.post("/api/admin/login/", wrong.clone())
            .await
            .problem(429, "rate_limited");
    }
}
