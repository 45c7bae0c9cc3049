//! P14 and P15: panics in rooms and in the lobby. The server runs in this process, since only
//! a build with the feature `test-hooks` can be made to panic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use shoptalk::FaultPoint;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::common::{Agent, TestServer, Visitor, eventually, json, new_id};
use crate::report::{Form, Line};

/// Where rooms panic.
const POINTS: [FaultPoint; 6] = [
    FaultPoint::RoomStart,
    FaultPoint::RoomJoin,
    FaultPoint::RoomWrite,
    FaultPoint::RoomCommitted,
    FaultPoint::RoomTyping,
    FaultPoint::RoomReload,
];

/// Rooms that panic at a time. With all at once, the test's own sockets would be the slow part.
const AT_ONCE: usize = 20;

/// A hundred rooms, each of which panics at one of its handlers, and as many that do not.
pub(crate) async fn in_rooms(form: Form, line: Line) -> Result<()> {
    let rounds = form.pick(1, 20);
    let server = TestServer::start().await;
    let agent = server.agent("mia", "agent").await;
    let mut slowest = Duration::ZERO;
    let mut panics = 0;
    for _ in 0..rounds {
        let mut rooms = Vec::new();
        for at in 0..100 {
            // A change of the visitor's earlier room makes this one read its record again.
            let earlier = Visitor::named(&server, "Ann").await;
            earlier.post("an earlier conversation").await;
            earlier
                .rest
                .post(&earlier.path("close/"), json!({}))
                .await
                .is(200);
            let opened = earlier
                .rest
                .post("/api/chat/rooms/", json!({}))
                .await
                .is(201);
            let visitor = Visitor::from_response(&server, &opened);
            let mut socket = visitor.online().await;
            socket.post("before").await;
            rooms.push((POINTS[at % POINTS.len()], earlier, visitor, socket));
        }
        let beside = Visitor::named(&server, "Beside").await;
        let mut beside_socket = beside.online().await;
        let mut trials = JoinSet::new();
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut ordered = Vec::new();
        for (point, earlier, visitor, mut socket) in rooms {
            let room: uuid::Uuid = visitor.room_id.parse()?;
            server.faults().panic_at(point, Some(room), 1);
            ordered.push((point, room));
            if point == FaultPoint::RoomStart {
                // A panic at the start can only happen after another one.
                server
                    .faults()
                    .panic_at(FaultPoint::RoomTyping, Some(room), 1);
            }
            let agent = Agent::signed_in(
                &server,
                &json!({"token": agent.token, "agent": {"id": agent.id}}),
            );
            let gate = gate.clone();
            trials.spawn(async move {
                let _turn = gate.acquire_owned().await?;
                let started = Instant::now();
                match point {
                    FaultPoint::RoomStart | FaultPoint::RoomTyping => {
                        socket.send(json!({"type": "typing"})).await;
                    }
                    FaultPoint::RoomJoin => {
                        agent.joined(&visitor.room_id).await;
                    }
                    FaultPoint::RoomReload => {
                        for blocked in [true, false] {
                            let path = agent.path(&earlier.room_id, "");
                            let patch = json!({"blocked": blocked});
                            agent.rest.patch(&path, patch).await.is(200);
                        }
                    }
                    _ => {}
                }
                let ack = match point {
                    // Two panics in a row: the write may be lost twice, and is refused with
                    // `busy` then.
                    FaultPoint::RoomStart => {
                        let id = new_id();
                        let post = json!({"type": "post", "id": id, "content": "during"});
                        socket.post_until_taken(post).await
                    }
                    _ => socket.post("during").await,
                };
                let took = started.elapsed();
                anyhow::ensure!(ack["seq"] == 2, "{point:?}: {ack}");
                let seen = socket.messages(2).await;
                let seqs: Vec<_> = seen.iter().map(|message| &message["seq"]).collect();
                anyhow::ensure!(
                    seqs == [&json!(1), &json!(2)] && socket.count_in_inbox("message") == 0,
                    "{point:?}: {seqs:?}"
                );
                anyhow::ensure!(socket.count_in_inbox("error") == 0, "{point:?}: an error");
                Ok::<_, anyhow::Error>((took, socket))
            });
        }
        for _ in 0..20 {
            beside_socket.post("all is well here").await;
        }
        while let Some(trial) = trials.join_next().await {
            let (took, _open) = trial??;
            slowest = slowest.max(took);
            panics += 1;
        }
        for (point, room) in ordered {
            let fired = server.faults().fired(point, Some(room));
            ensure!(fired == 1, "{point:?} fired {fired} times in {room}");
        }
        ensure!(
            beside_socket.count_in_inbox("error") == 0,
            "a room beside them was hurt"
        );
    }
    let restarts = server.rest().metric("shoptalk_room_restarts_total").await;
    line.figure(
        &format!(
            "a panic in each of {} handlers, over {panics} rooms",
            POINTS.len()
        ),
        format!(
            "{restarts} restarts; all back, the slowest after {} ms; every socket stayed open and saw each message once",
            slowest.as_millis()
        ),
        "back ≤ 1 s, others unaffected",
        restarts >= (panics + panics / POINTS.len() as u64) as f64 && (!form.long || slowest <= Duration::from_secs(1)),
    )
}

/// The lobby panics at each of its handlers and misses nothing.
pub(crate) async fn in_the_lobby(form: Form, line: Line) -> Result<()> {
    let rounds = form.pick(2, 50);
    let server = TestServer::start().await;
    let agent = server.agent("mia", "agent").await;
    let visitor = Visitor::named(&server, "Ann").await;
    let mut customer = visitor.online().await;
    let mut console = agent.online().await;
    let mut last = 0;
    for round in 1..=rounds {
        for point in [
            FaultPoint::LobbyReport,
            FaultPoint::LobbyCheck,
            FaultPoint::LobbySubscribe,
        ] {
            server.faults().panic_at(point, None, 1);
            if point == FaultPoint::LobbySubscribe {
                agent.online().await;
            }
            customer.post("is anybody there?").await;
            last += 1;
            let fell = async || server.faults().fired(point, None) == round;
            eventually("the lobby falls", fell).await;
            console
                .expect_where("the newest state", |frame| {
                    frame["type"] == "summary" && frame["summary"]["last_seq"] == last
                })
                .await;
        }
    }
    line.figure(
        &format!("{last} panics of the lobby"),
        "its consoles stayed connected and received the newest state each time",
        "the lobby recovers",
        true,
    )
}

/// A room that panics at each start is restarted after growing waits, is in quarantine for a minute
/// after the fifth time, and then has one try.
pub(crate) async fn poisoned(_: Form, line: Line) -> Result<()> {
    const QUARANTINE: Duration = Duration::from_secs(60);
    let server = TestServer::start().await;
    let poisoned = Visitor::named(&server, "Poisoned").await;
    let healthy = Visitor::named(&server, "Healthy").await;
    let room = poisoned.room_id.parse()?;
    let restarts = || async { server.rest().metric("shoptalk_room_restarts_total").await };
    let post = || async {
        let body = json!({"id": new_id(), "content": "hello?"});
        poisoned.rest.post(&poisoned.path("messages/"), body).await
    };
    server
        .faults()
        .panic_at(FaultPoint::RoomStart, Some(room), u32::MAX);
    post().await.problem(503, "busy");
    let failed = restarts().await;
    ensure!(failed == 5.0, "quarantined after {failed} failures");
    let since = Instant::now();
    // In quarantine: a join does not start it, and other rooms are not affected.
    let mut socket = healthy.online().await;
    for _ in 0..50 {
        post().await.problem(503, "busy");
        socket.post("all is well").await;
        ensure!(restarts().await == failed, "it was started in quarantine");
        if since.elapsed() > QUARANTINE / 2 {
            break;
        }
    }
    tokio::time::sleep_until((since + QUARANTINE + Duration::from_secs(1)).into()).await;
    // One try, which fails, and it is in quarantine again.
    post().await.problem(503, "busy");
    post().await.problem(503, "busy");
    let tried = restarts().await - failed;
    ensure!(tried == 1.0, "{tried} tries after the quarantine");
    line.figure(
        "a room that panics at each start",
        format!("quarantined after {failed} failures for 60 s, then {tried} attempt; another room kept working"),
        "quarantine after 5 failures in a minute for 60 s, then one attempt",
        true,
    )
}
