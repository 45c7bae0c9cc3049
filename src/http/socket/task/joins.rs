//! The rooms that a socket follows: an agent joins them, and every socket joins the next incarnation
//! of one that has died.

use std::borrow::Cow;

use super::SocketTask;
use crate::actors::{JoinError, SubscriptionId};
use crate::chat::{RoomId, Side};
use crate::http::socket::closing::EndReason;
use crate::http::socket::feed::RoomFeed;
use crate::http::socket::pending::FrameId;
use crate::http::socket::wire::Wire;
use crate::persistence::StoreError;
use crate::protocol::{CloseCode, ErrorCode, ErrorFrame, Joined, Resume, ServerFrame, encode};

/// How many rooms the socket of an agent may follow.
const JOINS_MAX: usize = 128;

/// Where a console goes on in a room.
pub(super) struct JoinFrom {
    pub(super) resume: Resume,
    pub(super) after_note: Option<u64>,
}

impl SocketTask {
    /// Follows a room, from where the client has its log and its notes.
    pub(super) async fn join(
        &mut self,
        room_id: RoomId,
        from: JoinFrom,
        id: Option<FrameId>,
    ) -> Result<(), EndReason> {
        let JoinFrom { resume, after_note } = from;
        if self.feeds.len() >= JOINS_MAX && !self.feeds.contains_key(&room_id) {
            let message =
                format!("at most {JOINS_MAX} rooms can be joined at once; leave one first");
            self.push_error(ErrorFrame::new(ErrorCode::Invalid, message), room_id, id);
            return Ok(());
        }
        // The old subscription is dropped first, so that nothing is sent twice.
        self.feeds.remove(&room_id);
        let subscription = match self.state.rooms.join(room_id, &self.joiner).await {
            Ok(subscription) => subscription,
            Err(error) => {
                self.push_join_error(error, room_id, id);
                return Ok(());
            }
        };
        let room = subscription.record.room.clone();
        let store = &self.state.store;
        let started = async {
            let (mut feed, first) =
                RoomFeed::start(subscription, Side::Agent, &resume, store).await?;
            let notes = feed.start_notes(&resume, after_note, &first, store).await?;
            Ok::<_, StoreError>((feed, first, notes))
        };
        match started.await {
            Ok((feed, first, notes)) => {
                self.frames.push(encode(&Joined {
                    room_id,
                    room: Cow::Borrowed(&room),
                    messages: Cow::Borrowed(&first.messages),
                    recovered: first.recovered,
                    more: first.more,
                    redacted: first.redacted.as_deref().map(Cow::Borrowed),
                    notes: Cow::Borrowed(&notes.notes),
                    last_note: notes.last,
                    notes_more: notes.more,
                }));
                self.feeds.insert(room_id, Box::new(feed));
                self.push_draft(room_id).await;
            }
            Err(error) => self.push_write_error(&error.into(), room_id, id),
        }
        Ok(())
    }

    /// Pushes the room's suggestion, if there is one. What changes from now on follows as an event.
    async fn push_draft(&mut self, room_id: RoomId) {
        match self.state.store.suggestion(room_id).await {
            Ok(Some(suggestion)) => self.frames.push(encode(&ServerFrame::Draft {
                room_id,
                draft: Some(Cow::Owned(suggestion)),
            })),
            Ok(None) => {}
            Err(error) => self.push_write_error(&error.into(), room_id, None),
        }
    }

    /// A room that the socket follows has died: joins its next incarnation and reads what was
    /// missed. The client notices nothing.
    pub(super) async fn rejoin(
        &mut self,
        subscription: SubscriptionId,
        wire: &mut Wire,
    ) -> Result<(), EndReason> {
        let Some(room_id) = self
            .feeds
            .iter()
            .find(|(_, feed)| feed.subscription.id == subscription)
            .map(|(room_id, _)| *room_id)
        else {
            return Ok(());
        };
        match self.state.rooms.join(room_id, &self.joiner).await {
            Ok(subscription) => {
                let record = subscription.record.clone();
                if let Some(feed) = self.feeds.get_mut(&room_id) {
                    feed.resubscribe(subscription);
                }
                self.close_gap(room_id, wire).await?;
                // Read marks and status may have changed meanwhile.
                self.frames.push(encode(&ServerFrame::Room {
                    room_id,
                    room: Cow::Borrowed(&record.room),
                }));
                Ok(())
            }
            Err(JoinError::NotFound) if self.is_visitor() => Err(CloseCode::NoSuchRoom.into()),
            Err(_) if self.is_visitor() => Err(CloseCode::ResyncWanted.into()),
            // It was erased; `removed` says so.
            Err(JoinError::NotFound) => {
                self.feeds.remove(&room_id);
                Ok(())
            }
            Err(error) => {
                self.feeds.remove(&room_id);
                self.push_join_error(error, room_id, None);
                Ok(())
            }
        }
    }

    fn push_join_error(&mut self, error: JoinError, room_id: RoomId, id: Option<FrameId>) {
        let frame = match error {
            JoinError::NotFound => ErrorFrame::new(ErrorCode::NotFound, "there is no such room"),
            JoinError::Resting | JoinError::Unavailable => {
                ErrorFrame::new(ErrorCode::Busy, "the room does not reply; try again")
                    .retry_after(Some(1_000))
            }
            JoinError::Store(error) => return self.push_write_error(&error.into(), room_id, id),
        };
        self.push_error(frame, room_id, id);
    }
}
