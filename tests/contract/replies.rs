//! Canned replies: shared ones and one's own.

use crate::common::{Rest, TestServer, eventually, json, keys, results};

#[tokio::test]
async fn an_admin_s_shared_reply_is_everybody_s_and_an_own_one_is_one_s_own() {
    let server = TestServer::start().await;
    let admin = &server.admin().await.rest;
    let tom = &server.agent("tom", "agent").await.rest;
    let shared = json!({"shortcut": "/Hi", "title": "Greeting", "content": "Hello {{customer_name|there}}", "shared": true});
    let made = admin
        .post("/api/admin/replies/", shared.clone())
        .await
        .is(201);
    assert_eq!(
        keys(&made["reply"]),
        ["content", "id", "shared", "shortcut", "title"]
    );
    assert_eq!(made["reply"]["shortcut"], "Hi");
    tom.post("/api/admin/replies/", shared)
        .await
        .problem(403, "forbidden");
    let own = json!({"shortcut": "bye", "content": "Goodbye"});
    let own = tom.post("/api/admin/replies/", own).await.is(201);
    assert_eq!(own["reply"]["shared"], false);
    let shortcuts = async |agent: &Rest| -> Vec<String> {
        let list = agent.get("/api/admin/replies/").await.is(200);
        let list = results(&list).iter();
        list.map(|reply| reply["shortcut"].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(shortcuts(admin).await, ["Hi"]);
    assert_eq!(shortcuts(tom).await, ["bye", "Hi"]);

    let path = format!(
        "/api/admin/replies/{}/",
        own["reply"]["id"].as_str().expect("an id")
    );
    admin
        .patch(&path, json!({"title": "?"}))
        .await
        .problem(404, "not_found");
    let changed = tom.patch(&path, json!({"title": "Farewell"})).await.is(200);
    assert_eq!(changed["reply"]["title"], "Farewell");
    assert_eq!(changed["reply"]["content"], "Goodbye");
    assert_eq!(tom.delete(&path).await.status, 204);
    tom.delete(&path).await.problem(404, "not_found");
    let shared = format!(
        "/api/admin/replies/{}/",
        made["reply"]["id"].as_str().expect("an id")
    );
    tom.delete(&shared).await.problem(403, "forbidden");
    assert_eq!(admin.delete(&shared).await.status, 204);
    assert!(shortcuts(tom).await.is_empty());
}

#[tokio::test]
async fn a_doubled_shortcut_and_bad_fields_are_refused() {
    let server = TestServer::start().await;
    let admin = &server.admin().await.rest;
    let reply = json!({"shortcut": "hi", "content": "Hello"});
    let made = admin
        .post("/api/admin/replies/", reply.clone())
        .await
        .is(201);
    let doubled = json!({"shortcut": "/HI", "content": "Hello", "shared": true});
    for reply in [reply, doubled] {
        let refused = admin.post("/api/admin/replies/", reply).await;
        refused.problem(409, "conflict");
    }
    for (field, value) in [
        ("shortcut", json!("")),
        ("shortcut", json!("two words")),
        ("shortcut", json!("x".repeat(51))),
        ("title", json!("x".repeat(101))),
        ("content", json!(" ")),
        ("content", json!("x".repeat(8_001))),
    ] {
        let mut reply = json!({"shortcut": "other", "content": "Hello"});
        reply[field] = value.clone();
        admin
            .post("/api/admin/replies/", reply)
            .await
            .invalid(field);
        let path = format!(
            "/api/admin/replies/{}/",
            made["reply"]["id"].as_str().expect("an id")
        );
        let mut change = json!({});
        change[field] = value;
        admin.patch(&path, change).await.invalid(field);
    }
}

#[tokio::test]
async fn every_agent_gets_the_hours_of_the_shop_beside_the_replies() {
    let server = TestServer::start().await;
    let admin = &server.admin().await.rest;
    let tom = &server.agent("tom", "agent").await.rest;
    let hours = async || tom.get("/api/admin/replies/").await.is(200)["hours"].clone();
    assert_eq!(hours().await, json!([]));
    let week = json!([{"day": "mon", "from": "09:00", "to": "17:00"}]);
    let version = admin.get("/api/admin/settings/").await.is(200)["version"].clone();
    let change = json!({"version": version, "shop": {"hours": week}});
    admin.patch("/api/admin/settings/", change).await.is(200);
    // Another node sees it a moment later.
    eventually("they are there", async || hours().await == week).await;
}
