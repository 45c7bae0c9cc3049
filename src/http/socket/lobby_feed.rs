use std::collections::{HashSet, VecDeque};

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::actors::{Cursor, LobbyPlace, LobbySubscription, Presence};
use crate::chat::limits::{PAGE_BYTES, PAGE_ITEMS};
use crate::chat::{Counts, RoomId, RoomRecord, Summary};
use crate::persistence::{Store, StoreError};
use crate::protocol::{AgentHello, ServerFrame, encode};

/// Rooms of a console's first sight.
const FIRST_SIGHT_ROOMS: usize = 1_000;
/// What a frame holds beside its summaries.
const ENVELOPE_BYTES: usize = 1_024;

/// The lobby on its way to one console.
///
/// Safety: `cursor` never passes a change that this console has not been sent.
/// Liveness: whatever rings are lost, [`close_gap`](Self::close_gap) reads what
/// changed from the store; it runs when a ring is out of turn and before every
/// ping.
pub(super) struct LobbyFeed {
    subscription: LobbySubscription,
    /// Everything up to here has been sent.
    cursor: u64,
    /// The number of the lobby's last ring.
    rung: u64,
    /// Read, but not sent yet.
    unsent: VecDeque<Unsent>,
    /// What the cursor becomes when `unsent` is empty.
    cursor_after: u64,
    /// Unsent frames of a first sight, which has no order to resume by.
    first_sight: bool,
    /// The store has more after `unsent`.
    more_in_store: bool,
    catching_up: bool,
    /// Visitors that the console believes to be online.
    told_online: HashSet<RoomId>,
    told_counts: Counts,
}

struct Unsent {
    summary: Summary,
    change: u64,
    bytes: usize,
}

/// What a console's welcome, or the next `summaries` frame, holds.
pub(super) struct LobbyPage {
    pub(super) cursor: String,
    pub(super) summaries: Vec<Summary>,
    pub(super) more: bool,
}

impl LobbyFeed {
    /// Begins where the console left off; returns whether that was possible.
    pub(super) async fn begin(
        subscription: LobbySubscription,
        hello: &AgentHello,
        store: &Store,
        presence: &Presence,
    ) -> Result<(Self, bool), StoreError> {
        let same_epoch = hello
            .epoch
            .as_deref()
            .is_none_or(|epoch| epoch == store.epoch());
        let cursor = hello.cursor.as_deref().filter(|_| same_epoch);
        let cursor = match cursor.and_then(|text| Cursor::decode(text, store.epoch())) {
            Some(Cursor::Change(change)) if change <= store.head().change => Some(change),
            _ => None,
        };
        let mut feed = Self {
            subscription,
            cursor: cursor.unwrap_or(0),
            rung: 0,
            unsent: VecDeque::new(),
            cursor_after: 0,
            first_sight: cursor.is_none(),
            more_in_store: false,
            catching_up: true,
            told_online: presence.online_rooms().into_iter().collect(),
            told_counts: store.head().counts,
        };
        feed.subscription.live.turn_on();
        if feed.first_sight {
            let sight = store.lobby_snapshot(FIRST_SIGHT_ROOMS).await?;
            feed.cursor_after = sight.change;
            feed.queue(sight.records, presence);
        } else {
            feed.read_on(store, presence).await?;
        }
        Ok((feed, cursor.is_some()))
    }

    /// The rooms that were online when the feed began.
    pub(super) fn online(&self) -> Vec<RoomId> {
        self.told_online.iter().copied().collect()
    }

    /// The counts when the feed began.
    pub(super) fn counts(&self) -> Counts {
        self.told_counts
    }

    /// Whether [`next_page`](Self::next_page) has to be called.
    pub(super) fn is_catching_up(&self) -> bool {
        self.catching_up
    }

    /// Whether the subscription is this feed's.
    pub(super) fn is_subscription(&self, id: crate::actors::SubscriptionId) -> bool {
        self.subscription.id == id
    }

    async fn read_on(&mut self, store: &Store, presence: &Presence) -> Result<(), StoreError> {
        let page = store.changed_since(self.cursor, PAGE_ITEMS).await?;
        self.more_in_store = page.more;
        self.cursor_after = page.change.max(self.cursor);
        self.queue(page.records, presence);
        Ok(())
    }

    fn queue(&mut self, records: Vec<RoomRecord>, presence: &Presence) {
        self.unsent.extend(records.into_iter().map(|record| {
            let summary = record.summary(presence.is_online(record.room.id));
            let bytes = serde_json::to_string(&summary).map_or(PAGE_BYTES, |text| text.len() + 1);
            Unsent {
                summary,
                change: record.change,
                bytes,
            }
        }));
    }

    /// The next frame's worth of summaries. With the last one the feed is live.
    pub(super) async fn next_page(
        &mut self,
        store: &Store,
        presence: &Presence,
    ) -> Result<LobbyPage, StoreError> {
        if self.unsent.is_empty() && self.more_in_store {
            self.read_on(store, presence).await?;
        }
        let mut summaries = Vec::new();
        let mut bytes = ENVELOPE_BYTES;
        while summaries.len() < PAGE_ITEMS {
            let fits = |unsent: &Unsent| summaries.is_empty() || bytes + unsent.bytes <= PAGE_BYTES;
            let Some(next) = self.unsent.pop_front_if(|unsent| fits(unsent)) else {
                break;
            };
            bytes += next.bytes;
            if !self.first_sight {
                self.cursor = next.change;
            }
            summaries.push(next.summary);
        }
        if self.unsent.is_empty() {
            self.cursor = self.cursor_after;
            self.first_sight = false;
        }
        let more = !self.unsent.is_empty() || self.more_in_store;
        self.catching_up = more;
        let place = if self.first_sight {
            Cursor::Start
        } else {
            Cursor::Change(self.cursor)
        };
        Ok(LobbyPage {
            cursor: place.encode(store.epoch()),
            summaries,
            more,
        })
    }

    /// Takes a ring. Returns whether a gap was found, which the caller closes.
    pub(super) fn ring(
        &mut self,
        place: LobbyPlace,
        cursor: u64,
        frame: Utf8Bytes,
        frames: &mut Vec<Utf8Bytes>,
    ) -> bool {
        if place.subscription != self.subscription.id || place.number <= self.rung {
            return false;
        }
        let in_turn = place.number == self.rung + 1;
        self.rung = place.number;
        if self.catching_up || !in_turn {
            // What rang while older summaries were being sent is in the store.
            return true;
        }
        self.cursor = self.cursor.max(cursor);
        frames.push(frame);
        false
    }

    /// A visitor came or went.
    pub(super) fn came_or_went(
        &mut self,
        room_id: RoomId,
        customer_online: bool,
        frame: Utf8Bytes,
        frames: &mut Vec<Utf8Bytes>,
    ) {
        if self.catching_up {
            return;
        }
        let changed = if customer_online {
            self.told_online.insert(room_id)
        } else {
            self.told_online.remove(&room_id)
        };
        if changed {
            frames.push(frame);
        }
    }

    /// The counts have changed.
    pub(super) fn counted(
        &mut self,
        counts: Counts,
        frame: Utf8Bytes,
        frames: &mut Vec<Utf8Bytes>,
    ) {
        if !self.catching_up {
            self.told_counts = counts;
            frames.push(frame);
        }
    }

    /// Goes on with a new lobby, after the last one has died.
    pub(super) fn resubscribed(&mut self, subscription: LobbySubscription) {
        self.subscription = subscription;
        self.rung = 0;
        self.subscription.live.turn_on();
    }

    /// Whether the store knows of changes that this console may not have.
    pub(super) fn is_behind(&self, store: &Store) -> bool {
        !self.catching_up && self.cursor < store.head().change
    }

    /// Reads one page of what is missing as single summaries, and tells who came
    /// and went meanwhile. Returns whether there is more.
    pub(super) async fn close_gap(
        &mut self,
        store: &Store,
        presence: &Presence,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<bool, StoreError> {
        if self.catching_up {
            return Ok(false);
        }
        let page = store.changed_since(self.cursor, PAGE_ITEMS).await?;
        for record in &page.records {
            let summary = record.summary(presence.is_online(record.room.id));
            let cursor = Cursor::Change(record.change).encode(store.epoch());
            frames.push(encode(&ServerFrame::Summary {
                cursor: &cursor,
                summary: &summary,
            }));
        }
        self.cursor = self.cursor.max(page.change);
        if !page.more {
            self.tell_presence(presence, frames);
            self.tell_counts(store, frames);
        }
        Ok(page.more)
    }

    fn tell_presence(&mut self, presence: &Presence, frames: &mut Vec<Utf8Bytes>) {
        let now: HashSet<RoomId> = presence.online_rooms().into_iter().collect();
        for room_id in now.symmetric_difference(&self.told_online) {
            let customer_online = now.contains(room_id);
            frames.push(encode(&ServerFrame::Online {
                room_id: *room_id,
                customer_online,
            }));
        }
        self.told_online = now;
    }

    fn tell_counts(&mut self, store: &Store, frames: &mut Vec<Utf8Bytes>) {
        let counts = store.head().counts;
        if counts != self.told_counts {
            self.told_counts = counts;
            frames.push(encode(&ServerFrame::Counts { counts }));
        }
    }
}
