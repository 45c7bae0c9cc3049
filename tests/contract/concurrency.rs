//! Concurrent calls: the second finds what the first one made.

use std::collections::HashSet;

use futures_util::future::join_all;

use crate::common::{
    IDENTITY_SECRET, Rest, TestServer, Value, Visitor, in_seconds, json, jwt, new_id, next_page,
    results, seqs,
};

async fn open_at_once(rest: &Rest, body: Value, times: usize) -> (Vec<u16>, HashSet<String>) {
    let opened = join_all((0..times).map(|_| rest.post("/api/chat/rooms/", body.clone()))).await;
    let mut statuses: Vec<u16> = opened.iter().map(|response| response.status).collect();
    statuses.sort_unstable_by(|left, right| right.cmp(left));
    let rooms = opened
        .iter()
        .map(|response| response.json()["room"]["id"].to_string())
        .collect();
    (statuses, rooms)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_on_eight_devices_at_once_gets_one_room() {
    let server = TestServer::start().await;
    let claims = json!({"sub": "u1", "exp": in_seconds(600)});
    let identity = jwt(jsonwebtoken::Algorithm::HS256, IDENTITY_SECRET, &claims);
    let (statuses, rooms) = open_at_once(&server.rest(), json!({"identity": identity}), 8).await;
    assert_eq!(statuses, [201, 200, 200, 200, 200, 200, 200, 200]);
    assert_eq!(rooms.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_who_opens_again_in_eight_tabs_at_once_gets_one_room() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    visitor
        .rest
        .post(&visitor.path("close/"), json!({}))
        .await
        .is(200);
    let (statuses, rooms) = open_at_once(&visitor.rest, json!({}), 8).await;
    assert_eq!(statuses, [201, 200, 200, 200, 200, 200, 200, 200]);
    assert_eq!(rooms.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_closes_leave_one_system_message() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let path = admin.path(&visitor.room_id, "");
    let own = visitor.path("close/");
    let (by_agent, by_visitor) = tokio::join!(
        join_all((0..4).map(|_| admin.rest.patch(&path, json!({"status": "closed"})))),
        join_all((0..4).map(|_| visitor.rest.post(&own, json!({})))),
    );
    for response in by_agent.iter().chain(&by_visitor) {
        assert_eq!(response.status, 200, "{}", response.text);
    }
    assert_eq!(seqs(&json!(visitor.messages().await)), [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_and_lists_agree_after_concurrent_changes() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut console = admin.online().await;
    let visitors = join_all((0..24).map(|_| Visitor::arrive(&server))).await;
    join_all(visitors.iter().enumerate().map(async |(number, visitor)| {
        visitor.post("hello").await;
        if number % 2 == 0 {
            admin.post(&visitor.room_id, "good day").await;
        }
        if number % 3 == 0 {
            visitor
                .rest
                .post(&visitor.path("close/"), json!({}))
                .await
                .is(200);
        }
        if number % 6 == 0 {
            visitor.post("one more thing").await;
        }
    }))
    .await;
    let expected = json!({"waiting": 8 + 4, "active": 8, "closed": 4});
    let list = admin.rest.get("/api/admin/rooms/?limit=200").await.is(200);
    let mut listed = expected.clone();
    listed["mine"] = json!(12);
    listed["unassigned"] = json!(8);
    assert_eq!(list["counts"], listed);
    for status in ["waiting", "active", "closed"] {
        let list = admin
            .rest
            .get(&format!("/api/admin/rooms/?status={status}"))
            .await
            .is(200);
        assert_eq!(json!(results(&list).len()), expected[status], "{status}");
    }
    console
        .expect_where("the last counts", |frame| frame["counts"] == expected)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lobby_begins_with_a_thousand_rooms_at_most() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for _ in 0..51 {
        join_all((0..20).map(async |_| {
            Visitor::arrive(&server).await.post("hello").await;
        }))
        .await;
    }
    let (mut console, welcome) = admin.connect().await;
    assert_eq!(welcome["counts"]["waiting"], 1_020);
    let mut ids: Vec<Value> = Vec::new();
    let mut learn = |frame: &Value| {
        let page = frame["summaries"].as_array().expect("summaries");
        assert!(page.len() <= 200);
        assert!(frame.to_string().len() < 200 * 1024);
        ids.extend(page.iter().map(|summary| summary["id"].clone()));
        frame["more"] == true
    };
    let mut more = learn(&welcome);
    while more {
        more = learn(&console.expect("summaries").await);
    }
    let mut listed = Vec::new();
    let mut query = "?order=waiting&limit=200".to_owned();
    while listed.len() < 1_000 {
        let page = admin
            .rest
            .get(&format!("/api/admin/rooms/{query}"))
            .await
            .is(200);
        listed.extend(results(&page).iter().map(|summary| summary["id"].clone()));
        let next = next_page(&page).unwrap_or_default();
        query = format!("?order=waiting&limit=200&cursor={next}");
    }
    assert_eq!(ids.len(), 1_000);
    assert_eq!(ids, listed[..1_000], "the longest waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_lobby_resume_precedes_live_updates() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let (first, welcome) = admin.connect().await;
    first.close().await;
    let visitors = join_all((0..260).map(|_| Visitor::arrive(&server))).await;
    for crowd in visitors.chunks(20) {
        join_all(crowd.iter().map(|visitor| visitor.post("away"))).await;
    }
    let hello = json!({"cursor": welcome["cursor"], "epoch": welcome["epoch"]});
    let (mut console, welcome) = admin.connect_with(hello).await;
    assert_eq!(welcome["recovered"], true);
    let live = join_all(visitors[..20].iter().map(|visitor| visitor.post("live")));
    let mut known: Vec<Value> = welcome["summaries"].as_array().expect("summaries").clone();
    let learn = async {
        let mut more = welcome["more"] == true;
        while more {
            let frame = console
                .expect_where("summaries", |frame| {
                    frame["type"] == "summaries" || frame["type"] == "summary"
                })
                .await;
            assert_eq!(
                frame["type"], "summaries",
                "live ones wait until more is false"
            );
            more = frame["more"] == true;
            known.extend(
                frame["summaries"]
                    .as_array()
                    .expect("summaries")
                    .iter()
                    .cloned(),
            );
        }
        let newest = |known: &[Value], id: &str| {
            known
                .iter()
                .filter(|summary| summary["id"] == id)
                .filter_map(|summary| summary["last_seq"].as_u64())
                .max()
        };
        while visitors[..20]
            .iter()
            .any(|it| newest(&known, &it.room_id) != Some(2))
        {
            known.push(console.expect("summary").await["summary"].clone());
        }
        for visitor in &visitors[20..] {
            assert_eq!(newest(&known, &visitor.room_id), Some(1));
        }
    };
    tokio::join!(live, learn);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_posts_over_rest_and_sockets_have_one_order() {
    let mut server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let path = visitor.path("messages/");
    let mut socket = visitor.online().await;
    let by_rest = join_all((0..50).map(|number| {
        let body = json!({"id": new_id(), "content": format!("rest {number}")});
        let (rest, path) = (visitor.rest.clone(), path.clone());
        async move { rest.post(&path, body).await.is(201)["message"].clone() }
    }));
    let by_socket = async {
        for number in 0..50 {
            socket.post(&format!("socket {number}")).await;
        }
        socket.messages(100).await
    };
    let (responses, received) = tokio::join!(by_rest, by_socket);
    assert_eq!(seqs(&json!(received)), (1..=100).collect::<Vec<u64>>());
    for response in &responses {
        let seq = response["seq"].as_u64().expect("a seq") as usize;
        assert_eq!(
            received[seq - 1]["id"],
            response["id"],
            "REST and sockets agree on each seq"
        );
    }
    let before = visitor.messages().await;
    server.restart().await;
    assert_eq!(visitor.messages().await, before);
}
