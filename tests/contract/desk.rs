//! The agents' desk: assignees, tags, spam, snoozes, blocks with an end, who looks.

use crate::common::{
    Agent, PushService, Socket, TestServer, Value, Visitor, eventually, json, keys,
    left_out_on_several_nodes, results,
};

async fn patch(agent: &Agent, room: &str, change: Value) -> Value {
    let path = agent.path(room, "");
    agent.rest.patch(&path, change).await.is(200)["summary"].clone()
}

async fn list(agent: &Agent, query: &str) -> Value {
    let path = format!("/api/admin/rooms/{query}");
    agent.rest.get(&path).await.is(200)
}

fn ids(list: &Value) -> Vec<&str> {
    let rooms = results(list).iter();
    rooms
        .map(|room| room["id"].as_str().expect("an id"))
        .collect()
}

#[tokio::test]
async fn the_first_answer_claims_and_of_two_who_claim_one_is_told_who_was_quicker() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("hello").await;
    assert_eq!(ada.summary(&ann.room_id).await["assignee"], Value::Null);
    bob.post(&ann.room_id, "hi").await;
    let summary = ada.summary(&ann.room_id).await;
    assert_eq!(keys(&summary["assignee"]), ["display_name", "id"]);
    assert_eq!(summary["assignee"]["id"], bob.id);

    let claim = json!({"assignee": ada.id, "expect_assignee": null});
    let path = ada.path(&ann.room_id, "");
    let refused = ada.rest.patch(&path, claim.clone()).await;
    let refused = refused.problem(409, "conflict");
    assert_eq!(refused["summary"]["assignee"]["id"], bob.id);
    let given = json!({"assignee": ada.id, "expect_assignee": bob.id});
    let given = patch(&bob, &ann.room_id, given).await;
    assert_eq!(given["assignee"]["id"], ada.id);
    let freed = patch(ada, &ann.room_id, json!({"assignee": null})).await;
    assert_eq!(freed["assignee"], Value::Null);
    let claimed = patch(ada, &ann.room_id, claim).await;
    assert_eq!(claimed["assignee"]["id"], ada.id);
}

#[tokio::test]
async fn a_socket_assigns_and_a_conflict_is_an_error_frame() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("hello").await;
    let mut console = ada.online().await;
    let assign = |to: &str, expected: Value| {
        json!({"type": "assign", "room_id": ann.room_id, "assignee": to,
               "expect_assignee": expected})
    };
    console.send(assign(&bob.id, Value::Null)).await;
    let shown = console
        .expect_where("the assignee", |frame| {
            frame["type"] == "summary" && frame["summary"]["assignee"]["id"] == bob.id
        })
        .await;
    assert_eq!(shown["summary"]["status"], "waiting");
    console.send(assign(&ada.id, Value::Null)).await;
    let error = console.expect_error("conflict").await;
    assert_eq!(error["room_id"], ann.room_id);
    for wrong in [json!("nobody"), json!(7), json!(crate::common::new_id())] {
        let frame = json!({"type": "assign", "room_id": ann.room_id, "assignee": wrong});
        console.send(frame).await;
        console.expect_error("invalid").await;
    }
    let missing = json!({"type": "assign", "room_id": ann.room_id});
    console.send(missing).await;
    console.expect_error("invalid").await;
}

#[tokio::test]
async fn an_agent_off_duty_loses_the_conversation_with_the_customer_s_next_word() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("hello").await;
    bob.post(&ann.room_id, "hi").await;
    let off = json!({"on_duty": false});
    bob.rest.patch("/api/admin/me/", off).await.is(200);
    let summary = ada.summary(&ann.room_id).await;
    assert_eq!(summary["assignee"]["id"], bob.id);
    ann.post("still there?").await;
    assert_eq!(ada.summary(&ann.room_id).await["assignee"], Value::Null);
}

#[tokio::test]
async fn lists_and_counts_know_mine_unassigned_tags_and_spam() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let tag = json!({"name": "Order", "color": "#FF8800"});
    let made = ada.rest.post("/api/admin/tags/", tag.clone()).await.is(201);
    assert_eq!(made["tag"]["color"], "#ff8800");
    let tag_id = made["tag"]["id"].as_str().expect("an id");
    let mut rooms = Vec::new();
    for name in ["Ann", "Ben", "Cid"] {
        let visitor = Visitor::named(&server, name).await;
        visitor.post("hello").await;
        rooms.push(visitor.room_id);
    }
    let mine = json!({"assignee": ada.id, "tags": [tag_id]});
    let summary = patch(ada, &rooms[0], mine).await;
    assert_eq!(summary["tags"], json!([made["tag"]]));
    let spam = patch(&bob, &rooms[2], json!({"spam": true})).await;
    assert_eq!(spam["spam"], true);

    let all = list(ada, "").await;
    assert_eq!(
        all["counts"],
        json!({"waiting": 2, "active": 0, "closed": 0, "mine": 1, "unassigned": 1})
    );
    assert_eq!(ids(&all), [&rooms[1], &rooms[0]]);
    for (query, expected) in [
        ("?assignee=me", &rooms[0..1]),
        ("?assignee=none", &rooms[1..2]),
        (&format!("?assignee={}", bob.id), &[]),
        (&format!("?tag={tag_id}"), &rooms[0..1]),
        (&format!("?tag={tag_id}&q=hello"), &rooms[0..1]),
        ("?spam=true", &rooms[2..3]),
        ("?spam=true&assignee=me", &[]),
    ] {
        eventually(query, async || ids(&list(ada, query).await) == expected).await;
    }
    for (query, field) in [
        ("?assignee=you", "assignee"),
        ("?tag=red", "tag"),
        ("?spam=maybe", "spam"),
    ] {
        let path = format!("/api/admin/rooms/{query}");
        ada.rest.get(&path).await.invalid(field);
    }

    // A tag is renamed and deleted everywhere.
    let path = format!("/api/admin/tags/{tag_id}/");
    bob.rest.delete(&path).await.problem(403, "forbidden");
    let renamed = json!({"name": "Orders"});
    ada.rest.patch(&path, renamed).await.is(200);
    let at_once = !left_out_on_several_nodes("another node knows the tags a moment later");
    if at_once {
        assert_eq!(bob.summary(&rooms[0]).await["tags"][0]["name"], "Orders");
    }
    eventually("the new name", async || {
        bob.summary(&rooms[0]).await["tags"][0]["name"] == "Orders"
    })
    .await;
    let summary = bob.summary(&rooms[0]).await;
    assert_eq!(ada.rest.delete(&path).await.status, 204);
    if at_once {
        assert_eq!(bob.summary(&rooms[0]).await["tags"], json!([]));
    }
    eventually("no tag", async || {
        bob.summary(&rooms[0]).await["tags"] == json!([])
    })
    .await;
    let version = summary["version"].as_u64().expect("a number");
    eventually("the version follows", async || {
        bob.summary(&rooms[0]).await["version"] == version + 1
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("hello").await;
    let before = ada.summary(&ann.room_id).await;
    let disabled = format!("/api/admin/agents/{}/", bob.id);
    let change = json!({"disabled": true});
    ada.rest.patch(&disabled, change).await.is(200);
    let path = ada.path(&ann.room_id, "");
    let unknown = crate::common::new_id();
    for (field, change) in [
        ("assignee", json!({"assignee": unknown})),
        ("assignee", json!({"assignee": bob.id})),
        ("expect_assignee", json!({"expect_assignee": null})),
        ("tags", json!({"tags": [unknown]})),
        ("tags", json!({"tags": vec![unknown.clone(); 21]})),
        (
            "snoozed_until",
            json!({"snoozed_until": "2020-01-01T00:00:00.000Z"}),
        ),
        (
            "blocked_until",
            json!({"blocked_until": "2020-01-01T00:00:00.000Z"}),
        ),
    ] {
        let mut change = change;
        change["spam"] = json!(true);
        ada.rest.patch(&path, change).await.invalid(field);
    }
    assert_eq!(ada.summary(&ann.room_id).await, before);
    for (field, tag) in [
        ("name", json!({"name": " ", "color": "#112233"})),
        ("name", json!({"name": "x".repeat(41), "color": "#112233"})),
        ("color", json!({"name": "x", "color": "red"})),
    ] {
        ada.rest.post("/api/admin/tags/", tag).await.invalid(field);
    }
    let tag = json!({"name": "x", "color": "#112233"});
    ada.rest.post("/api/admin/tags/", tag.clone()).await.is(201);
    let again = ada.rest.post("/api/admin/tags/", tag).await;
    again.problem(409, "conflict");
}

fn in_ms(ms: i64) -> String {
    let time = chrono::Utc::now() + chrono::Duration::milliseconds(ms);
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[tokio::test]
async fn a_snooze_and_a_block_end_when_their_time_comes() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("hello").await;
    let far = in_ms(7 * 24 * 60 * 60 * 1_000);
    let change = json!({"snoozed_until": far, "blocked_until": far});
    let summary = patch(ada, &ann.room_id, change).await;
    assert_eq!(summary["snoozed_until"], far);
    assert_eq!(summary["blocked"], true);
    let blocks = ada.rest.get("/api/admin/blocks/").await.is(200);
    assert_eq!(results(&blocks)[0]["room_id"], ann.room_id);
    assert_eq!(results(&blocks)[0]["blocked_until"], far);
    // On a slow machine the time may have come before it arrives.
    let mut ms = 500;
    loop {
        let soon = in_ms(ms);
        let change = json!({"snoozed_until": soon, "blocked_until": soon});
        let path = ada.path(&ann.room_id, "");
        if ada.rest.patch(&path, change).await.status == 200 {
            break;
        }
        ms *= 2;
    }
    eventually("both have ended", async || {
        let summary = ada.summary(&ann.room_id).await;
        summary["snoozed_until"].is_null() && summary["blocked"] == false
    })
    .await;
    let blocks = ada.rest.get("/api/admin/blocks/").await.is(200);
    assert!(results(&blocks).is_empty());
}

#[tokio::test]
async fn agents_see_who_has_a_room_open() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("hello").await;
    let (mut visitor, _) = ann.connect().await;
    async fn sees(console: &mut Socket, names: &[&str]) {
        let names = json!(names);
        let fits = |frame: &Value| frame["type"] == "viewers" && frame["agents"] == names;
        console.expect_where("the viewers", fits).await;
    }
    let mut first = ada.joined(&ann.room_id).await;
    sees(&mut first, &["Ada Admin"]).await;
    let second = bob.joined(&ann.room_id).await;
    sees(&mut first, &["Ada Admin", "Bob Agent"]).await;
    // Another tab of the same agent is nobody new, and is shown all.
    let mut tab = bob.joined(&ann.room_id).await;
    sees(&mut tab, &["Ada Admin", "Bob Agent"]).await;
    drop(second);
    drop(tab);
    sees(&mut first, &["Ada Admin"]).await;
    // Nothing of it reaches the visitor.
    ada.post(&ann.room_id, "hi").await;
    let frame = visitor.expect_where("the message", |frame| {
        assert_ne!(frame["type"], "viewers");
        frame["type"] == "message"
    });
    assert_eq!(frame.await["message"]["content"], "hi");
}

#[tokio::test]
async fn the_assignee_rings_first_and_spam_and_snoozed_rooms_ring_nobody() {
    let server = TestServer::start_with(|config| {
        config.push.allow_private = true;
        config.alerts.escalate_ms = Some(7 * 24 * 60 * 60 * 1_000);
    })
    .await;
    let service = PushService::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let (hers, his) = (service.device("hers"), service.device("his"));
    for (agent, device) in [(ada, &hers), (&bob, &his)] {
        let made = agent
            .rest
            .post("/api/admin/push/subscriptions/", device.subscription());
        made.await.is(201);
    }
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("first").await;
    hers.has_rung(1).await;
    his.has_rung(1).await;
    bob.post(&ann.room_id, "hi").await;
    ann.post("second").await;
    his.has_rung(2).await;
    // Neither of these rings anybody; the last one rings everybody, so nothing comes after it.
    let spam = Visitor::named(&server, "Spam").await;
    spam.post("buy!").await;
    hers.has_rung(2).await;
    his.has_rung(3).await;
    ada.post(&spam.room_id, "no").await;
    patch(ada, &spam.room_id, json!({"spam": true})).await;
    spam.post("buy now!").await;
    let last = Visitor::named(&server, "Zoe").await;
    last.post("hello").await;
    let hers = hers.has_rung(3).await;
    his.has_rung(4).await;
    let rooms = hers.iter().map(|rung| rung.payload["room_id"].clone());
    assert_eq!(
        rooms.collect::<Vec<_>>(),
        [&ann.room_id, &spam.room_id, &last.room_id].map(|id| json!(id))
    );
}
