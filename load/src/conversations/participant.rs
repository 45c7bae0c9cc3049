use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use shoptalk_client::chat::Side;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::phase::{Phase, Timetable};
use super::shared::{Shared, lock};
use crate::texts;
use crate::wire::{Closed, Wire, text_after};
use crate::wire_format::{FrameKind, RoomKey, WireFormat, messages_of, room_of, states_of};

/// How long a console that was closed stays away.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

/// A post without an ack.
pub(super) struct Unacked {
    since: Instant,
    pub(super) id: Uuid,
    content: &'static str,
}

/// Somebody's place in one room.
pub(super) struct Membership {
    /// The room's place among all.
    pub(super) place: usize,
    pub(super) key: RoomKey,
    pub(super) id: String,
    pub(super) last_seq: u64,
    pub(super) unacked: VecDeque<Unacked>,
    /// Posts of the present timetable.
    pub(super) posted: u32,
}

/// A customer, or an agent at a console.
pub(super) struct Participant {
    side: Side,
    token: String,
    memberships: Vec<Membership>,
    /// The place of this console's states, when they are timed.
    watches: Option<usize>,
    cursor: String,
    /// Frames to send.
    out: Vec<u8>,
    calls: u32,
    joined: usize,
    /// Until when the present phase lets this one post again.
    posting_until: Option<Instant>,
}

impl Participant {
    pub(super) fn new(
        side: Side,
        token: String,
        memberships: Vec<Membership>,
        watches: Option<usize>,
    ) -> Self {
        Self {
            side,
            token,
            memberships,
            watches,
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
            // Nothing may follow before the connection to the namespace is answered.
            while !wire.next().await?.starts_with(b"40") {}
        }
        self.joined = 0;
        let mut awaited = match (wire_format, self.side) {
            // The peer greets its agents with the answer to the connection alone.
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
        // An answer to what stood in a page is without an ack as well.
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

    pub(super) async fn run(
        mut self,
        shared: Arc<Shared>,
        mut wire: Wire,
        phases: watch::Receiver<Phase>,
        first: bool,
    ) -> Result<()> {
        // One future for all turns of the loop, which costs less than one for each.
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
                    timetable = self.begin(&shared, now, first);
                    Ok(())
                }
            };
            // What came together is received together, and answered in one write.
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

    /// Connects again after it was closed, as often as that happens, and counts it.
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

    /// Takes up what everybody does now.
    fn begin(&mut self, shared: &Shared, phase: Phase, first: bool) -> Option<Timetable> {
        self.posting_until = None;
        match phase {
            Phase::Quiet => {}
            Phase::Alternating { until } => {
                self.posting_until = Some(until);
                if self.side == Side::Visitor {
                    self.post(shared, 0, Instant::now());
                }
            }
            Phase::Broadcast { until, in_flight } => {
                self.posting_until = Some(until);
                if first {
                    for _ in 0..in_flight {
                        self.post(shared, 0, Instant::now());
                    }
                }
            }
            Phase::Fixed(timetable) => {
                for membership in &mut self.memberships {
                    membership.posted = 0;
                }
                return Some(timetable);
            }
        }
        None
    }

    /// When this one posts next by the timetable, if the window lets it.
    fn next_due(&self, shared: &Shared, timetable: Timetable) -> Option<Instant> {
        let open = self.memberships.iter().filter(|membership| {
            membership.posted < timetable.each && membership.unacked.len() < timetable.window
        });
        let rooms = shared.lines.len();
        open.map(|membership| timetable.due(membership.place, rooms, self.side, membership.posted))
            .min()
    }

    /// Posts what is due.
    fn post_due(&mut self, shared: &Shared, timetable: Timetable, due: Instant) {
        let rooms = shared.lines.len();
        for at in 0..self.memberships.len() {
            let membership = &self.memberships[at];
            if membership.posted < timetable.each
                && membership.unacked.len() < timetable.window
                && timetable.due(membership.place, rooms, self.side, membership.posted) <= due
            {
                self.memberships[at].posted += 1;
                let since = if timetable.from_due {
                    due
                } else {
                    Instant::now()
                };
                self.post(shared, at, since);
                if self.memberships[at].posted == timetable.each {
                    shared.unfinished.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Posts a new message, which is timed from `since` on.
    fn post(&mut self, shared: &Shared, at: usize, since: Instant) {
        let (id, content) = (Uuid::now_v7(), texts::next());
        let membership = &mut self.memberships[at];
        membership.unacked.push_back(Unacked { since, id, content });
        shared.unacked.fetch_add(1, Ordering::SeqCst);
        if shared.across {
            lock(&shared.lines[membership.place]).in_flight[self.side as usize].push_back(since);
        }
        self.queue_post(shared, at, id, content);
    }

    fn queue_post(&mut self, shared: &Shared, at: usize, id: Uuid, content: &str) {
        self.calls = self.calls.wrapping_add(1).max(1);
        let room_id = &self.memberships[at].id;
        shared
            .wire_format
            .post_into(&mut self.out, room_id, id, content, self.calls);
    }

    async fn flush(&mut self, wire: &mut Wire) -> Result<()> {
        if !self.out.is_empty() {
            wire.write(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// The membership in the room that a frame is about.
    fn membership_of(&self, frame: &[u8]) -> Result<usize> {
        if self.memberships.len() == 1 {
            return Ok(0);
        }
        let key = room_of(frame).context("no room")?;
        let at = self
            .memberships
            .iter()
            .position(|membership| membership.key == key);
        at.context("a strange room")
    }

    fn receive(&mut self, shared: &Shared, frame: &[u8]) -> Result<()> {
        let received = shared.wire_format.kind_of(frame);
        match received {
            FrameKind::Message => {
                let at = self.membership_of(frame)?;
                let (seq, from) = messages_of(frame).next().context("no message")?;
                self.message(shared, at, seq, from)?;
            }
            FrameKind::Ack => self.ack(shared, frame)?,
            FrameKind::Summary if self.side == Side::Agent => {
                self.keep_cursor(frame);
                self.states(shared, frame)?;
            }
            FrameKind::Summaries => {
                self.keep_cursor(frame);
                self.states(shared, frame)?;
            }
            FrameKind::Welcome if self.side == Side::Agent => {
                self.joined += 1;
                self.keep_cursor(frame);
                self.states(shared, frame)?;
            }
            FrameKind::Joined | FrameKind::Page | FrameKind::Welcome => {
                self.joined += usize::from(received != FrameKind::Page);
                let at = if self.side == Side::Visitor {
                    0
                } else {
                    self.membership_of(frame)?
                };
                for (seq, from) in messages_of(frame) {
                    self.message(shared, at, seq, from)?;
                }
            }
            FrameKind::Ping => {
                let pong = shared.wire_format.pong();
                crate::wire::frame_into(&mut self.out, pong.as_bytes());
            }
            FrameKind::Refused => bail!("refused: {}", String::from_utf8_lossy(frame)),
            FrameKind::Summary | FrameKind::Other => {}
        }
        Ok(())
    }

    fn message(&mut self, shared: &Shared, at: usize, seq: u64, from: Side) -> Result<()> {
        let membership = &mut self.memberships[at];
        membership.last_seq = shared.check.received(membership.last_seq, seq);
        if shared.broadcasting.load(Ordering::Relaxed) {
            shared.delivered.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if from == self.side {
            return Ok(());
        }
        let now = Instant::now();
        let mut line = lock(&shared.lines[membership.place]);
        line.commit(seq, now);
        let Some(since) = line.in_flight[from as usize].pop_front() else {
            return Ok(());
        };
        drop(line);
        let mut measured = lock(&shared.measured);
        measured.messages += 1;
        measured.across.record(micros(now, since))?;
        drop(measured);
        if !shared.answering.load(Ordering::Relaxed) {
            return Ok(());
        }
        match (self.side, self.posting_until) {
            (Side::Visitor, Some(until)) if now >= until => {
                shared.unfinished.fetch_sub(1, Ordering::SeqCst);
            }
            _ => self.post(shared, at, now),
        }
        Ok(())
    }

    fn ack(&mut self, shared: &Shared, frame: &[u8]) -> Result<()> {
        let at = self.membership_of(frame)?;
        let (membership, now) = (&mut self.memberships[at], Instant::now());
        let acked = membership
            .unacked
            .pop_front()
            .context("an ack of nothing")?;
        shared.unacked.fetch_sub(1, Ordering::SeqCst);
        lock(&shared.lines[membership.place]).commit(crate::wire::seq(frame)?, now);
        lock(&shared.measured).ack[self.side as usize].record(micros(now, acked.since))?;
        if shared.broadcasting.load(Ordering::Relaxed) {
            match self.posting_until {
                Some(until) if now < until => self.post(shared, at, now),
                _ => {
                    shared.unfinished.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
        Ok(())
    }

    fn keep_cursor(&mut self, frame: &[u8]) {
        // Most frames begin with it.
        let first = &frame[..frame.len().min(64)];
        if let Some(cursor) =
            text_after(first, b"\"cursor\":\"").or_else(|| text_after(frame, b"\"cursor\":\""))
        {
            self.cursor.clear();
            self.cursor.push_str(&String::from_utf8_lossy(cursor));
        }
    }

    /// Times the states of rooms that this console is shown.
    fn states(&self, shared: &Shared, frame: &[u8]) -> Result<()> {
        let Some(watches) = self.watches else {
            return Ok(());
        };
        let now = Instant::now();
        let mut shown = lock(&shared.shown[watches]);
        let mut measured = lock(&shared.measured);
        for (key, seq) in states_of(frame) {
            let Some(&place) = shared.places.get(&key) else {
                continue;
            };
            let line = lock(&shared.lines[place]);
            let newest = seq as usize;
            // A state may be faster than the ack.
            let since = line.committed.get(newest.wrapping_sub(1));
            let age = since.map_or(0, |since| micros(now, *since));
            if seq > shown[place] {
                measured.arrival.record(age)?;
                for at in shown[place] as usize..newest {
                    let age = line.committed.get(at);
                    let age = age.map_or(0, |since| micros(now, *since));
                    measured.state.record(age)?;
                }
                shown[place] = seq;
            }
        }
        Ok(())
    }
}

fn micros(now: Instant, since: Instant) -> u64 {
    now.saturating_duration_since(since).as_micros() as u64
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
