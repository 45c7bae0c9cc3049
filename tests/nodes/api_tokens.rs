//! API tokens.

use crate::common::{Nodes, json};

#[tokio::test]
async fn a_token_that_one_node_ends_is_ended_on_the_others() {
    let Some(nodes) = Nodes::start(2, None).await else {
        return;
    };
    let (one, other) = (nodes.at(0), nodes.at(1));
    let request = json!({"name": "Robot", "rights": ["rooms:read"]});
    let admin = &one.admin().await.rest;
    let made = admin.post("/api/admin/tokens/", request).await.is(201);
    let robot = other
        .rest()
        .bearer(made["token"].as_str().expect("a secret"));
    robot.get("/api/admin/rooms/").await.is(200);
    let path = format!("/api/admin/tokens/{}/", made["id"].as_str().expect("an id"));
    assert_eq!(admin.delete(&path).await.status, 204);
    let refused = robot.get("/api/admin/rooms/").await;
    refused.problem(401, "unauthorized");
}
