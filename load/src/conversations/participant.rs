//! A customer or an agent at a console: one task that reads its socket from beginning to end, posts
//! when the phase demands it, and reconnects.

mod posting;
mod receiving;

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use shoptalk_client::chat::Side;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::phase::Phase;
use super::shared::{Shared, lock};
use crate::wire::{Closed, Wire};
use crate::wire_format::{RoomKey, WireFormat};

/// How long a console that was closed stays away.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

/// A post without an ack.
pub(super) struct Unacked {
    since: Instant,
    pub(super) id: Uuid,
    content: &'static str,
}

/// A participant's part in one room.
pub(super) struct Membership {
    /// The room's index in `Shared::rooms`.
    pub(super) place: usize,
    pub(super) key: RoomKey,
    pub(super) id: String,
    pub(super) last_seq: u64,
    pub(super) unacked: VecDeque<Unacked>,
    /// How many posts of the present timetable were sent.
    pub(super) posted: u32,
}

/// A customer, or an agent at a console.
pub(super) struct Participant {
    side: Side,
    token: String,
    memberships: Vec<Membership>,
    /// The index in `Shared::shown`, if this console's states are timed.
    timed: Option<usize>,
    cursor: String,
    /// Encoded frames that are not written yet.
    out: Vec<u8>,
    /// The number of the last call, by which Socket.IO matches an ack.
    calls: u32,
    /// Answers to the hello and to joins since the last connect.
    joined: usize,
    /// Until when a new post follows the last one in the present phase.
    posting_until: Option<Instant>,
}

impl Participant {
    pub(super) fn new(
        side: Side,
        token: String,
        memberships: Vec<Membership>,
        timed: Option<usize>,
    ) -> Self {
        Self {
            side,
            token,
            memberships,
            timed,
            cursor: String::new(),
            out: Vec::new(),
            calls: 0,
            joined: 0,
            posting_until: None,
        }
    }

    /// Connects, resumes in all rooms, and posts again what has no ack.
    pub(super) async fn connect(&mut self, shared: &Shared) -> Result<Wire> {
        let wire_format = shared.wire_format;
        let mut wire = Wire::open(
            shared.addr,
            &wire_format.path(self.side, &self.first_room_id()),
        )
        .await?;
        let hello = match self.side {
            Side::Visitor => wire_format.customer_hello(
                &self.memberships[0].id,
                &self.token,
                self.memberships[0].last_seq,
            ),
            Side::Agent => {
                let resume = (!self.cursor.is_empty())
                    .then_some((shared.epoch.as_str(), self.cursor.as_str()));
                wire_format.agent_hello(&self.token, resume)
            }
        };
        wire.send(&hello).await?;
        if wire_format == WireFormat::SocketIo {
            // The server has to accept the connection to the namespace before anything else is sent.
            while !wire.next().await?.starts_with(b"40") {}
        }
        self.joined = 0;
        let mut awaited = match (wire_format, self.side) {
            // The peer sends agents no welcome.
            (WireFormat::SocketIo, Side::Agent) => 0,
            _ => 1,
        };
        if self.side == Side::Agent {
            for membership in &self.memberships {
                wire.send(&wire_format.join(&membership.id, membership.last_seq))
                    .await?;
            }
            awaited += self.memberships.len();
        }
        while self.joined < awaited {
            let frame = wire.next().await?;
            self.receive(shared, frame)?;
        }
        // Receiving the pages may have queued replies. They have no ack either, and are posted below.
        self.out.clear();
        for at in 0..self.memberships.len() {
            for n in 0..self.memberships[at].unacked.len() {
                let Unacked { id, content, .. } = self.memberships[at].unacked[n];
                self.queue_post(shared, at, id, content);
            }
        }
        self.flush(&mut wire).await?;
        Ok(wire)
    }

    fn first_room_id(&self) -> String {
        self.memberships
            .first()
            .map_or_else(String::new, |membership| membership.id.clone())
    }

    /// Takes part until its task is aborted. `first` is whether it is the console that posts in a
    /// broadcast.
    pub(super) async fn run(
        mut self,
        shared: Arc<Shared>,
        mut wire: Wire,
        phases: watch::Receiver<Phase>,
        first: bool,
    ) -> Result<()> {
        // Kept across the loop's turns: a new future for each would cost more.
        let mut phase = Box::pin(next_phase(phases));
        let mut timetable = None;
        let mut so_far = (0, 0);
        loop {
            let due = timetable.and_then(|timetable| self.next_due(&shared, timetable));
            let received = tokio::select! {
                biased;
                () = at(due) => {
                    if let (Some(timetable), Some(due)) = (timetable, due) {
                        self.post_due(&shared, timetable, due);
                    }
                    Ok(())
                }
                frame = wire.next() => match frame {
                    Ok(frame) => self.receive(&shared, frame),
                    Err(error) => Err(error),
                },
                changed = &mut phase => {
                    let (phases, now) = changed?;
                    phase.set(next_phase(phases));
                    timetable = self.begin_phase(&shared, now, first);
                    Ok(())
                }
            };
            // Frames that arrived together are handled together, with one write at the end.
            let received = received.and_then(|()| {
                while let Some(frame) = wire.buffered()? {
                    self.receive(&shared, frame)?;
                }
                Ok(())
            });
            if self.side == Side::Agent {
                let now = (wire.reads(), wire.bytes_in());
                shared
                    .console_reads
                    .fetch_add(now.0 - so_far.0, Ordering::Relaxed);
                shared
                    .console_bytes
                    .fetch_add(now.1 - so_far.1, Ordering::Relaxed);
                so_far = now;
            }
            let received = match received {
                Ok(()) => self.flush(&mut wire).await,
                error => error,
            };
            if let Err(error) = received {
                shared.away.fetch_add(1, Ordering::SeqCst);
                wire = self.reconnect(&shared, error).await?;
                so_far = (0, 0);
                shared.away.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Connects again after the server has closed the socket, as often as that happens, and counts
    /// each close by its code. Any other error is returned.
    async fn reconnect(&mut self, shared: &Shared, mut error: anyhow::Error) -> Result<Wire> {
        loop {
            let Some(Closed(code)) = error.downcast_ref() else {
                return Err(error);
            };
            *lock(&shared.measured).closed.entry(*code).or_default() += 1;
            sleep(RECONNECT_AFTER).await;
            error = match self.connect(shared).await {
                Ok(wire) => return Ok(wire),
                Err(error) => error,
            };
        }
    }
}

async fn next_phase(mut phases: watch::Receiver<Phase>) -> Result<(watch::Receiver<Phase>, Phase)> {
    phases.changed().await?;
    let phase = *phases.borrow_and_update();
    Ok((phases, phase))
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
