//! What a participant posts, and when.

use std::sync::atomic::Ordering;

use anyhow::Result;
use shoptalk_client::chat::Side;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Participant, Unacked};
use crate::conversations::phase::{Phase, Timetable};
use crate::conversations::shared::{Shared, lock};
use crate::texts;
use crate::wire::Wire;

impl Participant {
    /// Starts the phase, and returns its timetable if it has one.
    pub(super) fn begin_phase(
        &mut self,
        shared: &Shared,
        phase: Phase,
        first: bool,
    ) -> Option<Timetable> {
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

    /// When the next post is due by the timetable; `None` if all are sent or the windows are full.
    pub(super) fn next_due(&self, shared: &Shared, timetable: Timetable) -> Option<Instant> {
        let open = self.memberships.iter().filter(|membership| {
            membership.posted < timetable.each && membership.unacked.len() < timetable.window
        });
        let rooms = shared.rooms.len();
        open.map(|membership| timetable.due(membership.place, rooms, self.side, membership.posted))
            .min()
    }

    /// Posts all that was due by `due`.
    pub(super) fn post_due(&mut self, shared: &Shared, timetable: Timetable, due: Instant) {
        let rooms = shared.rooms.len();
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

    /// Posts a new message. Its latency counts from `since`.
    pub(super) fn post(&mut self, shared: &Shared, at: usize, since: Instant) {
        let (id, content) = (Uuid::now_v7(), texts::next());
        let membership = &mut self.memberships[at];
        membership.unacked.push_back(Unacked { since, id, content });
        shared.unacked.fetch_add(1, Ordering::SeqCst);
        if shared.across {
            lock(&shared.rooms[membership.place]).in_flight[self.side as usize].push_back(since);
        }
        self.queue_post(shared, at, id, content);
    }

    pub(super) fn queue_post(&mut self, shared: &Shared, at: usize, id: Uuid, content: &str) {
        self.calls = self.calls.wrapping_add(1).max(1);
        let room_id = &self.memberships[at].id;
        shared
            .wire_format
            .post_into(&mut self.out, room_id, id, content, self.calls);
    }

    pub(super) async fn flush(&mut self, wire: &mut Wire) -> Result<()> {
        if !self.out.is_empty() {
            wire.write(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }
}
