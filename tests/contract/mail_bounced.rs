//! Addresses that mail does not reach.

use crate::common::{eventually, json};
use crate::mail::{customer, start};

const BOUNCED: &str = "/api/admin/mail/bounced/";

#[tokio::test]
async fn admins_see_an_address_that_was_refused_and_have_it_mailed_again() {
    let (sink, server) = start().await;
    let admin = server.admin().await;
    let agent = server.agent("otto", "agent").await;
    sink.refuse_recipients(Some("550 5.1.1 no such user"));
    let ann = customer(&server, "Ann@example.com").await;
    admin.post(&ann.room_id, "Yes, it is.").await;
    let listed = async || {
        let list = admin.rest.get(BOUNCED).await.is(200);
        list["results"].as_array().expect("a list").clone()
    };
    eventually("it is listed", async || !listed().await.is_empty()).await;
    let bounced = listed().await.remove(0);
    assert_eq!(bounced["address"], "ann@example.com");
    assert_eq!(bounced["room_id"], json!(ann.room_id));
    let reason = bounced["reason"].as_str().expect("a reason");
    assert!(reason.contains("5.1.1"), "{reason}");

    let address = json!({"address": "ANN@example.com"});
    agent.rest.get(BOUNCED).await.problem(403, "forbidden");
    let refused = agent.rest.delete_with(BOUNCED, address.clone()).await;
    refused.problem(403, "forbidden");
    for _ in 0..2 {
        let allowed = admin.rest.delete_with(BOUNCED, address.clone()).await;
        assert_eq!(allowed.status, 204);
    }
    assert!(listed().await.is_empty());
    // Who did so, once, and nobody's address.
    let audited = "SELECT actor FROM audit WHERE action = 'address_allowed' AND subject IS NULL";
    assert_eq!(server.rows(audited), [[admin.id.clone()]]);

    sink.refuse_recipients(None);
    let again = customer(&server, "ann@example.com").await;
    admin.post(&again.room_id, "Hello again").await;
    assert_eq!(sink.wait_for(1).await[0].recipient, "ann@example.com");
}
