//! A writer, with an outbox, and a reader; both lose their connections.
//!
//! The writer has several posts in flight and posts acked ones again, which the client library
//! never does and a server has to take.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use shoptalk_client::protocol::{ErrorFrame, ServerFrame, VisitorFrame, VisitorServerFrame};
use tokio::sync::watch;
use uuid::Uuid;

use crate::history::{Outcome, Send, View};
use crate::visitor_socket::VisitorSocket;
use crate::workload::WorkloadState;

/// How long a client waits after a refusal or a failed connect before it tries again.
const BACK_OFF: Duration = Duration::from_millis(20);
/// Posts of one customer that may be unanswered.
const WINDOW: usize = 4;

/// A participant of a room.
pub(crate) struct Participant {
    pub(crate) room_id: Uuid,
    pub(crate) token: String,
    pub(crate) state: Arc<WorkloadState>,
    pub(crate) random: StdRng,
    pub(crate) view: View,
}

impl Participant {
    /// Connects, however long that takes. `None` when `leave` returned true meanwhile.
    async fn connect(&mut self, leave: impl Fn() -> bool) -> Result<Option<VisitorSocket>> {
        loop {
            let addr = self.a_node();
            if !self.view.seen.is_empty() {
                self.state.resumes.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(socket) =
                VisitorSocket::try_connect(addr, self.room_id, &self.token, &mut self.view).await?
            {
                return Ok(Some(socket));
            }
            if leave() {
                return Ok(None);
            }
            tokio::time::sleep(BACK_OFF).await;
        }
    }

    fn a_node(&mut self) -> SocketAddr {
        let addresses = self.state.addresses.borrow();
        addresses[self.random.random_range(0..addresses.len())]
    }

    fn cuts(&mut self) -> bool {
        let cuts =
            self.state.behavior.cut > 0.0 && self.random.random_bool(self.state.behavior.cut);
        self.state
            .cuts
            .fetch_add(u64::from(cuts), Ordering::Relaxed);
        cuts
    }

    /// Reads until there is nothing more to come.
    pub(crate) async fn read(mut self, mut done: watch::Receiver<bool>) -> Result<(Uuid, View)> {
        while !*done.borrow() {
            let Some(mut socket) = self.connect(|| *done.borrow()).await? else {
                break;
            };
            loop {
                tokio::select! {
                    frame = socket.next(&mut self.view) => {
                        if frame?.is_none() || self.cuts() {
                            break;
                        }
                    }
                    _ = done.wait_for(|done| *done) => break,
                }
            }
        }
        Ok((self.room_id, self.view))
    }
}

/// A participant who posts, with an outbox.
pub(crate) struct Writer {
    pub(crate) participant: Participant,
    pub(crate) sends: Vec<Send>,
    pub(crate) places: HashMap<Uuid, usize>,
    /// What has not been settled, oldest first; the first ones are on their way.
    pub(crate) waiting: VecDeque<Uuid>,
    pub(crate) in_flight: usize,
}

impl Writer {
    pub(crate) async fn write(mut self) -> Result<(Uuid, Vec<Send>, View)> {
        while !self.is_finished() {
            let Some(mut socket) = self.participant.connect(|| false).await? else {
                break;
            };
            self.in_flight = 0;
            while !self.is_finished() {
                if self.fill(&mut socket).await.is_none() {
                    break;
                }
                let Some(frame) = socket.next(&mut self.participant.view).await? else {
                    break;
                };
                self.take(frame).await?;
                if self.participant.cuts() {
                    break;
                }
            }
        }
        Ok((self.participant.room_id, self.sends, self.participant.view))
    }

    fn is_finished(&self) -> bool {
        self.waiting.is_empty() && self.participant.state.stopping.load(Ordering::Relaxed)
    }

    /// Posts until the window is full.
    async fn fill(&mut self, socket: &mut VisitorSocket) -> Option<()> {
        while self.in_flight < WINDOW {
            if self.in_flight == self.waiting.len() {
                if self.participant.state.stopping.load(Ordering::Relaxed) {
                    break;
                }
                let id = self.begin();
                self.waiting.push_back(id);
            }
            let send = &self.sends[self.places[&self.waiting[self.in_flight]]];
            let post = VisitorFrame::Post {
                id: send.id,
                content: send.content.clone(),
            };
            socket.send(&post).await?;
            self.in_flight += 1;
        }
        Some(())
    }

    /// A new message, or one that was acked long ago.
    fn begin(&mut self) -> Uuid {
        let repost = self.participant.state.behavior.repost;
        if !self.sends.is_empty() && repost > 0.0 && self.participant.random.random_bool(repost) {
            let place = self.participant.random.random_range(0..self.sends.len());
            let id = self.sends[place].id;
            if !self.waiting.contains(&id) {
                return id;
            }
        }
        let id = Uuid::now_v7();
        self.places.insert(id, self.sends.len());
        let content = format!(
            "Message {} of mine: has it been sent?",
            self.sends.len() + 1
        );
        self.sends.push(Send {
            id,
            content,
            outcome: Outcome::Unknown,
        });
        id
    }

    /// Handles the reply to one of the posts.
    async fn take(&mut self, frame: VisitorServerFrame) -> Result<()> {
        match frame {
            VisitorServerFrame::Error(error) => self.refused(&error).await,
            VisitorServerFrame::Event(ServerFrame::Ack {
                id, seq, duplicate, ..
            }) => self.acked(id, seq, duplicate),
            _ => Ok(()),
        }
    }

    /// The place of a post that was just answered, in the order of waiting. An answer to a post of
    /// an earlier connection cannot come, so it is one of these.
    fn responded(&self, id: Uuid) -> Result<usize> {
        let place = self.waiting.iter().position(|waiting| *waiting == id);
        place.with_context(|| format!("an answer to {id}, which nobody waits for"))
    }

    async fn refused(&mut self, error: &ErrorFrame) -> Result<()> {
        let id = error.id.as_ref().context("a refusal of nothing")?;
        let id: Uuid = id.parse()?;
        let place = self.responded(id)?;
        self.participant
            .state
            .errors
            .fetch_add(1, Ordering::Relaxed);
        ensure!(!error.message.is_empty(), "a refusal without words");
        self.in_flight -= 1;
        self.waiting.remove(place);
        if error.retryable {
            // Behind those that are on their way.
            self.waiting.insert(self.in_flight, id);
            tokio::time::sleep(BACK_OFF).await;
        } else {
            self.sends[self.places[&id]].outcome = Outcome::Refused;
        }
        Ok(())
    }

    fn acked(&mut self, id: Uuid, seq: u64, duplicate: bool) -> Result<()> {
        let place = self.responded(id)?;
        let send = &mut self.sends[self.places[&id]];
        match send.outcome {
            Outcome::Acked { seq: first, .. } => {
                ensure!(
                    seq == first && duplicate,
                    "acked first with {first}, then with {seq}"
                );
            }
            _ => {
                send.outcome = Outcome::Acked {
                    seq,
                    journaled: (self.participant.state.journaled)(),
                };
            }
        }
        self.waiting.remove(place);
        self.in_flight -= 1;
        {
            let heads = self.participant.state.heads.lock();
            let mut heads = heads.unwrap_or_else(PoisonError::into_inner);
            let head = heads.entry(self.participant.room_id).or_default();
            *head = seq.max(*head);
        }
        self.participant.state.acks.send_modify(|acks| *acks += 1);
        Ok(())
    }
}
