//! G6: the same ids, posted to several nodes at once.

use std::collections::HashSet;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use shoptalk_client::protocol::{ServerFrame, VisitorFrame, VisitorServerFrame};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::common::Rest;
use crate::history::{Outcome, RoomHistory, Send, View};
use crate::report::{Form, Line};
use crate::visitor_socket::VisitorSocket;
use crate::workload::open_room;

const NODES: usize = 3;
const ROOMS: usize = 16;
/// Ids that are on their way at a time, in a room.
const WINDOW: usize = 8;

/// Each id becomes one message, whoever was first, and all nodes answer with its place.
pub(crate) async fn posted_at_once(form: Form, line: Line) -> Result<()> {
    let ids = form.pick(2_000, 100_000);
    let cluster = Cluster::start(NODES).await?;
    let addresses = cluster.addresses();
    let mut rooms = JoinSet::new();
    for _ in 0..ROOMS {
        let (room_id, token) = open_room(&Rest::new(addresses[0])).await?;
        let mut room = Room {
            room_id,
            token,
            addresses: addresses.clone(),
            sends: Vec::new(),
            new: 0,
            refusals: 0,
        };
        rooms.spawn(async move {
            let views = room.post(ids / ROOMS).await?;
            anyhow::Ok((room, views))
        });
    }
    let (mut histories, mut new, mut refusals) = (Vec::new(), 0, 0);
    while let Some(done) = rooms.join_next().await {
        let (room, views) = done??;
        new += room.new;
        refusals += room.refusals;
        histories.push(RoomHistory {
            room_id: room.room_id,
            sends: room.sends,
            views,
        });
    }
    let verdict = cluster.check(&histories)?;
    cluster.end().await?;
    line.figure(
        &format!("{ids} ids posted to {NODES} nodes at once, in {ROOMS} rooms"),
        format!("{new} acked as new, {refusals} refusals; {verdict}"),
        "one message each",
        verdict.acked == verdict.sent && (new == verdict.sent || refusals > 0),
    )
}

struct Room {
    room_id: Uuid,
    token: String,
    addresses: Vec<SocketAddr>,
    sends: Vec<Send>,
    /// Posts that were acked as new.
    new: usize,
    /// Posts that were refused and posted again.
    refusals: usize,
}

impl Room {
    /// Posts as many ids over a socket to each node. Returns what each socket has shown.
    async fn post(&mut self, ids: usize) -> Result<Vec<View>> {
        let mut clients = Vec::new();
        for addr in self.addresses.clone() {
            let mut view = View::default();
            let socket = VisitorSocket::connect(addr, self.room_id, &self.token, &mut view).await?;
            clients.push((socket, view));
        }
        while self.sends.len() < ids {
            let first = self.sends.len();
            for number in first..ids.min(first + WINDOW) {
                self.sends.push(Send {
                    id: Uuid::now_v7(),
                    content: format!("message {number}"),
                    outcome: Outcome::Unknown,
                });
            }
            for place in first..self.sends.len() {
                for (socket, _) in &mut clients {
                    self.send(socket, place).await?;
                }
            }
            for (socket, view) in &mut clients {
                self.take_replies(first, socket, view).await?;
            }
        }
        // Everybody is shown all of it.
        for (socket, view) in &mut clients {
            while view.last() < ids as u64 {
                socket.next(view).await?.context("a socket was closed")?;
            }
        }
        Ok(clients.into_iter().map(|(_, view)| view).collect())
    }

    async fn send(&self, socket: &mut VisitorSocket, place: usize) -> Result<()> {
        let send = &self.sends[place];
        let post = VisitorFrame::Post {
            id: send.id,
            content: send.content.clone(),
        };
        socket.send(&post).await.context("a socket was closed")
    }

    /// Reads until every id from `first` on is acked on this socket.
    async fn take_replies(
        &mut self,
        first: usize,
        socket: &mut VisitorSocket,
        view: &mut View,
    ) -> Result<()> {
        let mut waiting: HashSet<Uuid> = self.sends[first..].iter().map(|send| send.id).collect();
        while !waiting.is_empty() {
            match socket.next(view).await?.context("a socket was closed")? {
                VisitorServerFrame::Error(error) => {
                    ensure!(error.retryable, "{error:?}");
                    self.refusals += 1;
                    let id: Uuid = error.id.context("a refusal of nothing")?.parse()?;
                    let place = self.place(first, id)?;
                    self.send(socket, place).await?;
                }
                VisitorServerFrame::Event(ServerFrame::Ack {
                    id, seq, duplicate, ..
                }) => {
                    ensure!(waiting.remove(&id), "a second answer to {id}");
                    self.new += usize::from(!duplicate);
                    self.acked(first, id, seq)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn place(&self, first: usize, id: Uuid) -> Result<usize> {
        let found = self.sends[first..].iter().position(|send| send.id == id);
        Ok(first + found.with_context(|| format!("an answer to {id}, which nobody has sent"))?)
    }

    fn acked(&mut self, first: usize, id: Uuid, seq: u64) -> Result<()> {
        let place = self.place(first, id)?;
        let acked = Outcome::Acked { seq, journaled: 0 };
        let before = std::mem::replace(&mut self.sends[place].outcome, acked.clone());
        ensure!(
            before == Outcome::Unknown || before == acked,
            "acked as {before:?} and as {acked:?}"
        );
        Ok(())
    }
}
