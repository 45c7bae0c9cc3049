//! The log of one room, as one socket is sent it.

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::actors::Subscription;
use crate::chat::limits::{PAGE_ITEMS, PAGE_ITEMS_DEFAULT};
use crate::chat::{Message, RoomId, Side};
use crate::http::socket::note_feed::NoteFeed;
use crate::persistence::{MessagePage, NotePage, NoteRange, Store, StoreError};
use crate::protocol::{Resume, encode_message, encode_messages};

/// One socket's position in the log of one room.
///
/// Safety: a message is sent only as the next one after `delivered`, so the client gets each once,
/// in order, without a gap. Liveness: a push may be lost, since [`close_gap`](Self::close_gap)
/// reads what is missing from the store; it runs when a push skips a seq, and before every ping.
pub(super) struct RoomFeed {
    pub(super) subscription: Subscription,
    room_id: RoomId,
    /// For whom frames are encoded.
    side: Side,
    /// The seq up to which the client has been sent everything it asked for.
    delivered: u64,
    /// Pages of a long resume are still to be sent; newer messages wait in the store.
    catching_up: bool,
    /// The room's notes, for an agent.
    notes: Option<NoteFeed>,
}

/// The messages of a `welcome` or `joined` frame.
pub(super) struct FirstPage {
    pub(super) messages: Vec<Message>,
    /// The messages continue exactly where the client left off.
    pub(super) recovered: bool,
    /// More pages follow in `messages` frames.
    pub(super) more: bool,
    /// What the client may have that was removed since; with a resume only.
    pub(super) redacted: Option<Vec<u64>>,
}

impl RoomFeed {
    /// Starts where the client left off, by the contract's rules of resume.
    pub(super) async fn start(
        subscription: Subscription,
        side: Side,
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
            side,
            delivered: 0,
            catching_up: false,
            notes: None,
        };
        // Whether `after` is past the head is decided by the page: the room that this process has
        // in memory may be older.
        if let Some(after) = resume.after.filter(|_| same_epoch) {
            feed.delivered = after;
            let page = feed.next_page(store).await?;
            if after <= page.head {
                let first = FirstPage {
                    messages: page.messages,
                    recovered: true,
                    more: page.more,
                    redacted: Some(store.redacted(room_id, after).await?),
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

    /// The newest messages. Pushes are turned on before they are read, as in `next_page`.
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
            redacted: None,
        })
    }

    /// Starts the notes of an agent's feed: those after `after_note` if the log goes on where the
    /// client left off, or if it has none of it; otherwise those from the first message of the page
    /// on.
    pub(super) async fn start_notes(
        &mut self,
        resume: &Resume,
        after_note: Option<u64>,
        first: &FirstPage,
        store: &Store,
    ) -> Result<NotePage, StoreError> {
        let epoch = resume.epoch.as_deref();
        let continues = first.recovered
            || (resume.after.is_none() && epoch.is_none_or(|epoch| epoch == store.epoch()));
        let first_seq = first.messages.first().map(|message| message.seq);
        let range = match after_note.filter(|_| continues) {
            Some(no) => NoteRange::After(no),
            None => NoteRange::of_page(first_seq, self.delivered, None),
        };
        let (notes, page) = NoteFeed::start(store, self.room_id, range, &first.messages).await?;
        self.notes = Some(notes);
        Ok(page)
    }

    /// The room's notes, of an agent's feed.
    pub(super) fn notes_mut(&mut self) -> Option<&mut NoteFeed> {
        self.notes.as_mut()
    }

    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether [`catch_up`](Self::catch_up) has to be called.
    pub(super) fn is_catching_up(&self) -> bool {
        self.catching_up || self.notes.as_ref().is_some_and(NoteFeed::is_behind)
    }

    /// Continues with the subscription to the room's next incarnation.
    pub(super) fn resubscribe(&mut self, subscription: Subscription) {
        self.subscription = subscription;
        if !self.catching_up {
            self.subscription.live.turn_on();
        }
        if let Some(notes) = &mut self.notes {
            notes.check();
        }
    }

    /// Reads the next page of a long resume, or of notes that are missing.
    pub(super) async fn catch_up(
        &mut self,
        store: &Store,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<(), StoreError> {
        if !self.catching_up
            && let Some(notes) = &mut self.notes
        {
            return notes.catch_up(store, self.room_id, frames).await;
        }
        let page = self.next_page(store).await?;
        frames.push(encode_messages(
            self.side,
            self.room_id,
            &page.messages,
            page.more,
        ));
        Ok(())
    }

    /// The page after `delivered`. Pushes are turned on before it is read, so that no message can
    /// fall between the last page and the first push.
    async fn next_page(&mut self, store: &Store) -> Result<MessagePage, StoreError> {
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

    /// Adds a pushed message to `frames` if it is the next one. Returns whether messages before it
    /// are missing; then the caller closes the gap.
    pub(super) fn accept(
        &mut self,
        seq: u64,
        frame: Utf8Bytes,
        frames: &mut Vec<Utf8Bytes>,
    ) -> bool {
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

    /// Reads one page of missing messages, each as a frame. Returns whether there are more.
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
            frames.push(encode_message(self.side, self.room_id, message));
            self.delivered = message.seq;
        }
        Ok(page.more)
    }
}
