use std::borrow::Cow;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::actors::{JoinError, LobbyCursor, LobbyGone, LobbySubscription, Presence, PresenceGap};
use crate::chat::limits::{PAGE_BYTES, PAGE_ITEMS};
use crate::chat::{Counts, RoomRecord, Summary};
use crate::persistence::{ChangedRooms, Store, StoreError};
use crate::protocol::{AgentHello, ServerFrame, encode};

/// Rooms of a console's first sight.
const FIRST_SIGHT_ROOMS: usize = 1_000;
/// What a frame holds beside its summaries.
const ENVELOPE_BYTES: usize = 1_024;
/// Frames that one turn takes from the lobby's log. What follows waits behind what the turn
/// brings of the rooms that the agent has joined.
const TAKE_FRAMES: usize = 256;

/// The lobby on its way to one console.
///
/// Safety: `cursor` never passes a change that this console has not been sent, or will be sent
/// in a newer state. Liveness: what the lobby no longer remembers, or a lost ring has hidden,
/// [`close_gap`](Self::close_gap) reads from the store; it runs when the lobby says so and
/// before every ping.
pub(super) struct LobbyFeed {
    subscription: LobbySubscription,
    /// Everything up to here has been sent.
    cursor: u64,
    /// Read, but not sent yet.
    unsent: VecDeque<Unsent>,
    /// What the cursor becomes when `unsent` is empty.
    cursor_after: u64,
    /// Unsent frames of a first sight, which has no order to resume by.
    first_sight: bool,
    /// The store has more after `unsent`.
    more_in_store: bool,
    catching_up: bool,
    sent_counts: Counts,
    /// The log has more than the last turn took.
    more_in_log: bool,
    /// Frames since the last pause, which decide how long the next one is.
    burst: usize,
    /// Resolves when the log has something new. Kept from turn to turn, and asked only when it
    /// has something to say.
    news: FuturesUnordered<News>,
}

/// Resolves once.
type News = Pin<Box<dyn Future<Output = Result<(), LobbyGone>> + Send>>;

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
        let cursor = match cursor.and_then(|text| LobbyCursor::decode(text, store.epoch())) {
            Some(LobbyCursor::Change(change)) => Some(change),
            _ => None,
        };
        let mut feed = Self {
            subscription,
            cursor: 0,
            unsent: VecDeque::new(),
            cursor_after: 0,
            first_sight: true,
            more_in_store: false,
            catching_up: true,
            sent_counts: store.head().counts,
            more_in_log: false,
            burst: 0,
            news: FuturesUnordered::new(),
        };
        if let Some(cursor) = cursor {
            let page = store.changed_since(cursor, PAGE_ITEMS).await?;
            // Only the store says whether its changes reach that far.
            if cursor <= page.change {
                feed.cursor = cursor;
                feed.first_sight = false;
                feed.take_page(page, presence);
                return Ok((feed, true));
            }
        }
        let sight = store.lobby_snapshot(FIRST_SIGHT_ROOMS).await?;
        feed.cursor_after = sight.change;
        feed.queue(sight.records, presence);
        Ok((feed, false))
    }

    /// The counts when the feed began.
    pub(super) fn counts(&self) -> Counts {
        self.sent_counts
    }

    /// Whether [`next_page`](Self::next_page) has to be called.
    pub(super) fn is_catching_up(&self) -> bool {
        self.catching_up
    }

    async fn read_on(&mut self, store: &Store, presence: &Presence) -> Result<(), StoreError> {
        let page = store.changed_since(self.cursor, PAGE_ITEMS).await?;
        self.take_page(page, presence);
        Ok(())
    }

    fn take_page(&mut self, page: ChangedRooms, presence: &Presence) {
        self.more_in_store = page.more;
        self.cursor_after = page.change.max(self.cursor);
        self.queue(page.records, presence);
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
            LobbyCursor::Start
        } else {
            LobbyCursor::Change(self.cursor)
        };
        Ok(LobbyPage {
            cursor: place.encode(store.epoch()),
            summaries,
            more,
        })
    }

    /// Ready when [`take`](Self::take) has something to do: at once while the log has more,
    /// otherwise after a pause in proportion to what was just sent.
    pub(super) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LobbyGone>> {
        if self.more_in_log {
            return Poll::Ready(Ok(()));
        }
        if self.news.is_empty() {
            let pause = self
                .subscription
                .pause_after(std::mem::take(&mut self.burst));
            let news = self.subscription.changed(Instant::now() + pause);
            self.news.push(Box::pin(news));
        }
        self.news
            .poll_next_unpin(cx)
            .map(|news| news.unwrap_or(Ok(())))
    }

    /// Takes what is new in the lobby's log. Returns whether the console is so far behind that
    /// the caller has to close a gap.
    pub(super) fn take(&mut self, frames: &mut Vec<Utf8Bytes>) -> Result<bool, PresenceGap> {
        let before = frames.len();
        let batch = self.subscription.take(self.cursor, TAKE_FRAMES, frames)?;
        self.cursor = batch.cursor;
        self.more_in_log = batch.more;
        let (counts, frame) = self.subscription.counts();
        if counts != self.sent_counts {
            self.sent_counts = counts;
            frames.push(frame);
        }
        self.burst += frames.len() - before;
        Ok(batch.gap)
    }

    /// Goes on with the next lobby, after the last one has died. The caller closes the gap.
    pub(super) async fn resubscribe(&mut self) -> Result<(), JoinError> {
        self.news.clear();
        self.subscription.resubscribe().await
    }

    /// Whether the store knows of changes that this console may not have.
    pub(super) fn is_behind(&self, store: &Store) -> bool {
        !self.catching_up && self.cursor < store.head().change
    }

    /// Reads one page of what is missing as single summaries. Returns whether there is more.
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
            let cursor = LobbyCursor::Change(record.change).encode(store.epoch());
            frames.push(encode(&ServerFrame::Summary {
                cursor: Cow::Borrowed(&cursor),
                summary: Cow::Borrowed(&summary),
            }));
        }
        self.cursor = self.cursor.max(page.change);
        let counts = store.head().counts;
        if !page.more && counts != self.sent_counts {
            self.sent_counts = counts;
            frames.push(encode(&ServerFrame::Counts { counts }));
        }
        Ok(page.more)
    }
}
