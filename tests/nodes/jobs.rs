//! Jobs of admins whose calls reach different nodes.

use crate::common::{Agent, Nodes, Value, Visitor, eventually, json};
use crate::for_each_bus;

/// The admin at each node.
async fn admins(nodes: &Nodes) -> [Agent; 3] {
    let admin = nodes.at(0).admin().await;
    [0, 1, 2].map(|at| admin.on(nodes.at(at)))
}

async fn start(admin: &Agent, request: Value) -> String {
    let started = admin.rest.post("/api/admin/jobs/", request).await.is(201);
    started["job"]["id"].as_str().expect("an id").to_owned()
}

/// Waits for a job's end, as this node sees it.
async fn ended(admin: &Agent, id: &str) -> Value {
    let path = format!("/api/admin/jobs/{id}/");
    eventually("the job ends", async || {
        admin.rest.get(&path).await.is(200)["job"]["state"] != "running"
    })
    .await;
    admin.rest.get(&path).await.is(200)["job"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_one_node_is_shown_and_its_file_handed_out_by_all_until_an_erasure() {
    for_each_bus(async |nodes| {
        let ann = Visitor::arrive_with(
            nodes.at(0),
            json!({"customer_name": "Ann", "customer_email": "ann@example.com"}),
        )
        .await;
        ann.post("to be exported").await;
        let admins = admins(nodes).await;
        let export = start(&admins[0], json!({"kind": "export"})).await;
        let path = format!("/api/admin/jobs/{export}/file/");
        let mut files = Vec::new();
        for admin in &admins {
            assert_eq!(ended(admin, &export).await["state"], "done");
            let list = admin.rest.get("/api/admin/jobs/").await.is(200);
            assert_eq!(list["results"][0]["id"], export);
            let file = admin.rest.get(&path).await;
            assert_eq!(file.status, 200);
            assert!(file.text.contains("to be exported"), "{}", file.text);
            files.push(file.text);
        }
        assert!(files[1] == files[0] && files[2] == files[0]);

        let erase = json!({"kind": "erase", "who": "email:ann@example.com"});
        let erase = start(&admins[1], erase).await;
        assert_eq!(ended(&admins[2], &erase).await["state"], "done");
        for admin in &admins {
            assert_eq!(admin.rest.get(&path).await.status, 410);
            let receipt = format!("/api/admin/jobs/{erase}/file/");
            let receipt = admin.rest.get(&receipt).await;
            assert_eq!(receipt.status, 200);
            assert!(receipt.text.contains("\"rooms\""), "{}", receipt.text);
        }
    })
    .await;
}
