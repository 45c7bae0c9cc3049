//! The console's list of rooms: order, pages, search, counts, changes.

use reqwest::Method;

use crate::common::{
    Agent, TestServer, Value, Visitor, eventually, json, keys, new_id, next_page, results, seqs,
};

async fn list(agent: &Agent, query: &str) -> Value {
    agent
        .rest
        .get(&format!("/api/admin/rooms/{query}"))
        .await
        .is(200)
}

fn names(list: &Value) -> Vec<String> {
    results(list)
        .iter()
        .map(|summary| summary["customer_name"].as_str().unwrap_or("—").to_owned())
        .collect()
}

/// Three rooms: Anna waits the longest, Ben was answered, Cleo closed hers.
async fn shop(server: &TestServer) -> [Visitor; 3] {
    let admin = server.admin().await;
    let anna = Visitor::named(server, "Anna").await;
    anna.post("where is my parcel?").await;
    let ben = Visitor::named(server, "Ben").await;
    ben.post("do you have socks?").await;
    admin.post(&ben.room_id, "yes, woollen ones").await;
    let cleo = Visitor::named(server, "Cleo").await;
    cleo.post("thanks for everything").await;
    cleo.rest
        .post(&cleo.path("close/"), json!({}))
        .await
        .is(200);
    [anna, ben, cleo]
}

#[tokio::test]
async fn a_summary_equals_the_list_entry() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = Visitor::named(&server, "Anna").await;
    let long = "ä".repeat(300);
    anna.post("one").await;
    let last = anna.post(&long).await;
    let summary = admin.summary(&anna.room_id).await;
    assert_eq!(
        keys(&summary),
        [
            "admin_read_seq",
            "assignee",
            "blocked",
            "created_at",
            "customer_email",
            "customer_name",
            "customer_online",
            "customer_phone",
            "customer_read_seq",
            "id",
            "last_message",
            "last_message_at",
            "last_seq",
            "page_url",
            "snoozed_until",
            "spam",
            "status",
            "tags",
            "unread_count",
            "updated_at",
            "user",
            "version",
            "waiting_since",
        ]
    );
    assert_eq!(summary["status"], "waiting");
    assert_eq!(summary["unread_count"], 2);
    assert_eq!(summary["blocked"], false);
    assert_eq!(summary["customer_online"], false);
    assert_eq!(summary["last_message_at"], last["created_at"]);
    assert_eq!(
        summary["last_message"],
        json!({"seq": 2, "sender_type": "customer", "sender_name": "Anna",
               "content": "ä".repeat(200), "created_at": last["created_at"]})
    );
    let first = &anna.messages().await[0];
    assert_eq!(
        summary["waiting_since"], first["created_at"],
        "since the oldest unanswered one"
    );
}

#[tokio::test]
async fn rooms_are_listed_by_activity_or_by_waiting_with_counts() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    shop(&server).await;
    let all = list(admin, "").await;
    assert_eq!(
        names(&all),
        ["Cleo", "Ben", "Anna"],
        "newest activity first"
    );
    assert_eq!(
        all["counts"],
        json!({"waiting": 1, "active": 1, "closed": 1, "mine": 1, "unassigned": 1})
    );
    assert_eq!(
        names(&list(admin, "?order=waiting").await),
        ["Anna", "Cleo", "Ben"]
    );
    assert_eq!(names(&list(admin, "?status=waiting").await), ["Anna"]);
    assert_eq!(names(&list(admin, "?status=active").await), ["Ben"]);
    assert_eq!(
        names(&list(admin, "?status=closed&order=waiting").await),
        ["Cleo"]
    );
    let later = Visitor::named(&server, "Dora").await;
    later.post("me too").await;
    assert_eq!(
        names(&list(admin, "?order=waiting").await)[..2],
        ["Anna", "Dora"],
        "the longest waiting first"
    );
}

#[tokio::test]
async fn pages_cover_every_room_once_in_both_orders() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let name = format!("Visitor {number}");
        let visitor = Visitor::named(&server, &name).await;
        visitor.post("hello").await;
        if number % 2 == 0 {
            admin.post(&visitor.room_id, "hi").await;
        }
        expected.push(name);
    }
    for order in ["activity", "waiting"] {
        let whole = names(&list(admin, &format!("?order={order}")).await);
        let mut paged = Vec::new();
        let mut query = format!("?order={order}&limit=3");
        loop {
            let page = list(admin, &query).await;
            assert!(results(&page).len() <= 3);
            let counts =
                json!({"waiting": 3, "active": 4, "closed": 0, "mine": 4, "unassigned": 3});
            assert_eq!(page["counts"], counts, "on every page");
            paged.extend(names(&page));
            let Some(next) = next_page(&page) else { break };
            query = format!("?order={order}&limit=3&cursor={next}");
        }
        assert_eq!(paged, whole, "{order}");
        paged.sort();
        assert_eq!(paged, expected, "{order}");
    }
}

#[tokio::test]
async fn a_search_matches_every_word_and_the_last_as_a_prefix() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let [anna, ben, _] = shop(&server).await;
    let found = async |words: &str| {
        let response = admin
            .rest
            .request(Method::GET, "/api/admin/rooms/")
            .query_words(words)
            .await;
        names(&response)
    };
    eventually("the newest message is findable", async || {
        found("everything").await == ["Cleo"]
    })
    .await;
    assert_eq!(
        found("parcel my").await,
        ["Anna"],
        "every word, in any order"
    );
    assert_eq!(
        found("my parc").await,
        ["Anna"],
        "the last word is a prefix"
    );
    assert_eq!(found("parc my").await, [""; 0], "the others are not");
    assert_eq!(found("parcel socks").await, [""; 0]);
    assert_eq!(found("ann").await, ["Anna"], "names are found");
    for operators in [
        "\"",
        "parcel OR",
        "NOT",
        "socks*)",
        "a:b",
        "(((",
        "-",
        "%",
        "'",
        "NEAR(a b)",
    ] {
        found(operators).await;
    }
    let hit = admin.rest.get("/api/admin/rooms/?q=parcel").await.is(200);
    let matched = &results(&hit)[0]["match"];
    assert_eq!(matched["seq"], 1);
    assert!(
        matched["snippet"]
            .as_str()
            .is_some_and(|it| it.contains("parcel"))
    );
    assert_eq!(results(&hit)[0]["id"], anna.room_id);

    ben.post("my parcel is here").await;
    eventually("a newer match comes first", async || {
        found("parcel").await == ["Ben", "Anna"]
    })
    .await;
}

#[tokio::test]
async fn a_search_finds_an_address_and_changed_details() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor =
        Visitor::arrive_with(&server, json!({"customer_email": "Zoe.Smith@example.com"})).await;
    visitor.post("hello").await;
    let finds = async |words: &str| {
        let list = admin
            .rest
            .get(&format!("/api/admin/rooms/?q={words}"))
            .await
            .is(200);
        results(&list).len() == 1
    };
    eventually("the address is found", async || {
        finds("zoe.smith@example").await
    })
    .await;
    admin
        .rest
        .patch(
            &admin.path(&visitor.room_id, ""),
            json!({"customer_name": "Quentin"}),
        )
        .await
        .is(200);
    eventually("the new name is found", async || finds("quentin").await).await;
}

#[tokio::test]
async fn an_agent_changes_a_room() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let patch = async |body: Value| {
        admin
            .rest
            .patch(&admin.path(&visitor.room_id, ""), body)
            .await
    };

    let changed = patch(json!({"customer_name": "Carla", "customer_email": "c@example.com"})).await;
    let summary = changed.is(200)["summary"].clone();
    assert_eq!(summary["customer_name"], "Carla");
    assert_eq!(summary["customer_email"], "c@example.com");
    assert!(summary["version"].as_u64() > Some(1));
    assert_eq!(visitor.room().await["customer_name"], "Carla");

    let closed = patch(json!({"status": "closed"})).await.is(200);
    assert_eq!(closed["summary"]["status"], "closed");
    let version = closed["summary"]["version"].clone();
    let again = patch(json!({"status": "closed"})).await.is(200);
    assert_eq!(again["summary"]["version"], version, "nothing has changed");
    assert_eq!(
        patch(json!({"status": "active"})).await.is(200)["summary"]["status"],
        "active"
    );
    let events: Vec<_> = visitor
        .messages()
        .await
        .iter()
        .map(|it| it["event"].clone())
        .collect();
    assert_eq!(events, [Value::Null, json!("closed"), json!("reopened")]);

    patch(json!({"status": "waiting"}))
        .await
        .problem(400, "invalid");
    patch(json!({"customer_name": "x".repeat(101)}))
        .await
        .invalid("customer_name");
    patch(json!({"customer_name": "Good", "customer_phone": "1\n2"}))
        .await
        .invalid("customer_phone");
    assert_eq!(
        visitor.room().await["customer_name"],
        "Carla",
        "nothing is left half done"
    );
}

#[tokio::test]
async fn of_a_change_of_several_fields_all_happen_or_none() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let tag = json!({"name": "Order", "color": "#ff8800"});
    let made = admin.rest.post("/api/admin/tags/", tag).await.is(201);
    let path = admin.path(&visitor.room_id, "");
    let change = json!({
        "assignee": admin.id, "tags": [made["tag"]["id"]], "customer_name": "Carla",
        "blocked": true, "status": "closed",
    });
    let before = admin.summary(&visitor.room_id).await;
    // The message that records the status cannot be written.
    server.execute(
        "CREATE TRIGGER refuses BEFORE INSERT ON messages WHEN NEW.sender_type = 2
         BEGIN SELECT RAISE(ABORT, 'injected by a test'); END",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN RAISE ''injected by a test''; END';
         CREATE TRIGGER refuses BEFORE INSERT ON messages FOR EACH ROW
         WHEN (NEW.sender_type = 2) EXECUTE FUNCTION refuse()",
    );
    // No store does that by itself, so the API's description does not have it.
    let failed = admin.rest.request(Method::PATCH, &path).json(&change);
    let failed = failed.send().await.expect("the server responds");
    assert!(failed.status().is_server_error(), "{failed:?}");
    assert_eq!(admin.summary(&visitor.room_id).await, before);
    server.execute("DROP TRIGGER refuses", "DROP TRIGGER refuses ON messages");

    let mut taken = change.clone();
    taken["expect_assignee"] = json!(new_id());
    let refused = admin.rest.patch(&path, taken).await;
    let refused = refused.problem(409, "conflict");
    assert_eq!(refused["summary"], before);

    let mut socket = visitor.online().await;
    let changed = admin.rest.patch(&path, change).await.is(200)["summary"].clone();
    let version = before["version"].as_u64().expect("a number") + 1;
    assert_eq!(changed["version"], version, "it is one change");
    assert_eq!(changed["assignee"]["id"], admin.id);
    assert_eq!(changed["tags"], json!([made["tag"]]));
    assert_eq!(changed["customer_name"], "Carla");
    assert_eq!(changed["blocked"], true);
    assert_eq!(changed["status"], "closed");
    assert_eq!(admin.summary(&visitor.room_id).await, changed);
    let message = socket.expect("message").await["message"].clone();
    assert_eq!(
        (&message["event"], &message["seq"]),
        (&json!("closed"), &json!(2))
    );
    let room = socket.expect("room").await["room"].clone();
    assert_eq!(
        (&room["status"], &room["customer_name"]),
        (&json!("closed"), &json!("Carla"))
    );
    // One `room` frame was all: the next one is of the message that reopens the room.
    admin.post(&visitor.room_id, "so long").await;
    let room = socket.expect("room").await["room"].clone();
    assert_eq!(room["status"], "active");
}

#[tokio::test]
async fn a_blocked_visitor_reads_but_does_not_post() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let mut socket = visitor.online().await;
    let path = admin.path(&visitor.room_id, "");
    let blocked = admin
        .rest
        .patch(&path, json!({"blocked": true}))
        .await
        .is(200);
    assert_eq!(blocked["summary"]["blocked"], true);

    let body = json!({"id": new_id(), "content": "let me in"});
    visitor
        .rest
        .post(&visitor.path("messages/"), body)
        .await
        .problem(403, "forbidden");
    let id = socket.send_post("let me in").await;
    let error = socket.reply_to(&id).await;
    assert_eq!(error["code"], "forbidden");
    assert_eq!(error["retryable"], false);
    assert_eq!(visitor.messages().await.len(), 1);
    admin.post(&visitor.room_id, "you were rude").await;
    socket.expect("message").await;

    admin
        .rest
        .patch(&path, json!({"blocked": false}))
        .await
        .is(200);
    socket.post("sorry").await;
}

#[tokio::test]
async fn a_block_reaches_every_room_of_the_visitor() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
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
    let second = Visitor::from_response(&server, &second);
    second.post("again").await;
    admin
        .rest
        .patch(&admin.path(&visitor.room_id, ""), json!({"blocked": true}))
        .await
        .is(200);
    second
        .rest
        .post(
            &second.path("messages/"),
            json!({"id": new_id(), "content": "and again"}),
        )
        .await
        .problem(403, "forbidden");
    assert_eq!(admin.summary(&second.room_id).await["blocked"], true);
}

#[tokio::test]
async fn agents_post_and_mark_read_over_rest() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let response = bob.post(&visitor.room_id, "good day").await;
    assert_eq!(response["sender_type"], "admin");
    assert_eq!(response["sender_name"], "Bob Agent", "never the user name");
    let list = admin
        .rest
        .get(&admin.path(&visitor.room_id, "messages/?after=0"))
        .await
        .is(200);
    assert_eq!(seqs(&list["results"]), [1, 2]);
    assert_eq!(admin.summary(&visitor.room_id).await["unread_count"], 1);
    let read = async |seq: u64| {
        admin
            .rest
            .post(&admin.path(&visitor.room_id, "read/"), json!({"seq": seq}))
            .await
    };
    assert_eq!(read(2).await.is(200)["seq"], 2);
    read(3).await.problem(400, "invalid");
    let summary = admin.summary(&visitor.room_id).await;
    assert_eq!(summary["unread_count"], 0, "the agents share one mark");
    assert_eq!(summary["admin_read_seq"], 2);
    assert_eq!(visitor.messages().await[0]["is_read"], true);
}

/// A search as a browser's URL encoding would send it.
trait QueryWords {
    async fn query_words(self, words: &str) -> Value;
}

impl QueryWords for reqwest::RequestBuilder {
    async fn query_words(self, words: &str) -> Value {
        let (http, request) = self.build_split();
        let mut request = request.expect("a request");
        request.url_mut().query_pairs_mut().append_pair("q", words);
        let request = reqwest::RequestBuilder::from_parts(http, request);
        crate::common::Response::to(request).await.is(200)
    }
}
