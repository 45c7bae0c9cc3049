//! Sessions, tokens and blocks that end or begin on another node.

use serde_json::json;

use crate::common::{PASSWORD, Visitor};
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
