//! Notes among agents: an order of their own, exact resume, safe retries.

use crate::common::{
    Agent, Device, PushService, Rung, Socket, TestServer, Value, Visitor, eventually, json, keys,
    new_id, next_page,
};

async fn write(agent: &Agent, room: &str, content: &str) -> Value {
    let note = json!({"id": new_id(), "content": content});
    let written = agent.rest.post(&agent.path(room, "notes/"), note).await;
    written.is(201)["note"].clone()
}

async fn join(console: &mut Socket, room: &str, fields: Value) -> Value {
    let mut frame = json!({"type": "join", "room_id": room});
    for (name, value) in fields.as_object().expect("fields") {
        frame[name] = value.clone();
    }
    console.send(frame).await;
    console.expect("joined").await
}

/// The numbers of notes, in their order.
fn numbers(notes: &Value) -> Vec<u64> {
    let notes = notes.as_array().expect("notes");
    let numbers = notes.iter().map(|note| note["no"].as_u64());
    numbers.map(|no| no.expect("a number")).collect()
}

#[tokio::test]
async fn a_note_is_stored_once_whatever_is_retried() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let path = admin.path(&visitor.room_id, "notes/");
    let note = json!({"id": new_id(), "content": "  she wants\na refund "});
    let first = admin.rest.post(&path, note.clone()).await.is(201)["note"].clone();
    assert_eq!(
        keys(&first),
        [
            "after_seq",
            "agent_id",
            "agent_name",
            "content",
            "created_at",
            "id",
            "no",
            "room_id",
        ]
    );
    for (field, value) in [
        ("id", &note["id"]),
        ("content", &note["content"]),
        ("room_id", &json!(visitor.room_id)),
        ("no", &json!(1)),
        ("after_seq", &json!(1)),
        ("agent_id", &json!(admin.id)),
        ("agent_name", &json!("Ada Admin")),
    ] {
        assert_eq!(&first[field], value, "{field}");
    }
    let again: Value = admin.rest.post(&path, note.clone()).await.is(200);
    assert_eq!(again["note"], first);
    let other = json!({"id": note["id"], "content": "something else"});
    admin.rest.post(&path, other).await.problem(409, "conflict");
    let listed: Value = admin.rest.get(&path).await.is(200);
    assert_eq!(listed, json!({"results": [first], "next": null}));
}

#[tokio::test]
async fn what_is_no_note_is_refused_and_only_agents_may_write_or_read_any() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let path = admin.path(&visitor.room_id, "notes/");
    let post = |body| admin.rest.post(&path, body);
    for (body, field) in [
        (json!({"id": "x", "content": "a"}), "id"),
        (json!({"id": new_id(), "content": " \n"}), "content"),
        (json!({"id": new_id(), "content": "a\0"}), "content"),
    ] {
        post(body).await.invalid(field);
    }
    let long = |chars| json!({"id": new_id(), "content": "\u{e4}".repeat(chars)});
    post(long(8_000)).await.is(201);
    post(long(8_001)).await.problem(413, "too_large");
    for limit in ["0", "201"] {
        let listed = admin.rest.get(&format!("{path}?limit={limit}")).await;
        listed.invalid("limit");
    }
    let nowhere = admin.path(&new_id(), "notes/");
    admin
        .rest
        .post(&nowhere, long(1))
        .await
        .problem(404, "not_found");
    admin.rest.get(&nowhere).await.problem(404, "not_found");
    for rest in [&visitor.rest, &server.rest()] {
        rest.get(&path).await.problem(401, "unauthorized");
        rest.post(&path, long(1)).await.problem(401, "unauthorized");
    }
    let mut tab = visitor.online().await;
    let frame = json!({"type": "note", "id": new_id(), "room_id": visitor.room_id, "content": "a"});
    tab.send(frame).await;
    tab.expect_error("bad_frame").await;
}

#[tokio::test]
async fn joined_agents_get_a_note_at_once_and_everybody_else_nothing() {
    let server = TestServer::start().await;
    let (admin, agent) = (server.admin().await, server.agent("tom", "agent").await);
    let visitor = Visitor::arrive(&server).await;
    let mut tab = visitor.online().await;
    tab.post("hello").await;
    let room = &visitor.room_id;
    let mut writer = admin.joined(room).await;
    let mut reader = agent.joined(room).await;
    let mut outside = agent.online().await;
    let id = new_id();
    let frame = json!({"type": "note", "room_id": room, "id": id, "content": "mine"});
    for duplicate in [false, true] {
        writer.send(frame.clone()).await;
        let noted = writer.expect("noted").await;
        let expected = json!({"type": "noted", "room_id": room, "id": id, "no": 1,
                              "duplicate": duplicate});
        assert_eq!(noted, expected);
    }
    let mut other = frame.clone();
    other["content"] = json!("yours");
    writer.send(other).await;
    let error = writer.expect_error("conflict").await;
    assert_eq!(
        (&error["id"], &error["retryable"]),
        (&json!(id), &json!(false))
    );
    let expected = json!([1, "mine", admin.id, "Ada Admin", 1]);
    for socket in [&mut writer, &mut reader] {
        let frame = socket.expect("note").await;
        assert_eq!(frame["room_id"], json!(room));
        let note = &frame["note"];
        let got = ["no", "content", "agent_id", "agent_name", "after_seq"];
        assert_eq!(json!(got.map(|field| note[field].clone())), expected);
    }
    // What comes after it shows that nothing of it came.
    tab.post("still here").await;
    outside
        .expect_where("the newest summary", |frame| {
            frame["type"] == "summary" && frame["summary"]["last_seq"] == 2
        })
        .await;
    for socket in [&mut writer, &mut reader] {
        socket
            .expect_where("the message", |frame| frame["message"]["seq"] == 2)
            .await;
        assert_eq!(socket.count_in_inbox("note"), 0, "a duplicate tells nobody");
    }
    for socket in [&mut tab, &mut outside] {
        let frames = socket.take_inbox();
        assert!(!json!(frames).to_string().contains("mine"), "{frames:?}");
    }
}

#[tokio::test]
async fn a_note_moves_the_version_of_its_room_and_nothing_else_of_its_summary() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let (mut console, _) = admin.connect().await;
    let before = admin.summary(&visitor.room_id).await;
    write(admin, &visitor.room_id, "mine").await;
    let moved = console
        .expect_where("the new summary", |frame| {
            frame["type"] == "summary" && frame["summary"]["version"] != before["version"]
        })
        .await;
    let mut expected = before.clone();
    expected["version"] = json!(before["version"].as_u64().expect("a version") + 1);
    assert_eq!(moved["summary"], expected);
    assert_eq!(admin.summary(&visitor.room_id).await, expected);
}

#[tokio::test]
async fn a_join_brings_the_notes_of_its_page_or_all_newer_ones() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let room = visitor.room_id.clone();
    let admin = server.admin().await;
    for count in 1..=4 {
        write(admin, &room, &format!("before {count}")).await;
        visitor.post(&format!("message {count}")).await;
    }
    write(admin, &room, "the last").await;
    for round in ["live", "after a restart"] {
        let visitor = visitor.on(&server);
        let (mut console, welcome) = server.admin().await.connect().await;
        let epoch = welcome["epoch"].clone();
        let joined = join(&mut console, &room, json!({})).await;
        assert_eq!(numbers(&joined["notes"]), [1, 2, 3, 4, 5], "{round}");
        let end = |joined: &Value| json!([joined["last_note"], joined["notes_more"]]);
        assert_eq!(end(&joined), json!([5, false]));
        let joined = join(&mut console, &room, json!({"tail": 2})).await;
        assert_eq!(numbers(&joined["notes"]), [4, 5], "from message 3 on");
        let joined = join(&mut console, &room, json!({"tail": 0})).await;
        assert_eq!(numbers(&joined["notes"]), [0; 0]);
        assert_eq!(end(&joined), json!([5, false]));
        for after in 0..=5 {
            let resume = json!({"epoch": epoch, "after": 4, "after_note": after});
            let joined = join(&mut console, &room, resume).await;
            let expected: Vec<u64> = (after + 1..=5).collect();
            assert_eq!(numbers(&joined["notes"]), expected, "{round}");
        }
        // Of another epoch, a number means nothing.
        let resume = json!({"epoch": "another", "after": 4, "after_note": 4});
        let joined = join(&mut console, &room, resume).await;
        assert_eq!(joined["recovered"], false);
        assert_eq!(numbers(&joined["notes"]), [1, 2, 3, 4, 5]);
        let older = json!({"type": "history", "room_id": room, "before": 4, "limit": 2});
        console.send(older).await;
        let history = console.expect("history").await;
        assert_eq!(numbers(&history["notes"]), [3, 4], "behind 2 and 3");
        assert_eq!(history["notes_more"], false);
        drop(visitor);
        if round == "live" {
            server.restart().await;
        }
    }
}

#[tokio::test]
async fn notes_that_do_not_fit_into_a_frame_follow_it_each_once_and_in_order() {
    let server = TestServer::start_with(|config| config.limits.enabled = false).await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let room = &visitor.room_id;
    visitor.post("hello").await;
    let mut writer = admin.joined(room).await;
    for count in 1..=410 {
        let content = format!("note {count}");
        let note = json!({"type": "note", "room_id": room, "id": new_id(), "content": content});
        writer.send(note).await;
        assert_eq!(writer.expect("noted").await["no"], count);
    }
    let mut last = 410;
    for (fields, first) in [
        (json!({}), 1),
        (json!({"after": 1, "after_note": 150}), 151),
    ] {
        let mut console = admin.online().await;
        let joined = join(&mut console, room, fields).await;
        let mut got = numbers(&joined["notes"]);
        assert_eq!((got.len(), &joined["notes_more"]), (200, &json!(true)));
        assert_eq!(joined["last_note"], last);
        last += 1;
        write(admin, room, "live").await;
        while got.last() < Some(&last) {
            let note = console.expect("note").await;
            got.push(note["note"]["no"].as_u64().expect("a number"));
        }
        assert_eq!(got, (first..=last).collect::<Vec<_>>());
    }
    let mut path = Some(format!("{}?limit=200", admin.path(room, "notes/")));
    let mut got = Vec::new();
    while let Some(page) = path {
        let listed: Value = admin.rest.get(&page).await.is(200);
        got.extend(numbers(&listed["results"]));
        path = next_page(&listed)
            .map(|next| format!("{}?limit=200&after={next}", admin.path(room, "notes/")));
    }
    assert_eq!(got, (1..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn long_notes_beside_long_messages_keep_the_frame_within_its_limit() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let long = "\u{1}a".repeat(4_000);
    for _ in 0..3 {
        visitor.post(&long).await;
        write(admin, &visitor.room_id, &long).await;
    }
    let mut console = admin.online().await;
    let joined = join(&mut console, &visitor.room_id, json!({})).await;
    assert!(joined.to_string().len() <= 128 * 1024);
    let mut got = numbers(&joined["notes"]);
    assert_eq!(joined["notes_more"], true);
    while got.len() < 3 {
        let note = console.expect("note").await;
        got.push(note["note"]["no"].as_u64().expect("a number"));
    }
    assert_eq!(got, [1, 2, 3]);
}

#[tokio::test]
async fn a_mention_rings_that_agent_if_on_duty_and_nobody_else() {
    let server = TestServer::start_with(|config| config.push.allow_private = true).await;
    let service = PushService::start().await;
    let (ada, tom) = (server.admin().await, server.agent("tom", "agent").await);
    let eve = server.agent("eve", "agent").await;
    let devices = ["ada's", "tom's", "eve's"].map(|name| service.device(name));
    for (agent, device) in [ada, &tom, &eve].into_iter().zip(&devices) {
        let path = "/api/admin/push/subscriptions/";
        agent.rest.post(path, device.subscription()).await.is(201);
    }
    let off = json!({"on_duty": false});
    eve.rest.patch("/api/admin/me/", off).await.is(200);
    let visitor = Visitor::arrive(&server).await;
    // A customer who waits rings, too; this one does not.
    visitor.post("hello").await;
    ada.post(&visitor.room_id, "Good day").await;
    let before = service.count();
    write(
        ada,
        &visitor.room_id,
        "mail@tom.example is not his, @ada knows",
    )
    .await;
    write(ada, &visitor.room_id, "ask @Tom, not @eve").await;
    let [_, toms, _] = &devices;
    let rung = eventually_rung(toms, "ask @Tom, not @eve").await;
    assert_eq!(rung.payload["title"], "Ada Admin");
    assert_eq!(rung.payload["room_id"], json!(visitor.room_id));
    let mentions = |device: &Device| {
        let rung = device.rung().into_iter();
        rung.filter(|rung| rung.payload["title"] == "Ada Admin")
            .count()
    };
    assert_eq!(devices.each_ref().map(mentions), [0, 1, 0]);
    assert!(service.count() > before);
}

/// What a device was rung with, once that has this text.
async fn eventually_rung(device: &Device, text: &str) -> Rung {
    eventually("it rings", async || {
        device
            .rung()
            .iter()
            .any(|rung| rung.payload["body"] == text)
    })
    .await;
    let rung = device.rung().into_iter();
    let mut rung = rung.filter(|rung| rung.payload["body"] == text);
    rung.next().expect("it was just there")
}

#[tokio::test]
async fn agents_see_who_wrote_a_message_and_visitors_do_not() {
    let server = TestServer::start().await;
    let (admin, agent) = (server.admin().await, server.agent("tom", "agent").await);
    let visitor = Visitor::arrive(&server).await;
    let room = &visitor.room_id;
    let (mut tab, _) = visitor.connect().await;
    let mut console = admin.joined(room).await;
    tab.post("hello").await;
    let posted = agent.post(room, "good morning").await;
    assert_eq!(posted["agent_id"], json!(agent.id));
    let close = json!({"type": "status", "room_id": room, "status": "closed"});
    console.send(close).await;
    let expected = json!([null, agent.id, admin.id]);
    let ids = |messages: Vec<Value>| {
        let ids = messages.iter().map(|message| message["agent_id"].clone());
        json!(ids.collect::<Vec<_>>())
    };
    assert_eq!(ids(console.messages(3).await), expected, "pushed");
    let listed: Value = admin.rest.get(&admin.path(room, "messages/")).await.is(200);
    let of = |page: &Value| ids(page.as_array().expect("a page").clone());
    assert_eq!(of(&listed["results"]), expected, "listed");
    let joined = join(&mut console, room, json!({"after": 0})).await;
    assert_eq!(of(&joined["messages"]), expected, "joined");
    let history = json!({"type": "history", "room_id": room, "before": 4});
    console.send(history).await;
    let history = console.expect("history").await;
    assert_eq!(of(&history["messages"]), expected, "history");
    for message in tab.messages(3).await {
        assert!(message.get("agent_id").is_none(), "{message}");
    }
}
