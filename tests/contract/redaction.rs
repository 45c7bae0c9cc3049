//! Removing the text of one message for good.

use crate::common::{TestServer, Value, Visitor, json, new_id};

#[tokio::test]
async fn the_text_goes_for_everybody_and_the_place_stays() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let (mut tab, _) = visitor.connect().await;
    let id = tab.send_post("my card is 4111").await;
    tab.ack(&id).await;
    tab.post("oh no").await;
    let (mut console, _) = admin.connect().await;
    console
        .send(json!({"type": "join", "room_id": visitor.room_id}))
        .await;
    console.expect("joined").await;

    let path = format!("/api/admin/rooms/{}/messages/1/redact/", visitor.room_id);
    let redacted: Value = admin.rest.post(&path, json!({})).await.is(200);
    let expected = json!({"seq": 1, "content": "", "redacted": true, "id": id});
    for (field, value) in expected.as_object().expect("fields") {
        assert_eq!(&redacted["message"][field], value, "{field}");
    }
    for socket in [&mut tab, &mut console] {
        let frame = socket.expect("redacted").await;
        let expected = json!({"type": "redacted", "room_id": visitor.room_id, "seq": 1});
        assert_eq!(frame, expected);
    }
    admin.rest.post(&path, json!({})).await.is(200);

    // A device that retries what it has not seen acked must not bring the text back.
    for content in ["my card is 4111", "something else"] {
        tab.send(json!({"type": "post", "id": id, "content": content}))
            .await;
        let ack = tab.ack(&id).await;
        assert_eq!((&ack["seq"], &ack["duplicate"]), (&json!(1), &json!(true)));
    }
    let messages = visitor.messages().await;
    assert_eq!(
        (&messages[0]["content"], &messages[0]["redacted"]),
        (&json!(""), &json!(true))
    );
    assert!(messages[1].get("redacted").is_none(), "absent otherwise");

    let (_, resumed) = visitor.connect_with(json!({"after": 2})).await;
    assert_eq!(resumed["redacted"], json!([1]));
    let (_, fresh) = visitor.connect().await;
    assert!(fresh.get("redacted").is_none());
    console
        .send(json!({"type": "join", "room_id": visitor.room_id, "after": 2}))
        .await;
    assert_eq!(console.expect("joined").await["redacted"], json!([1]));
    tab.post("still going").await;
}

#[tokio::test]
async fn only_admins_redact_and_only_what_there_is() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let path = |room: &str, seq: &str| format!("/api/admin/rooms/{room}/messages/{seq}/redact/");
    for seq in ["0", "2", "-1", "x", "18446744073709551615"] {
        let path = path(&visitor.room_id, seq);
        admin.rest.post(&path, json!({})).await.is(404);
    }
    admin
        .rest
        .post(&path(&new_id(), "1"), json!({}))
        .await
        .is(404);
    let own = path(&visitor.room_id, "1");
    visitor.rest.post(&own, json!({})).await.is(401);
    assert_eq!(visitor.messages().await[0]["content"], "hello");
}

#[tokio::test]
async fn a_summary_and_a_search_do_not_show_it_any_more() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("the zymurgist asks").await;
    let (mut console, _) = admin.connect().await;
    let path = format!("/api/admin/rooms/{}/messages/1/redact/", visitor.room_id);
    admin.rest.post(&path, json!({})).await.is(200);
    let summary = console
        .expect_where("the new summary", |frame| {
            frame["type"] == "summary" && frame["summary"]["last_message"]["content"] == ""
        })
        .await;
    assert_eq!(summary["summary"]["status"], "waiting");
    let found: Value = admin
        .rest
        .get("/api/admin/rooms/?q=zymurgist")
        .await
        .is(200);
    assert_eq!(found["results"], json!([]));
}
