//! One who writes, with an outbox, and one who reads; both lose their connections.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::watch;
use uuid::Uuid;

use crate::common::{Value, json};
use crate::history::{Outcome, Send, View};
use crate::live_line::LiveLine;
use crate::people::Crowd;

/// How long a client waits after a refusal or a failed connect before it tries again.
const BACK_OFF: Duration = Duration::from_millis(20);
/// Posts of one customer that may be unanswered.
const WINDOW: usize = 4;

/// Somebody in a room.
pub(crate) struct Person {
    pub(crate) room_id: Uuid,
    pub(crate) token: String,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) random: StdRng,
    pub(crate) view: View,
}

impl Person {
    /// Connects, however long that takes, unless told to leave it.
    async fn connect(&mut self, leave: impl Fn() -> bool) -> Result<Option<LiveLine>> {
        loop {
            let addr = *self.crowd.address.borrow();
            if !self.view.seen.is_empty() {
                self.crowd.resumes.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(line) =
                LiveLine::open(addr, self.room_id, &self.token, &mut self.view).await?
            {
                return Ok(Some(line));
            }
            if leave() {
                return Ok(None);
            }
            tokio::time::sleep(BACK_OFF).await;
        }
    }

    fn cuts(&mut self) -> bool {
        let cuts = self.crowd.habits.cut > 0.0 && self.random.random_bool(self.crowd.habits.cut);
        self.crowd
            .cuts
            .fetch_add(u64::from(cuts), Ordering::Relaxed);
        cuts
    }

    /// Reads until there is nothing more to come.
    pub(crate) async fn read(mut self, mut done: watch::Receiver<bool>) -> Result<(Uuid, View)> {
        while !*done.borrow() {
            let Some(mut line) = self.connect(|| *done.borrow()).await? else {
                break;
            };
            loop {
                tokio::select! {
                    frame = line.next(&mut self.view) => {
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

/// Somebody who writes, with an outbox.
pub(crate) struct Customer {
    pub(crate) person: Person,
    pub(crate) sends: Vec<Send>,
    pub(crate) places: HashMap<Uuid, usize>,
    /// What has not been settled, oldest first; the first ones are on their way.
    pub(crate) waiting: VecDeque<Uuid>,
    pub(crate) in_flight: usize,
}

impl Customer {
    pub(crate) async fn write(mut self) -> Result<(Uuid, Vec<Send>, View)> {
        while !self.is_finished() {
            let Some(mut line) = self.person.connect(|| false).await? else {
                break;
            };
            self.in_flight = 0;
            while !self.is_finished() {
                if self.fill(&mut line).await.is_none() {
                    break;
                }
                let Some(frame) = line.next(&mut self.person.view).await? else {
                    break;
                };
                self.take(&frame).await?;
                if self.person.cuts() {
                    break;
                }
            }
        }
        Ok((self.person.room_id, self.sends, self.person.view))
    }

    fn is_finished(&self) -> bool {
        self.waiting.is_empty() && self.person.crowd.quiet.load(Ordering::Relaxed)
    }

    /// Posts until the window is full.
    async fn fill(&mut self, line: &mut LiveLine) -> Option<()> {
        while self.in_flight < WINDOW {
            if self.in_flight == self.waiting.len() {
                if self.person.crowd.quiet.load(Ordering::Relaxed) {
                    break;
                }
                let id = self.begin();
                self.waiting.push_back(id);
            }
            let send = &self.sends[self.places[&self.waiting[self.in_flight]]];
            let post = json!({"type": "post", "id": send.id, "content": send.content});
            line.send(&post).await?;
            self.in_flight += 1;
        }
        Some(())
    }

    /// A new message, or one that was acked long ago.
    fn begin(&mut self) -> Uuid {
        let again = self.person.crowd.habits.again;
        if !self.sends.is_empty() && again > 0.0 && self.person.random.random_bool(again) {
            let place = self.person.random.random_range(0..self.sends.len());
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

    async fn take(&mut self, frame: &Value) -> Result<()> {
        let kind = frame["type"].as_str().unwrap_or("");
        if kind != "ack" && kind != "error" {
            return Ok(());
        }
        let Some(id) = frame["id"].as_str() else {
            bail!("an answer to nothing: {frame}");
        };
        let id: Uuid = id.parse()?;
        let place = self.waiting.iter().position(|waiting| *waiting == id);
        // An answer to a post of an earlier connection cannot come, so it is one of these.
        let place = place.with_context(|| format!("an answer that nobody waits for: {frame}"))?;
        if kind == "error" {
            self.person.crowd.errors.fetch_add(1, Ordering::Relaxed);
            ensure!(
                frame["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "a refusal that says nothing: {frame}"
            );
            self.in_flight -= 1;
            let id = self.waiting.remove(place).context("it is there")?;
            if frame["retryable"] == true {
                // Behind those that are on their way.
                self.waiting.insert(self.in_flight, id);
                tokio::time::sleep(BACK_OFF).await;
            } else {
                self.sends[self.places[&id]].outcome = Outcome::Refused;
            }
            return Ok(());
        }
        let seq = frame["seq"].as_u64().context("no seq")?;
        let send = &mut self.sends[self.places[&id]];
        match send.outcome {
            Outcome::Acked { seq: first, .. } => {
                ensure!(
                    seq == first && frame["duplicate"] == true,
                    "acked first with {first}: {frame}"
                );
            }
            _ => {
                send.outcome = Outcome::Acked {
                    seq,
                    noted: (self.person.crowd.noted)(),
                };
            }
        }
        self.waiting.remove(place);
        self.in_flight -= 1;
        {
            let heads = self.person.crowd.heads.lock();
            let mut heads = heads.unwrap_or_else(PoisonError::into_inner);
            let head = heads.entry(self.person.room_id).or_default();
            *head = seq.max(*head);
        }
        self.person.crowd.acks.send_modify(|acks| *acks += 1);
        Ok(())
    }
}
