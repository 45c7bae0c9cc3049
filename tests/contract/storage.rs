//! A disk on which writes hang or get lost, and the files on it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shoptalk::persistence::{OpenError, Store};

use crate::common::{
    RawSocket, Socket, TestServer, Visitor, eventually, json, left_out_on_postgres,
    left_out_on_several_nodes, new_id,
};

fn files(server: &TestServer) -> Vec<PathBuf> {
    std::fs::read_dir(server.data_dir())
        .expect("the data's directory")
        .map(|file| file.expect("a file").path())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_times_out_is_settled_by_its_id() {
    let server = TestServer::start_with(|config| config.socket.post_timeout_ms = 300).await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    // A slow machine may take that long by itself; what is meant is a disk that does not answer.
    let before = json!({"type": "post", "id": new_id(), "content": "before"});
    eventually("the first is acked", async || {
        retry(&visitor, &before).await
    })
    .await;
    let disk = server.hold_writes();
    let id = socket.send_post("while it is stuck").await;
    let error = socket.reply_to(&id).await;
    assert_eq!(error["code"], "storage_unavailable", "{error}");
    assert_eq!(error["retryable"], true);
    assert_eq!(visitor.messages().await.len(), 1, "reading goes on");
    drop(disk);
    // The error does not say that it was not stored; the same id settles it.
    let post = json!({"type": "post", "id": id, "content": "while it is stuck"});
    eventually("the retry is acked", async || {
        // Each try waits for its answer, so the attempts do not pile up.
        retry(&visitor, &post).await
    })
    .await;
    assert_eq!(visitor.messages().await.len(), 2);
    let received = socket
        .expect_where("its delivery", |frame| frame["message"]["id"] == id)
        .await;
    assert_eq!(received["message"]["seq"], 2);
}

async fn retry(visitor: &Visitor, post: &crate::common::Value) -> bool {
    let mut socket: Socket = visitor.online().await;
    socket.send(post.clone()).await;
    let id = post["id"].as_str().expect("an id");
    socket.reply_to(id).await["type"] == "ack"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_busy_with_retry_after() {
    // The server itself writes now and then, and so do visitors who arrive: each of these takes
    // a place in the queue, so there are fewer places than posts.
    let server = TestServer::start_with(|config| {
        config.storage.queue_items = 8;
        config.storage.batch_items = 1;
    })
    .await;
    let visitors = [
        Visitor::arrive(&server).await,
        Visitor::arrive(&server).await,
    ];
    let mut sockets = [visitors[0].online().await, visitors[1].online().await];
    let disk = server.hold_writes();
    let mut ids = Vec::new();
    for socket in &mut sockets {
        for _ in 0..16 {
            ids.push(socket.send_post("in a crowd").await);
        }
    }
    let error = sockets[0]
        .expect_where("a refusal", |frame| {
            frame["type"] == "error" && frame["code"] == "busy"
        })
        .await;
    assert_eq!(error["retryable"], true);
    assert!(error["retry_after_ms"].as_u64() > Some(0), "{error}");
    assert!(ids.iter().any(|id| error["id"] == *id), "{error}");
    // One post may find a place that was just left, and waits; the others are refused.
    let mut posts: FuturesUnordered<_> = (0..8)
        .map(|_| {
            let body = json!({"id": new_id(), "content": "by the other way"});
            let (rest, path) = (visitors[0].rest.clone(), visitors[0].path("messages/"));
            async move { rest.post(&path, body).await }
        })
        .collect();
    let refused = posts.next().await.expect("eight answers");
    refused.problem(503, "busy");
    drop(posts);
    drop(disk);
    eventually("it takes posts again", async || {
        let body = json!({"id": new_id(), "content": "after the crowd"});
        visitors[1]
            .rest
            .post(&visitors[1].path("messages/"), body)
            .await
            .status
            == 201
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readyz_reflects_whether_commits_work() {
    let server = TestServer::start().await;
    let ready = async || server.rest().get("/readyz").await.status == 200;
    eventually("it is ready", ready).await;
    let disk = server.hold_writes();
    eventually("it is not ready", async || {
        server.rest().get("/readyz").await.status == 503
    })
    .await;
    assert_eq!(
        server.rest().get("/healthz").await.status,
        200,
        "the process lives"
    );
    drop(disk);
    eventually("it is ready again", ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_canary_detects_lost_writes() {
    if left_out_on_several_nodes("each node has a canary of its own") {
        return;
    }
    let server = TestServer::start().await;
    let metric = async |name: &str| server.rest().metric(name).await;
    // Unasked, and soon after the start.
    eventually("it has tried itself", async || {
        metric("shoptalk_canary_up").await == 1.0
    })
    .await;
    assert!(metric("shoptalk_canary_last_success_timestamp_seconds").await > 1.7e9);
    let failures = metric("shoptalk_canary_failures_total").await;
    // A disk that loses a row that was written.
    server.execute(
        "CREATE TRIGGER forgets BEFORE INSERT ON canary BEGIN SELECT RAISE(IGNORE); END",
        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER forgets BEFORE INSERT OR UPDATE ON canary
         FOR EACH ROW EXECUTE FUNCTION forget()",
    );
    eventually("it notices", async || {
        let ready = server.rest().get("/readyz").await;
        ready.status == 503
            && ready.problem(503, "storage_unavailable")["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("was read as"))
    })
    .await;
    assert_eq!(metric("shoptalk_canary_up").await, 0.0);
    assert!(metric("shoptalk_canary_failures_total").await > failures);
    server.execute("DROP TRIGGER forgets", "DROP TRIGGER forgets ON canary");
    eventually("it works again", async || {
        server.rest().get("/readyz").await.status == 200
    })
    .await;
    assert_eq!(metric("shoptalk_canary_up").await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readyz_commits_at_most_once_a_second() {
    if left_out_on_several_nodes("each node has a canary of its own") {
        return;
    }
    let server = TestServer::start().await;
    server.execute(
        "CREATE TABLE tries (at INTEGER);
         CREATE TRIGGER tried BEFORE INSERT ON canary
         BEGIN INSERT INTO tries VALUES (NEW.at); END",
        "CREATE TABLE tries (at BIGINT);
         CREATE FUNCTION try() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO tries VALUES (NEW.at); RETURN NEW; END';
         CREATE TRIGGER tried BEFORE INSERT ON canary FOR EACH ROW EXECUTE FUNCTION try()",
    );
    let began = std::time::Instant::now();
    // For longer than a result is reused.
    while began.elapsed() < std::time::Duration::from_secs(3) {
        let mut raw = RawSocket::connect(server.addr()).await;
        raw.send(b"GET /readyz HTTP/1.1\r\nHost: shop\r\n\r\n")
            .await;
    }
    server.rest().get("/readyz").await.is(200);
    let tries = &server.rows("SELECT count(*) FROM tries")[0][0];
    let tries: i64 = tries.parse().expect("a count");
    let seconds = i64::try_from(began.elapsed().as_secs()).expect("a short time");
    assert!(
        (1..=seconds + 2).contains(&tries),
        "{tries} commits in {seconds} s"
    );
}

#[tokio::test]
async fn the_files_are_private_to_the_owner() {
    if left_out_on_postgres("there are no files") {
        return;
    }
    let server = TestServer::start().await;
    Visitor::arrive(&server).await.post("private").await;
    for path in files(&server) {
        let mode = path.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused() {
    if left_out_on_postgres("several servers may share a database") {
        return;
    }
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let storage = &server.config.storage;
    let second = Store::open(storage.options(true));
    assert!(matches!(second, Err(OpenError::Locked(_))), "{second:?}");
    visitor.post("unimpressed").await;
}
