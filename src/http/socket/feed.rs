use std::borrow::Cow;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::actors::Subscription;
use crate::chat::limits::{PAGE_ITEMS, PAGE_ITEMS_DEFAULT};
use crate::chat::{Message, RoomId};
use crate::persistence::{Store, StoreError};
use crate::protocol::{Resume, ServerFrame, encode};

/// One room's log on its way to one socket.
///
/// Safety: a message is sent only when it is the next one after `delivered`, so
/// the reader sees each once, in order, without a gap. Liveness: whatever rings
/// are lost, [`close_gap`](Self::close_gap) reads what is missing from the store;
/// it runs when a ring is out of turn and before every ping.
pub(super) struct RoomFeed {
    pub(super) subscription: Subscription,
    room_id: RoomId,
    delivered: u64,
    /// Older pages are still being sent; what is new waits in the store.
    catching_up: bool,
}

/// How a feed begins.
pub(super) struct FirstPage {
    pub(super) messages: Vec<Message>,
    /// The log goes on exactly where the reader asked.
    pub(super) recovered: bool,
    /// `messages` frames follow.
    pub(super) more: bool,
}

impl RoomFeed {
    /// Begins where the reader wants to go on, by the rules of resume.
    pub(super) async fn begin(
        subscription: Subscription,
        resume: &Resume,
        store: &Store,
    ) -> Result<(Self, FirstPage), StoreError> {
        let room_id = subscription.record.room.id;
        let same_epoch = resume
            .epoch
            .as_deref()
            .is_none_or(|epoch| epoch == store.epoch());
        let mut feed = Self {
            subscription,
            room_id,
            delivered: 0,
            catching_up: false,
        };
        // Only the store says whether its log reaches that far: what this process knows of the
        // room may be older than the page.
        if let Some(after) = resume.after.filter(|_| same_epoch) {
            feed.delivered = after;
            let page = feed.next_page(store).await?;
            if after <= page.head {
                let first = FirstPage {
                    messages: page.messages,
                    recovered: true,
                    more: page.more,
                };
                return Ok((feed, first));
            }
        }
        let limit = match resume.after {
            Some(_) => PAGE_ITEMS_DEFAULT,
            None => resume.tail.unwrap_or(PAGE_ITEMS_DEFAULT),
        };
        let first = feed.newest(limit, store).await?;
        Ok((feed, first))
    }

    async fn newest(&mut self, limit: usize, store: &Store) -> Result<FirstPage, StoreError> {
        self.subscription.live.turn_on();
        let page = store
            .messages_before(self.room_id, None, limit.max(1))
            .await?;
        self.delivered = page.head;
        let messages = if limit == 0 {
            Vec::new()
        } else {
            page.messages
        };
        Ok(FirstPage {
            messages,
            recovered: false,
            more: false,
        })
    }

    /// The seq up to which the reader has everything it asked for.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether [`catch_up`](Self::catch_up) has to be called.
    pub(super) fn is_catching_up(&self) -> bool {
        self.catching_up
    }

    /// Goes on with a new subscription, after the room has died.
    pub(super) fn resubscribed(&mut self, subscription: Subscription) {
        self.subscription = subscription;
        if !self.catching_up {
            self.subscription.live.turn_on();
        }
    }

    /// Reads the next page of a long resume.
    pub(super) async fn catch_up(&mut self, store: &Store) -> Result<Utf8Bytes, StoreError> {
        let page = self.next_page(store).await?;
        let frame = ServerFrame::Messages {
            room_id: self.room_id,
            messages: Cow::Borrowed(&page.messages),
            more: page.more,
        };
        Ok(encode(&frame))
    }

    /// The page after `delivered`. Rings are heard from before the read on, so
    /// that the last page and the first ring meet without a seam.
    async fn next_page(
        &mut self,
        store: &Store,
    ) -> Result<crate::persistence::MessagePage, StoreError> {
        self.subscription.live.turn_on();
        let page = store
            .messages_after(self.room_id, self.delivered, PAGE_ITEMS)
            .await?;
        self.catching_up = page.more;
        if page.more {
            self.subscription.live.turn_off();
        }
        if let Some(last) = page.messages.last() {
            self.delivered = last.seq;
        }
        Ok(page)
    }

    /// Takes a ring. Returns whether a gap was found, which the caller closes.
    pub(super) fn ring(&mut self, seq: u64, frame: Utf8Bytes, frames: &mut Vec<Utf8Bytes>) -> bool {
        if self.catching_up || seq <= self.delivered {
            return false;
        }
        if seq > self.delivered + 1 {
            return true;
        }
        self.delivered = seq;
        frames.push(frame);
        false
    }

    /// Reads one page of what is missing as single messages. Returns whether
    /// there is more.
    pub(super) async fn close_gap(
        &mut self,
        store: &Store,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<bool, StoreError> {
        if self.catching_up {
            return Ok(false);
        }
        let page = store
            .messages_after(self.room_id, self.delivered, PAGE_ITEMS)
            .await?;
        for message in &page.messages {
            frames.push(encode(&ServerFrame::Message {
                room_id: self.room_id,
                message: Cow::Borrowed(message),
            }));
            self.delivered = message.seq;
        }
        Ok(page.more)
    }
}
