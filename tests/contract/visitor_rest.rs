//! The visitor's API over REST.

use crate::common::{TestServer, Visitor, json, keys, new_id, next_page, results, seqs};

const ROOM_FIELDS: [&str; 13] = [
    "admin_read_seq",
    "created_at",
    "customer_email",
    "customer_name",
    "customer_phone",
    "customer_read_seq",
    "id",
    "last_message_at",
    "last_seq",
    "page_url",
    "status",
    "updated_at",
    "user",
];

const MESSAGE_FIELDS: [&str; 9] = [
    "content",
    "created_at",
    "event",
    "id",
    "is_read",
    "room_id",
    "sender_name",
    "sender_type",
    "seq",
];

#[tokio::test]
async fn new_visitor_gets_a_room_and_a_token() {
    let server = TestServer::start().await;
    let body = json!({
        "customer_name": "  Carla ",
        "customer_email": "carla@example.com",
        "customer_phone": "",
        "page_url": "https://shop.example/socks",
    });
    let opened = server.rest().post("/api/chat/rooms/", body).await.is(201);
    let room = &opened["room"];
    assert_eq!(keys(room), ROOM_FIELDS);
    assert_eq!(room["status"], "active");
    assert_eq!(room["customer_name"], "Carla");
    assert_eq!(room["customer_email"], "carla@example.com");
    assert!(room["customer_phone"].is_null(), "empty means absent");
    assert_eq!(room["page_url"], "https://shop.example/socks");
    assert!(room["user"].is_null());
    assert!(room["last_message_at"].is_null());
    for mark in ["last_seq", "customer_read_seq", "admin_read_seq"] {
        assert_eq!(room[mark], 0, "{mark}");
    }
    let token = opened["token"].as_str().expect("a token");
    assert!(token.len() >= 22, "a token holds at least 128 bits");
    assert!(opened["epoch"].as_str().is_some_and(|it| !it.is_empty()));
    let id: uuid::Uuid = room["id"].as_str().expect("an id").parse().expect("a UUID");
    assert_eq!(room["id"], id.hyphenated().to_string(), "in lower case");
    assert_eq!(id.get_version_num(), 7);
}

#[tokio::test]
async fn times_are_rfc_3339_in_utc_with_milliseconds() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let message = visitor.post("hello").await;
    let room = visitor.room().await;
    for time in [
        &message["created_at"],
        &room["created_at"],
        &room["updated_at"],
        &room["last_message_at"],
    ] {
        let text = time.as_str().expect("a time");
        let shape: String = text
            .chars()
            .map(|char| if char.is_ascii_digit() { '0' } else { char })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
    }
}

#[tokio::test]
async fn a_token_finds_the_open_room_again_and_brings_no_other_token() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let again = visitor
        .rest
        .post("/api/chat/rooms/", json!({}))
        .await
        .is(200);
    assert_eq!(again["room"]["id"], visitor.room_id);
    assert_eq!(again["epoch"], visitor.epoch);
    assert!(again["token"].is_null(), "a 200 by token has no token");
    let alone = visitor.rest.get(&visitor.path("")).await.is(200);
    assert_eq!(alone["room"]["id"], visitor.room_id);
    assert_eq!(alone["epoch"], visitor.epoch);
}

#[tokio::test]
async fn visitor_lists_only_own_rooms_newest_first() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    Visitor::arrive(&server).await.post("somebody else").await;
    visitor.post("first").await;
    visitor
        .rest
        .post(&visitor.path("close/"), json!({}))
        .await
        .is(200);
    let second = visitor
        .rest
        .post("/api/chat/rooms/", json!({}))
        .await
        .is(201);
    assert_ne!(second["room"]["id"], visitor.room_id);
    assert!(second["token"].is_string(), "every 201 brings a token");
    let list = visitor.rest.get("/api/chat/rooms/").await.is(200);
    let ids: Vec<_> = results(&list)
        .iter()
        .map(|room| room["id"].clone())
        .collect();
    assert_eq!(ids, [second["room"]["id"].clone(), json!(visitor.room_id)]);
    assert_eq!(
        keys(&results(&list)[0]),
        ROOM_FIELDS,
        "no more than the visitor's fields"
    );

    let page = visitor.rest.get("/api/chat/rooms/?limit=1").await.is(200);
    assert_eq!(results(&page).len(), 1);
    let next = next_page(&page).expect("there is another room");
    let page = visitor
        .rest
        .get(&format!("/api/chat/rooms/?limit=1&cursor={next}"))
        .await
        .is(200);
    assert_eq!(results(&page)[0]["id"], visitor.room_id);
    assert_eq!(next_page(&page), None);
}

#[tokio::test]
async fn messages_are_paged_in_both_directions() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    for number in 1..=7 {
        visitor.post(&format!("message {number}")).await;
    }
    let get = async |query: &str| {
        let list = visitor
            .rest
            .get(&visitor.path(&format!("messages/{query}")))
            .await
            .is(200);
        results(&list);
        list
    };
    let all = get("").await;
    assert_eq!(seqs(&all["results"]), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(keys(&all["results"][0]), MESSAGE_FIELDS);
    assert_eq!(all["results"][2]["content"], "message 3");
    assert_eq!(all["results"][2]["room_id"], visitor.room_id);
    assert_eq!(all["results"][2]["sender_type"], "customer");
    assert!(all["results"][2]["event"].is_null());

    assert_eq!(
        seqs(&get("?limit=2").await["results"]),
        [6, 7],
        "the last ones"
    );

    let page = get("?after=2&limit=3").await;
    assert_eq!(seqs(&page["results"]), [3, 4, 5]);
    let next = next_page(&page).expect("there are more");
    let page = get(&format!("?after={next}&limit=3")).await;
    assert_eq!(seqs(&page["results"]), [6, 7]);
    assert_eq!(next_page(&page), None);

    let page = get("?before=6&limit=3").await;
    assert_eq!(seqs(&page["results"]), [3, 4, 5]);
    let next = next_page(&page).expect("there are older ones");
    let page = get(&format!("?before={next}&limit=3")).await;
    assert_eq!(seqs(&page["results"]), [1, 2]);
    assert_eq!(next_page(&page), None);

    assert_eq!(seqs(&get("?after=7").await["results"]), [0_u64; 0]);
    assert_eq!(seqs(&get("?after=0&limit=200").await["results"]).len(), 7);
}

#[tokio::test]
async fn a_page_of_long_messages_ends_at_128_kib_but_holds_at_least_one() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    // Four bytes a character: about 32 KB each, so that fewer than ten fit.
    let long = "😀".repeat(8_000);
    for _ in 0..10 {
        visitor.post(&long).await;
    }
    let page = visitor
        .rest
        .get(&visitor.path("messages/?after=0&limit=200"))
        .await;
    assert!(page.text.len() < 140 * 1024, "{} bytes", page.text.len());
    let page = page.is(200);
    let got = seqs(&page["results"]);
    assert!((1..10).contains(&got.len()), "{got:?}");
    let next = next_page(&page).expect("the rest");
    let rest = visitor
        .rest
        .get(&visitor.path(&format!("messages/?after={next}&limit=200")))
        .await
        .is(200);
    assert_eq!(seqs(&rest["results"])[0], got.len() as u64 + 1);
}

#[tokio::test]
async fn a_post_is_created_once_and_its_retry_finds_it() {
    let server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Carla").await;
    let id = new_id();
    let body = json!({"id": id.to_uppercase(), "content": "  hello\nworld 😀 "});
    let path = visitor.path("messages/");
    let first = visitor.rest.post(&path, body.clone()).await.is(201);
    assert_eq!(keys(&first["message"]), MESSAGE_FIELDS);
    assert_eq!(first["message"]["id"], id, "ids are answered in lower case");
    assert_eq!(first["message"]["seq"], 1);
    assert_eq!(
        first["message"]["content"], "  hello\nworld 😀 ",
        "stored as sent"
    );
    assert_eq!(first["message"]["sender_name"], "Carla");
    assert_eq!(first["message"]["is_read"], false);
    let second = visitor.rest.post(&path, body).await.is(200);
    assert_eq!(second["message"], first["message"]);
    visitor
        .rest
        .post(&path, json!({"id": id, "content": "something else"}))
        .await
        .problem(409, "conflict");
    assert_eq!(visitor.messages().await.len(), 1);
}

#[tokio::test]
async fn reusing_an_id_from_the_other_side_is_a_conflict() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let body = json!({"id": new_id(), "content": "the same words"});
    visitor
        .rest
        .post(&visitor.path("messages/"), body.clone())
        .await
        .is(201);
    admin
        .rest
        .post(&admin.path(&visitor.room_id, "messages/"), body.clone())
        .await
        .problem(409, "conflict");

    let other = Visitor::arrive(&server).await;
    other
        .rest
        .post(&other.path("messages/"), body)
        .await
        .is(201);
}

#[tokio::test]
async fn content_is_counted_in_characters() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let post = async |content: &str| {
        visitor
            .rest
            .post(
                &visitor.path("messages/"),
                json!({"id": new_id(), "content": content}),
            )
            .await
    };
    post(&"ä".repeat(8_000)).await.is(201);
    post(&"ä".repeat(8_001)).await.problem(413, "too_large");
    for wrong in ["", " \n\t", "a\0b"] {
        post(wrong).await.invalid("content");
    }
    visitor
        .rest
        .post(
            &visitor.path("messages/"),
            json!({"id": "no-uuid", "content": "hi"}),
        )
        .await
        .invalid("id");
    assert_eq!(
        visitor.messages().await.len(),
        1,
        "what was refused is not there"
    );
}

#[tokio::test]
async fn the_read_mark_moves_forward_only_and_never_past_the_head() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    for number in 0..3 {
        admin
            .post(&visitor.room_id, &format!("message {number}"))
            .await;
    }
    let read = async |seq: i64| {
        visitor
            .rest
            .post(&visitor.path("read/"), json!({"seq": seq}))
            .await
    };
    assert_eq!(read(2).await.is(200)["seq"], 2);
    assert_eq!(read(1).await.is(200)["seq"], 2, "never back");
    read(4).await.problem(400, "invalid");
    read(-1).await.problem(400, "invalid");
    assert_eq!(visitor.room().await["customer_read_seq"], 2);
    assert_eq!(
        visitor.room().await["admin_read_seq"],
        0,
        "posting moves no mark"
    );
    let messages = visitor.messages().await;
    let is_read: Vec<_> = messages
        .iter()
        .map(|message| message["is_read"].clone())
        .collect();
    assert_eq!(is_read, [true, true, false]);
}

#[tokio::test]
async fn the_visitor_ends_the_conversation() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let closed = visitor
        .rest
        .post(&visitor.path("close/"), json!({}))
        .await
        .is(200);
    assert_eq!(closed["room"]["status"], "closed");
    visitor
        .rest
        .post(&visitor.path("close/"), json!({}))
        .await
        .is(200);
    let messages = visitor.messages().await;
    assert_eq!(messages.len(), 2, "closing what is closed leaves no note");
    assert_eq!(messages[1]["sender_type"], "system");
    assert_eq!(messages[1]["event"], "closed");
    assert!(messages[1]["content"].is_string());
    let next = visitor
        .rest
        .post("/api/chat/rooms/", json!({}))
        .await
        .is(201);
    assert_ne!(next["room"]["id"], visitor.room_id);
    visitor.rest.get(&visitor.path("")).await.is(200);
}

#[tokio::test]
async fn a_trailing_slash_and_the_case_of_an_id_do_not_matter() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let upper = visitor.room_id.to_uppercase();
    for path in [
        format!("/api/chat/rooms/{upper}/"),
        format!("/api/chat/rooms/{upper}"),
        format!("/api/chat/rooms/{upper}/messages"),
        format!("/api/chat/rooms/{upper}/messages?limit=1"),
        "/api/chat/rooms".to_owned(),
        "/healthz".to_owned(),
        "/healthz/".to_owned(),
    ] {
        let response = visitor.rest.get(&path).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text);
    }
    let room = visitor
        .rest
        .get(&format!("/api/chat/rooms/{upper}"))
        .await
        .is(200);
    assert_eq!(room["room"]["id"], visitor.room_id);
    visitor
        .rest
        .post(
            &format!("/api/chat/rooms/{upper}/messages"),
            json!({"id": new_id(), "content": "without a slash"}),
        )
        .await
        .is(201);
}
