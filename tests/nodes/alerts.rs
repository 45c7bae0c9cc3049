//! Of several nodes, one rings.

use serde_json::json;

use crate::common::{Nodes, PushService, Visitor};

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_done_once_and_goes_on_when_a_node_stops() {
    let settings = |config: &mut shoptalk::config::Config| {
        config.push.allow_private = true;
        config.alerts.escalate_ms = Some(500);
    };
    let Some(mut nodes) = Nodes::start_with(3, settings).await else {
        return;
    };
    let service = PushService::start().await;
    let phone = service.device("phone");
    let admin = nodes.at(0).admin().await;
    // All make a key at the same time, and one stays.
    let agents = [
        admin.on(nodes.at(0)),
        admin.on(nodes.at(1)),
        admin.on(nodes.at(2)),
    ];
    let key = async |index: usize| agents[index].rest.get("/api/admin/push/key/").await.is(200);
    let (first, second, third) = tokio::join!(key(0), key(1), key(2));
    assert_eq!([&second, &third], [&first; 2]);
    let subscription = phone.subscription();
    let made = admin
        .rest
        .post("/api/admin/push/subscriptions/", subscription);
    made.await.is(201);

    for (index, rung_before) in [(0, 0), (1, 2), (2, 4)] {
        let customer = Visitor::named(nodes.at(index), "Ann").await;
        customer.post("Hello?").await;
        // Both steps, and nothing else of this conversation or of the ones before.
        let rung = phone.has_rung(rung_before + 2).await;
        assert_eq!(rung.len(), rung_before + 2);
        for step in &rung[rung_before..] {
            assert_eq!(step.payload["room_id"], json!(customer.room_id));
        }
    }
    // Whichever node did it, the one that is left takes over once the lease has ended. By then both
    // rings may be due, which are one.
    nodes.stop(0).await;
    nodes.stop(1).await;
    let customer = Visitor::named(nodes.at(2), "Bea").await;
    customer.post("Hello?").await;
    let rung = phone.has_rung(7).await;
    assert_eq!(rung[6].payload["room_id"], json!(customer.room_id));
}
