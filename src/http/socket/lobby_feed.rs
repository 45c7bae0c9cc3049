//! The states of all rooms, as one console is sent them.

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
use crate::chat::{ChangeId, ChangeVector, Counts, RoomId, RoomRecord, Summary};
use crate::persistence::{ChangedRooms, RemovedRoom, RoomChange, Store, StoreError};
use crate::protocol::{AgentHello, ServerFrame, encode};

/// Rooms that a console without a cursor is sent.
const SNAPSHOT_ROOMS: usize = 1_000;
/// Room in a frame for what is not a summary.
const ENVELOPE_BYTES: usize = 1_024;
/// Frames that one turn takes from the lobby's log. More wait for the next turn, behind what the
/// joined rooms have pushed.
const TAKE_FRAMES: usize = 256;

/// One console's position in the lobby's log.
///
/// Safety: a cursor that this console is sent never passes a change that it has not been sent, in
/// that state or a newer one. Liveness: what the lobby's log no longer has, or a lost push would have announced,
/// [`close_gap`](Self::close_gap) reads from the store; it runs when the log has a gap, and before
/// every ping.
pub(super) struct LobbyFeed {
    subscription: LobbySubscription,
    /// Every change up to this one has been sent.
    cursor: ChangeVector,
    /// Summaries read from the store for the next pages.
    unsent: VecDeque<UnsentSummary>,
    /// Rooms that were erased while the pages are sent; they follow behind the last page.
    unsent_removals: VecDeque<RoomId>,
    /// The cursor once `unsent` is sent.
    cursor_after: ChangeVector,
    /// `unsent` is a snapshot: it is not in the order of changes, so no cursor can point into it.
    sending_snapshot: bool,
    /// The store has more changes after `unsent`.
    more_in_store: bool,
    catching_up: bool,
    sent_counts: Counts,
    /// The lobby's log has more than the last turn took.
    more_in_log: bool,
    /// Frames taken since the last pause; they decide how long the next one is.
    frames_since_pause: usize,
    /// Resolves when the lobby's log has something new. Kept across turns, and polled only when
    /// woken.
    changed: FuturesUnordered<LobbyChanged>,
}

/// See [`LobbySubscription::changed`].
type LobbyChanged = Pin<Box<dyn Future<Output = Result<(), LobbyGone>> + Send>>;

struct UnsentSummary {
    summary: Summary,
    change: ChangeId,
    bytes: usize,
}

/// The summaries of a console's `welcome` or of a `summaries` frame.
pub(super) struct LobbyPage {
    pub(super) cursor: String,
    pub(super) summaries: Vec<Summary>,
    pub(super) more: bool,
}

impl LobbyFeed {
    /// Starts where the console left off. Returns whether that was possible; otherwise the console
    /// gets a snapshot.
    pub(super) async fn start(
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
            Some(LobbyCursor::Changes(changes)) => Some(changes),
            _ => None,
        };
        let mut feed = Self {
            subscription,
            cursor: ChangeVector::default(),
            unsent: VecDeque::new(),
            unsent_removals: VecDeque::new(),
            cursor_after: ChangeVector::default(),
            sending_snapshot: true,
            more_in_store: false,
            catching_up: true,
            sent_counts: store.head().counts,
            more_in_log: false,
            frames_since_pause: 0,
            changed: FuturesUnordered::new(),
        };
        if let Some(cursor) = cursor {
            let page = store.changed_since(&cursor, PAGE_ITEMS).await?;
            // Whether the cursor is past the newest change is decided by the page: what this process
            // knows of the store may be older. A console that has not received the last removal
            // starts again: it may show rooms that are gone.
            let knows_removals = cursor.includes_all(&page.newest_removals);
            if knows_removals && page.changes.includes_all(&cursor) {
                feed.cursor = cursor;
                feed.sending_snapshot = false;
                feed.take_page(page, presence);
                return Ok((feed, true));
            }
        }
        let snapshot = store.lobby_snapshot(SNAPSHOT_ROOMS).await?;
        feed.cursor_after = snapshot.changes;
        feed.queue(snapshot.records, presence);
        Ok((feed, false))
    }

    /// The counts that were sent last.
    pub(super) fn counts(&self) -> Counts {
        self.sent_counts
    }

    /// Whether [`next_page`](Self::next_page) has to be called.
    pub(super) fn is_catching_up(&self) -> bool {
        self.catching_up
    }

    async fn read_next_changes(
        &mut self,
        store: &Store,
        presence: &Presence,
    ) -> Result<(), StoreError> {
        let page = store.changed_since(&self.cursor, PAGE_ITEMS).await?;
        self.take_page(page, presence);
        Ok(())
    }

    fn take_page(&mut self, page: ChangedRooms, presence: &Presence) {
        self.more_in_store = page.more;
        self.cursor_after = self.cursor.clone();
        self.cursor_after.advance_all(&page.changes);
        let removed = page.removed.iter().map(|removed| removed.room_id);
        self.unsent_removals.extend(removed);
        self.queue(page.records, presence);
    }

    fn queue(&mut self, records: Vec<RoomRecord>, presence: &Presence) {
        let names = self.subscription.names();
        self.unsent.extend(records.into_iter().map(|record| {
            let summary = record.summary(presence.is_online(record.room.id), &names);
            let bytes = serde_json::to_string(&summary).map_or(PAGE_BYTES, |text| text.len() + 1);
            UnsentSummary {
                summary,
                change: record.change,
                bytes,
            }
        }));
    }

    /// The summaries of the next frame. After the last page the feed is live.
    pub(super) async fn next_page(
        &mut self,
        store: &Store,
        presence: &Presence,
    ) -> Result<LobbyPage, StoreError> {
        if self.unsent.is_empty() && self.more_in_store {
            self.read_next_changes(store, presence).await?;
        }
        let mut summaries = Vec::new();
        let mut bytes = ENVELOPE_BYTES;
        while summaries.len() < PAGE_ITEMS {
            let fits =
                |unsent: &UnsentSummary| summaries.is_empty() || bytes + unsent.bytes <= PAGE_BYTES;
            let Some(next) = self.unsent.pop_front_if(|unsent| fits(unsent)) else {
                break;
            };
            bytes += next.bytes;
            if !self.sending_snapshot {
                self.cursor.advance(next.change);
            }
            summaries.push(next.summary);
        }
        if self.unsent.is_empty() {
            self.cursor = self.cursor_after.clone();
            self.sending_snapshot = false;
        }
        let more = !self.unsent.is_empty() || self.more_in_store;
        self.catching_up = more;
        Ok(LobbyPage {
            cursor: self.encoded_cursor(store).into_owned(),
            summaries,
            more,
        })
    }

    /// Ready when [`take`](Self::take) has something to do: at once while the log has more,
    /// otherwise after a pause in proportion to what was sent.
    pub(super) fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LobbyGone>> {
        if self.more_in_log {
            return Poll::Ready(Ok(()));
        }
        if self.changed.is_empty() {
            let frames = std::mem::take(&mut self.frames_since_pause);
            let pause = self.subscription.pause_after(frames);
            let changed = self.subscription.changed(Instant::now() + pause);
            self.changed.push(Box::pin(changed));
        }
        self.changed
            .poll_next_unpin(cx)
            .map(|changed| changed.unwrap_or(Ok(())))
    }

    /// Takes what is new from the lobby's log. Returns whether the log no longer reaches back to
    /// `cursor`; then the caller closes the gap.
    pub(super) fn take(&mut self, frames: &mut Vec<Utf8Bytes>) -> Result<bool, PresenceGap> {
        let before = frames.len();
        let batch = self.subscription.take(&self.cursor, TAKE_FRAMES, frames)?;
        self.cursor = batch.cursor;
        self.more_in_log = batch.more;
        let (counts, frame) = self.subscription.counts();
        if counts != self.sent_counts {
            self.sent_counts = counts;
            frames.push(frame);
        }
        self.frames_since_pause += frames.len() - before;
        Ok(batch.gap)
    }

    /// Subscribes to the next lobby after the last one has died. The caller closes the gap.
    pub(super) async fn resubscribe(&mut self) -> Result<(), JoinError> {
        self.changed.clear();
        self.subscription.resubscribe().await
    }

    /// Whether the store has changes past the cursor.
    pub(super) fn is_behind(&self, store: &Store) -> bool {
        !self.catching_up && !self.cursor.includes_all(&store.head().changes)
    }

    /// Reads one page of missing changes, each as a `summary` frame. Returns whether there are
    /// more.
    pub(super) async fn close_gap(
        &mut self,
        store: &Store,
        presence: &Presence,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<bool, StoreError> {
        if self.catching_up {
            return Ok(false);
        }
        while let Some(room_id) = self.unsent_removals.pop_front() {
            let cursor = self.encoded_cursor(store);
            frames.push(encode(&ServerFrame::Removed { cursor, room_id }));
        }
        let page = store.changed_since(&self.cursor, PAGE_ITEMS).await?;
        let names = self.subscription.names();
        let (reached, more) = (page.changes.clone(), page.more);
        for change in page.into_changes() {
            self.cursor.advance(change.id());
            let cursor = self.encoded_cursor(store);
            frames.push(match change {
                RoomChange::Changed(record) => encode(&ServerFrame::Summary {
                    cursor,
                    summary: Cow::Owned(record.summary(presence.is_online(record.room.id), &names)),
                }),
                RoomChange::Removed(RemovedRoom { room_id, .. }) => {
                    encode(&ServerFrame::Removed { cursor, room_id })
                }
            });
        }
        self.cursor.advance_all(&reached);
        let counts = store.head().counts;
        if !more && counts != self.sent_counts {
            self.sent_counts = counts;
            frames.push(encode(&ServerFrame::Counts { counts }));
        }
        Ok(more)
    }

    /// The cursor of the next frame, once what precedes it is sent. A console that comes back with
    /// it while removals are unsent starts again, since it may show rooms that are gone.
    fn encoded_cursor(&self, store: &Store) -> Cow<'static, str> {
        let cursor = if self.sending_snapshot || !self.unsent_removals.is_empty() {
            LobbyCursor::Start
        } else {
            LobbyCursor::Changes(self.cursor.clone())
        };
        Cow::Owned(cursor.encode(store.epoch()))
    }
}

#[cfg(test)]
mod tests;
