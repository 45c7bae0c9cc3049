//! What a participant does with a frame, and what is measured of it.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use shoptalk_client::chat::Side;
use tokio::time::Instant;

use super::Participant;
use crate::conversations::shared::{Shared, lock};
use crate::wire::text_after;
use crate::wire_format::{FrameKind, messages_of, room_of, states_of};

impl Participant {
    pub(super) fn receive(&mut self, shared: &Shared, frame: &[u8]) -> Result<()> {
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
        at.context("a frame of a room that was not joined")
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
        let mut room = lock(&shared.rooms[membership.place]);
        room.commit(seq, now);
        let Some(since) = room.in_flight[from as usize].pop_front() else {
            return Ok(());
        };
        drop(room);
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
            .context("an ack without a post")?;
        shared.unacked.fetch_sub(1, Ordering::SeqCst);
        lock(&shared.rooms[membership.place]).commit(crate::wire::seq(frame)?, now);
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

    /// Measures how old the states of rooms in a frame are, if this console is one of the timed ones.
    fn states(&self, shared: &Shared, frame: &[u8]) -> Result<()> {
        let Some(timed) = self.timed else {
            return Ok(());
        };
        let now = Instant::now();
        let mut shown = lock(&shared.shown[timed]);
        let mut measured = lock(&shared.measured);
        for (key, seq) in states_of(frame) {
            let Some(&place) = shared.places.get(&key) else {
                continue;
            };
            let room = lock(&shared.rooms[place]);
            let newest = seq as usize;
            // A state may arrive before the ack.
            let since = room.committed.get(newest.wrapping_sub(1));
            let age = since.map_or(0, |since| micros(now, *since));
            if seq > shown[place] {
                measured.arrival.record(age)?;
                for at in shown[place] as usize..newest {
                    let age = room.committed.get(at);
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
