//! Events of the actors become frames, and what was missed is read from the store.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::{End, Session, Who, resync};
use crate::actors::{Event, JoinError, LobbyGone, RequestId, SubscriptionId};
use crate::chat::{Message, RoomId};
use crate::http::socket::pending::PendingWrite;
use crate::http::socket::wire::Wire;
use crate::persistence::{Effect, RoomCommit, StoreError, WriteError};
use crate::protocol::{CloseCode, ServerFrame, encode};

/// Frames that one turn collects before it sends them.
const TURN_FRAMES: usize = 256;

impl Session {
    pub(super) async fn events(
        &mut self,
        events: &mut VecDeque<Event>,
        wire: &mut Wire,
    ) -> Result<(), End> {
        let mut lost = Vec::new();
        while let Some(event) = events.pop_front() {
            match event {
                Event::Message {
                    room_id,
                    subscription,
                    seq,
                    frame,
                } => {
                    let feed = self.feeds.get_mut(&room_id);
                    let Some(feed) = feed.filter(|feed| feed.subscription.id == subscription)
                    else {
                        continue;
                    };
                    let gap = feed.ring(seq, frame, &mut self.frames);
                    if gap {
                        Box::pin(self.close_gap(room_id, wire)).await?;
                    }
                }
                Event::RoomFrame {
                    room_id,
                    subscription,
                    frame,
                } => {
                    if self.is_subscribed(room_id, subscription) {
                        self.frames.push(frame);
                    }
                }
                Event::WriteFinished {
                    request,
                    outcome: Err(None),
                } => lost.push(request),
                Event::WriteFinished { request, outcome } => self.answered(request, outcome),
                Event::Detached(subscription) => {
                    Box::pin(self.detached(subscription, wire)).await?;
                }
            }
            if self.frames.len() >= TURN_FRAMES {
                self.send(wire).await?;
            }
        }
        // In the order in which they were sent.
        lost.sort_unstable();
        for request in lost {
            match self.pending.retry(request) {
                Some((room_id, op, dead)) => {
                    Box::pin(self.submit(room_id, op, dead, request)).await;
                }
                None => self.answered(request, Err(Some(StoreError::Busy.into()))),
            }
        }
        if self.pending.holds_any() {
            Box::pin(self.release_held()).await;
        }
        Ok(())
    }

    fn is_subscribed(&self, room_id: RoomId, subscription: SubscriptionId) -> bool {
        self.feeds
            .get(&room_id)
            .is_some_and(|feed| feed.subscription.id == subscription)
    }

    fn answered(&mut self, request: RequestId, outcome: Result<RoomCommit, Option<WriteError>>) {
        // One that was given up as overdue has been answered already.
        let Some(PendingWrite {
            room_id,
            message_id,
            ..
        }) = self.pending.take(request)
        else {
            return;
        };
        match outcome {
            Ok(RoomCommit {
                effect: Effect::Posted(message),
                ..
            }) => self.ack(&message, false),
            Ok(RoomCommit {
                effect: Effect::Duplicate(message),
                ..
            }) => self.ack(&message, true),
            Ok(_) => {}
            Err(error) => {
                let error = error.unwrap_or_else(|| StoreError::Busy.into());
                self.refuse_for(&error, room_id, message_id);
            }
        }
    }

    fn ack(&mut self, message: &Message, duplicate: bool) {
        self.frames.push(encode(&ServerFrame::Ack {
            room_id: message.room_id,
            id: message.id,
            seq: message.seq,
            created_at: message.created_at,
            duplicate,
        }));
    }

    /// The lobby's log has something new for this console, or the lobby has died; then the next
    /// one is subscribed to, and the client notices nothing.
    pub(super) async fn lobby_news(
        &mut self,
        news: Result<(), LobbyGone>,
        wire: &mut Wire,
    ) -> Result<(), End> {
        let Who::Agent { lobby, .. } = &mut self.who else {
            return Ok(());
        };
        let behind = match news {
            Ok(()) => lobby
                .take(&mut self.frames)
                .map_err(|_| CloseCode::ResyncWanted)?,
            Err(LobbyGone) => {
                lobby
                    .resubscribe()
                    .await
                    .map_err(|_| CloseCode::ResyncWanted)?;
                true
            }
        };
        if behind {
            self.close_lobby_gap(wire).await?;
        }
        Ok(())
    }

    /// A room has died under this socket, which joins the next incarnation and reads what it
    /// missed. The client notices nothing.
    async fn detached(&mut self, subscription: SubscriptionId, wire: &mut Wire) -> Result<(), End> {
        let Some(room_id) = self
            .feeds
            .iter()
            .find(|(_, feed)| feed.subscription.id == subscription)
            .map(|(room_id, _)| *room_id)
        else {
            return Ok(());
        };
        match self.state.rooms.join(room_id, &self.joiner).await {
            Ok(again) => {
                let record = again.record.clone();
                if let Some(feed) = self.feeds.get_mut(&room_id) {
                    feed.resubscribed(again);
                }
                self.close_gap(room_id, wire).await?;
                // Marks and status may have moved while nobody told.
                self.frames.push(encode(&ServerFrame::Room {
                    room_id,
                    room: Cow::Borrowed(&record.room),
                }));
                Ok(())
            }
            Err(JoinError::NotFound) if self.is_visitor() => Err(CloseCode::NoSuchRoom.into()),
            Err(_) if self.is_visitor() => Err(CloseCode::ResyncWanted.into()),
            Err(error) => {
                self.feeds.remove(&room_id);
                self.refuse_join(error, room_id);
                Ok(())
            }
        }
    }

    pub(super) async fn close_gap(&mut self, room_id: RoomId, wire: &mut Wire) -> Result<(), End> {
        loop {
            let Some(feed) = self.feeds.get_mut(&room_id) else {
                return Ok(());
            };
            let more = feed
                .close_gap(&self.state.store, &mut self.frames)
                .await
                .map_err(resync)?;
            if !more {
                return Ok(());
            }
            self.send(wire).await?;
        }
    }

    pub(super) async fn close_lobby_gap(&mut self, wire: &mut Wire) -> Result<(), End> {
        loop {
            let Who::Agent { lobby, .. } = &mut self.who else {
                return Ok(());
            };
            let (store, presence) = (&self.state.store, &self.state.presence);
            let more = lobby
                .close_gap(store, presence, &mut self.frames)
                .await
                .map_err(resync)?;
            if !more {
                return Ok(());
            }
            self.send(wire).await?;
        }
    }

    pub(super) fn is_catching_up(&self) -> bool {
        let lobby = matches!(&self.who, Who::Agent { lobby, .. } if lobby.is_catching_up());
        lobby || self.feeds.values().any(|feed| feed.is_catching_up())
    }

    /// One page of a long resume. The next is read when this one has been sent.
    pub(super) async fn catch_up(&mut self) -> Result<(), End> {
        let (store, presence) = (&self.state.store, &self.state.presence);
        if let Who::Agent { lobby, .. } = &mut self.who
            && lobby.is_catching_up()
        {
            let page = lobby.next_page(store, presence).await.map_err(resync)?;
            let frame = ServerFrame::Summaries {
                cursor: Cow::Borrowed(&page.cursor),
                summaries: Cow::Borrowed(&page.summaries),
                more: page.more,
            };
            self.frames.push(encode(&frame));
            if !page.more {
                // What changed while the older pages were on their way.
                while lobby
                    .close_gap(store, presence, &mut self.frames)
                    .await
                    .map_err(resync)?
                {}
            }
            return Ok(());
        }
        if let Some(feed) = self.feeds.values_mut().find(|feed| feed.is_catching_up()) {
            self.frames
                .push(feed.catch_up(store).await.map_err(resync)?);
        }
        Ok(())
    }
}
