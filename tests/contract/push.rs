//! Who is rung when a customer waits, and on which devices.

use crate::common::{TestServer, json};

#[tokio::test]
async fn agents_are_on_duty_until_they_say_otherwise() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let me = bob.rest.get("/api/admin/me/").await.is(200);
    assert_eq!(me["agent"]["on_duty"], true);

    let changed = bob
        .rest
        .patch("/api/admin/me/", json!({"on_duty": false}))
        .await
        .is(200);
    assert_eq!(changed["agent"]["on_duty"], false);
    assert_eq!(
        changed["agent"]["display_name"],
        me["agent"]["display_name"]
    );
    let agents = admin.rest.get("/api/admin/agents/").await.is(200);
    let on_duty = |id: &str| {
        let agents = agents["results"].as_array().expect("a list");
        let agent = agents.iter().find(|agent| agent["id"] == id);
        agent.expect("they are listed")["on_duty"].clone()
    };
    assert_eq!(on_duty(&bob.id), false);
    assert_eq!(on_duty(&admin.id), true);

    // Nothing else that they change moves it.
    let renamed = bob
        .rest
        .patch("/api/admin/me/", json!({"display_name": "Bobby"}))
        .await
        .is(200);
    assert_eq!(renamed["agent"]["on_duty"], false);
    bob.rest
        .patch("/api/admin/me/", json!({"on_duty": "often"}))
        .await
        .problem(400, "invalid");
}
