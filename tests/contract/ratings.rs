//! What a customer thinks of a conversation: once for each closing.

use crate::common::{TestServer, Value, Visitor, json, new_id};

fn path(visitor: &Visitor) -> String {
    format!("/api/chat/rooms/{}/rating/", visitor.room_id)
}

async fn close(visitor: &Visitor) {
    let closed = visitor.rest.post(&visitor.path("close/"), json!({})).await;
    closed.is(200);
}

async fn ratings(admin: &crate::common::Agent, visitor: &Visitor) -> Value {
    let path = format!("/api/admin/rooms/{}/ratings/", visitor.room_id);
    admin.rest.get(&path).await.is(200)["results"].clone()
}

#[tokio::test]
async fn a_closed_conversation_is_rated_once_and_agents_alone_see_it() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let (mut tab, _) = visitor.connect().await;
    tab.post("hello").await;
    let open: Value = visitor
        .rest
        .post(&path(&visitor), json!({"score": 5}))
        .await
        .is(409);
    assert_eq!(open["code"], "conflict");
    close(&visitor).await;
    let (mut console, _) = admin.connect().await;
    let before = (visitor.room().await, visitor.messages().await);
    let summary = admin.summary(&visitor.room_id).await;

    let given = json!({"score": 5, "comment": " quick\nand kind "});
    let answer: Value = visitor.rest.post(&path(&visitor), given).await.is(201);
    let rating = &answer["rating"];
    let expected = json!({"closing": 2, "score": 5, "comment": "quick\nand kind"});
    for (field, value) in expected.as_object().expect("fields") {
        assert_eq!(&rating[field], value, "{field}");
    }
    assert_eq!(rating["created_at"], rating["changed_at"]);
    let moved = console
        .expect_where("the new version", |frame| {
            frame["type"] == "summary" && frame["summary"]["version"] != summary["version"]
        })
        .await;
    let mut unchanged = moved["summary"].clone();
    unchanged["version"] = summary["version"].clone();
    unchanged["customer_online"] = summary["customer_online"].clone();
    assert_eq!(unchanged, summary, "the version alone has moved");
    assert_eq!((visitor.room().await, visitor.messages().await), before);

    let change = json!({"score": 2, "comment": null});
    let again: Value = visitor.rest.post(&path(&visitor), change).await.is(200);
    assert_eq!(again["rating"]["created_at"], rating["created_at"]);
    let stored = ratings(admin, &visitor).await;
    assert_eq!(stored, json!([again["rating"]]));
    assert_eq!(
        (&stored[0]["score"], &stored[0]["comment"]),
        (&json!(2), &json!(null))
    );

    // The tab has been sent nothing of it: the next frames are those of the next messages.
    tab.post("one more thing").await;
    let reopened = visitor
        .rest
        .post(&path(&visitor), json!({"score": 1}))
        .await;
    reopened.is(409);
    close(&visitor).await;
    let second: Value = visitor
        .rest
        .post(&path(&visitor), json!({"score": 4}))
        .await
        .is(201);
    assert_eq!(second["rating"]["closing"], 4);
    let closings: Vec<Value> = ratings(admin, &visitor)
        .await
        .as_array()
        .expect("a list")
        .iter()
        .map(|rating| rating["closing"].clone())
        .collect();
    assert_eq!(closings, [2, 4]);
}

#[tokio::test]
async fn what_is_no_rating_is_refused() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    close(&visitor).await;
    for (body, field) in [
        (json!({"score": 0}), "score"),
        (json!({"score": 6}), "score"),
        (json!({"score": -1}), "score"),
        (json!({"score": 3, "comment": "x".repeat(1_001)}), "comment"),
        (json!({"score": 3, "comment": "a\u{0}b"}), "comment"),
    ] {
        let refused: Value = visitor
            .rest
            .post(&path(&visitor), body.clone())
            .await
            .is(400);
        assert_eq!(refused["errors"][0]["field"], field, "{body}");
    }
    for body in [
        json!({}),
        json!({"score": "5"}),
        json!({"score": 4.5}),
        json!([5]),
    ] {
        let refused: Value = visitor
            .rest
            .post(&path(&visitor), body.clone())
            .await
            .is(400);
        assert_eq!(refused["code"], "invalid", "{body}");
    }
    let unknown = format!("/api/chat/rooms/{}/rating/", new_id());
    visitor
        .rest
        .post(&unknown, json!({"score": 5}))
        .await
        .is(404);
    let unknown = format!("/api/admin/rooms/{}/ratings/", new_id());
    admin.rest.get(&unknown).await.is(404);
    assert_eq!(ratings(admin, &visitor).await, json!([]));

    let block = format!("/api/admin/rooms/{}/", visitor.room_id);
    admin
        .rest
        .patch(&block, json!({"blocked": true}))
        .await
        .is(200);
    let blocked = visitor
        .rest
        .post(&path(&visitor), json!({"score": 5}))
        .await;
    assert_eq!(blocked.is(403)["code"], "forbidden");
}

#[tokio::test]
async fn two_tabs_that_rate_at_once_make_one_rating() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    close(&visitor).await;
    let path = path(&visitor);
    let rate = |score: u8| visitor.rest.post(&path, json!({"score": score}));
    let answers = tokio::join!(rate(1), rate(2), rate(3), rate(4));
    let mut statuses = [answers.0, answers.1, answers.2, answers.3].map(|answer| answer.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 201]);
    assert_eq!(
        ratings(admin, &visitor).await.as_array().map(Vec::len),
        Some(1)
    );
}
