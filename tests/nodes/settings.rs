//! Settings that an admin changes on another node.

use serde_json::json;

use crate::common::{DEADLINE, Visitor};
use crate::for_each_bus;

const PATH: &str = "/api/admin/settings/";

#[tokio::test(flavor = "multi_thread")]
async fn settings_hold_on_every_node_and_of_two_changes_at_once_one_is_made() {
    for_each_bus(async |nodes| {
        let admin = nodes.at(0).admin().await;
        let there = admin.on(nodes.at(1));
        let rename = |name: &str| json!({"version": 0, "shop": {"name": name}});
        let (one, two) = tokio::join!(
            admin.rest.patch(PATH, rename("one")),
            there.rest.patch(PATH, rename("two")),
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let made = [one, two].into_iter().find(|made| made.status == 200);
        let made = made.expect("one was made").json();
        for node in [0, 1, 2] {
            let rest = &admin.on(nodes.at(node)).rest;
            assert_eq!(rest.get(PATH).await.is(200), made);
        }
        // Nobody asks the third node for the settings: it follows by itself.
        let visitor = Visitor::named(nodes.at(2), "Ann").await;
        let shop = json!({"closed_until": "2999-01-01T00:00:00Z"});
        let close = json!({"version": 1, "shop": shop});
        admin.rest.patch(PATH, close).await.is(200);
        let followed = async {
            while visitor.connect().await.1["open"] == true {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let followed = tokio::time::timeout(DEADLINE, followed).await;
        followed.expect("the third node follows");
    })
    .await;
}
