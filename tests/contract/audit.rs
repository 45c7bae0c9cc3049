//! Each change of accounts and customers is in the audit once, with its principal.

use crate::common::{PASSWORD, TestServer, Visitor, json};

#[tokio::test]
async fn each_action_has_one_row_naming_the_principal() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let mia = server.agent("mia", "agent").await;
    let patch = async |path: String, body| admin.rest.patch(&path, body).await.is(200);
    patch(
        format!("/api/admin/agents/{}/", mia.id),
        json!({"role": "admin"}),
    )
    .await;
    patch(
        format!("/api/admin/agents/{}/", mia.id),
        json!({"disabled": true}),
    )
    .await;
    for blocked in [true, true, false] {
        patch(
            admin.path(&visitor.room_id, ""),
            json!({"blocked": blocked}),
        )
        .await;
    }
    server
        .rest()
        .post(
            "/api/admin/login/",
            json!({"username": "ada", "password": "wrong password"}),
        )
        .await
        .problem(401, "bad_credentials");
    let session = server.sign_in("ada", PASSWORD).await;
    let token = session["token"].as_str().expect("a token");
    server
        .rest()
        .bearer(token)
        .post("/api/admin/logout/", json!({}))
        .await
        .is(204);
    let rows = server.rows("SELECT action, actor, subject FROM audit ORDER BY pk");
    let deeds: Vec<(&str, bool)> = rows
        .iter()
        .map(|row| (row[0].as_str(), row[1] == admin.id))
        .collect();
    assert_eq!(
        deeds,
        [
            ("setup", false),
            ("agent_added", true),
            ("sign_in", false),
            ("role_changed", true),
            ("agent_disabled", true),
            ("visitor_blocked", true),
            ("visitor_blocked", true),
            ("sign_in", true),
            ("sign_out", true),
        ],
        "{rows:?}"
    );
    let whole = format!("{rows:?}");
    assert!(
        !whole.contains(PASSWORD) && !whole.contains(token),
        "{whole}"
    );
}
