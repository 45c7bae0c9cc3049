//! Assignees and tags on several nodes.

use futures_util::future::join_all;

use crate::common::{Nodes, Visitor, eventually, json};

/// How often they claim at once; `SHOPTALK_CLAIMS` says otherwise.
fn rounds() -> usize {
    let asked = std::env::var("SHOPTALK_CLAIMS");
    asked.map_or(20, |text| {
        text.parse().expect("SHOPTALK_CLAIMS is a number of rounds")
    })
}

#[tokio::test]
async fn of_agents_who_claim_on_all_nodes_at_once_one_wins() {
    let Some(nodes) = Nodes::start(3, None).await else {
        return;
    };
    let first = nodes.at(0);
    let ada = first.admin().await;
    let mut agents = Vec::new();
    for (place, name) in ["bob", "cleo", "dan"].into_iter().enumerate() {
        agents.push(first.agent(name, "agent").await.on(nodes.at(place)));
    }
    let visitor = Visitor::named(first, "Ann").await;
    visitor.post("hello").await;
    let path = ada.path(&visitor.room_id, "");
    for _ in 0..rounds() {
        let claims = agents.iter().map(async |agent| {
            let claim = json!({"assignee": agent.id, "expect_assignee": null});
            let claimed = agent.rest.patch(&path, claim).await;
            (agent.id.clone(), claimed)
        });
        let claims = join_all(claims).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            claims.iter().partition(|(_, claim)| claim.status == 200);
        assert_eq!(won.len(), 1, "winners");
        for (_, refused) in lost {
            let refused = refused.problem(409, "conflict");
            assert_eq!(refused["summary"]["assignee"]["id"], won[0].0);
        }
        let free = json!({"assignee": null});
        ada.rest.patch(&path, free).await.is(200);
    }
}

#[tokio::test]
async fn an_assignee_and_a_renamed_tag_are_shown_on_the_other_nodes() {
    let Some(nodes) = Nodes::start(2, None).await else {
        return;
    };
    let (one, other) = (nodes.at(0), nodes.at(1));
    let ada = one.admin().await;
    let elsewhere = ada.on(other);
    let mut console = elsewhere.online().await;
    let visitor = Visitor::named(one, "Ann").await;
    visitor.post("hello").await;
    let tag = json!({"name": "order", "color": "#112233"});
    let made = ada.rest.post("/api/admin/tags/", tag).await.is(201);
    let tag = made["tag"]["id"].as_str().expect("an id");
    // The other node does not know the tag yet.
    let path = ada.path(&visitor.room_id, "");
    let change = json!({"tags": [tag], "assignee": ada.id});
    elsewhere.rest.patch(&path, change).await.is(200);
    let shown = |frame: &crate::common::Value| {
        frame["type"] == "summary" && frame["summary"]["tags"][0]["name"] == "order"
    };
    console.expect_where("the tag", shown).await;
    let renamed = json!({"name": "orders"});
    let tag = format!("/api/admin/tags/{tag}/");
    ada.rest.patch(&tag, renamed).await.is(200);
    eventually("the new name", async || {
        elsewhere.summary(&visitor.room_id).await["tags"][0]["name"] == "orders"
    })
    .await;
}
