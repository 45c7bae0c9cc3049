//! P4: a client that reconnects gets exactly what it missed, in rooms and in the lobby.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shoptalk_client::chat::Summary;
use shoptalk_client::protocol::{AgentHello, AgentServerFrame, ServerFrame};
use shoptalk_client::{Socket, SocketOptions};
use tokio::time::timeout;
use uuid::Uuid;

use crate::common::{DEADLINE, Value};
use crate::fixtures::sign_in;
use crate::history::{View, check_histories, read_room};
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::visitor_socket::VisitorSocket;
use crate::workload::{Behavior, Workload};

/// Connections to one busy room that begin and end at random places: each gets exactly its
/// part of the log.
pub(crate) async fn exact_resume(form: Form, line: Line) -> Result<()> {
    let leaves = form.pick(600, 10_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 2, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(form.pick(400, 4_000)).await?;
    let rooms = workload.rooms();
    let mut views: HashMap<Uuid, Vec<View>> = HashMap::new();
    let (mut at_once, mut days) = (0, 0);
    for at in 0..leaves {
        if at == leaves / 2 {
            // Some clients come back after a restart of the server.
            server.kill().await?;
            server = setup.serve().await?;
            workload.reconnect_to(server.addr);
        }
        let (room_id, token) = &rooms[random.random_range(0..rooms.len())];
        let head = workload.head(*room_id);
        // Away for a moment, for a while, or for a long time.
        let after = match random.random_range(0..40) {
            0..13 => head,
            13..26 => head.saturating_sub(random.random_range(0..300)),
            26..39 => head.saturating_sub(random.random_range(0..3_000)),
            _ => head.saturating_sub(20_000),
        };
        at_once += usize::from(after == head);
        days += usize::from(head - after > 3_000 || after == 0);
        let mut view = View {
            after,
            ..View::default()
        };
        let mut live = VisitorSocket::connect(server.addr, *room_id, token, &mut view).await?;
        while live.more {
            live.next(&mut view).await?.context("cut")?;
        }
        ensure!(
            view.last() >= head,
            "resumed after {after} up to {} though {head} was acked",
            view.last()
        );
        // The boundary between the page and the live messages.
        for _ in 0..random.random_range(0..4) {
            live.next(&mut view).await?.context("cut")?;
        }
        views.entry(*room_id).or_default().push(view);
    }
    let mut histories = workload.finish().await?;
    server.kill().await?;
    for history in &mut histories {
        let stored = read_room(&setup.database(), history.room_id)?;
        for view in views.remove(&history.room_id).unwrap_or_default() {
            // The log has no gaps, as is judged below, so the seq is the place.
            let due = usize::try_from(view.after)?..usize::try_from(view.last())?;
            ensure!(
                stored.get(due) == Some(&view.seen),
                "a view after {} is not the log",
                view.after
            );
        }
    }
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{leaves} disconnects and resumes of rooms"),
        format!("{leaves} views equal the database; {at_once} reconnected at once, {days} after a very long time; {verdict}"),
        "every view equals the database",
        verdict.faults() == 0,
    )
}

/// A console that leaves and comes back with its cursor knows the state of every room.
pub(crate) async fn exact_lobby(form: Form, line: Line) -> Result<()> {
    let leaves: u64 = form.pick(40, 1_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let token = sign_in(&server).await?;
    let mut workload =
        Workload::start(server.addr, form.pick(12, 60), Behavior::PLAIN, form.seed).await?;
    let mut known = Lobby::default();
    for _ in 0..leaves {
        let goal = workload.acks() + random.random_range(1..40);
        workload.wait_for_acks(goal).await?;
        let frames = random.random_range(1..30);
        known.visit(server.addr, &token, frames).await?;
    }
    let histories = workload.finish().await?;
    known.visit(server.addr, &token, 0).await?;
    let rest = server.rest().bearer(&token);
    let list = rest.get("/api/admin/rooms/?limit=200").await.is(200);
    let stored = list["results"].as_array().context("rooms")?;
    ensure!(
        stored.len() == histories.len() && known.rooms.len() == stored.len(),
        "{} rooms known, {} stored",
        known.rooms.len(),
        stored.len()
    );
    for room in stored {
        let id = room["id"].as_str().context("an id")?;
        let summary = known.rooms.get(id).context("a room the console missed")?;
        for field in [
            "version",
            "last_seq",
            "unread_count",
            "status",
            "last_message",
        ] {
            ensure!(
                summary[field] == room[field],
                "{field}: {} known, {} stored",
                summary[field],
                room[field]
            );
        }
    }
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!("{leaves} disconnects and resumes of the lobby"),
        format!("{} rooms, each equal to the stored one", stored.len()),
        "the list equals the database",
        known.resumes == leaves,
    )
}

/// What a console keeps between its connections.
#[derive(Default)]
struct Lobby {
    epoch: Option<String>,
    cursor: Option<String>,
    rooms: HashMap<String, Value>,
    resumes: u64,
}

impl Lobby {
    /// Connects, takes what was missed and some more frames, and leaves.
    async fn visit(&mut self, addr: SocketAddr, token: &str, frames: usize) -> Result<()> {
        let base = format!("http://{addr}");
        let mut socket =
            Socket::connect(&base, "/ws/admin/chat/", SocketOptions::default()).await?;
        socket
            .send(&AgentHello {
                token: Some(token.to_owned()),
                epoch: self.epoch.clone(),
                cursor: self.cursor.clone(),
            })
            .await?;
        let mut left = frames;
        let mut more = true;
        while more || left > 0 {
            let frame = timeout(DEADLINE, socket.receive()).await?;
            match frame.context("the console was cut")? {
                AgentServerFrame::Welcome(welcome) => {
                    ensure!(
                        welcome.recovered == self.cursor.is_some(),
                        "recovered: {}",
                        welcome.recovered
                    );
                    self.resumes += u64::from(self.cursor.is_some());
                    self.epoch = Some(welcome.epoch.into_owned());
                    self.put(&welcome.summaries, &welcome.cursor)?;
                    more = welcome.more;
                }
                AgentServerFrame::Event(ServerFrame::Summaries {
                    cursor,
                    summaries,
                    more: still_more,
                }) => {
                    self.put(&summaries, &cursor)?;
                    more = still_more;
                }
                AgentServerFrame::Event(ServerFrame::Summary { cursor, summary }) => {
                    self.put(std::slice::from_ref(&summary), &cursor)?;
                    left = left.saturating_sub(1);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps summaries as JSON, to be held against what the API lists.
    fn put(&mut self, summaries: &[Summary], cursor: &str) -> Result<()> {
        for summary in summaries {
            let id = summary.room.id.to_string();
            let known = self
                .rooms
                .get(&id)
                .map_or(0, |known| known["version"].as_u64().unwrap_or(u64::MAX));
            if summary.version >= known {
                self.rooms.insert(id, serde_json::to_value(summary)?);
            }
        }
        self.cursor = Some(cursor.to_owned());
        Ok(())
    }
}
