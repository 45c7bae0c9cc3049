//! What the actors push into the outbox becomes frames.

use std::collections::{HashMap, VecDeque};

use super::SocketTask;
use crate::actors::{Event, RequestId, SubscriptionId};
use crate::chat::{Message, Note, RoomId};
use crate::http::socket::closing::EndReason;
use crate::http::socket::feed::RoomFeed;
use crate::http::socket::note_feed::NoteFeed;
use crate::http::socket::wire::Wire;
use crate::persistence::{Effect, RoomCommit, StoreError, WriteError};
use crate::protocol::{FrameForAgents, ServerFrame, encode};

/// Frames that one turn collects before it sends them.
const TURN_FRAMES: usize = 256;

impl SocketTask {
    pub(super) async fn handle_events(
        &mut self,
        events: &mut VecDeque<Event>,
        wire: &mut Wire,
    ) -> Result<(), EndReason> {
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
                    let gap = feed.accept(seq, frame, &mut self.frames);
                    if gap {
                        Box::pin(self.close_gap(room_id, wire)).await?;
                    }
                }
                Event::LogEnd {
                    room_id,
                    subscription,
                    seq,
                } => {
                    let is_behind = self.feeds.get(&room_id).is_some_and(|feed| {
                        feed.subscription.id == subscription && feed.delivered() < seq
                    });
                    if is_behind {
                        Box::pin(self.close_gap(room_id, wire)).await?;
                    }
                }
                Event::Note {
                    room_id,
                    subscription,
                    no,
                    frame,
                } => {
                    let (feeds, frames) = (&mut self.feeds, &mut self.frames);
                    if let Some(notes) = notes_of(feeds, room_id, subscription) {
                        notes.accept(no, frame, frames);
                    }
                }
                Event::NotesEnd {
                    room_id,
                    subscription,
                    no,
                } => {
                    if let Some(notes) = notes_of(&mut self.feeds, room_id, subscription) {
                        notes.goes_to(no);
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
                Event::WriteFinished { request, outcome } => self.finish_write(request, outcome),
                Event::WriteLost(request) => lost.push(request),
                Event::Detached(subscription) => {
                    Box::pin(self.rejoin(subscription, wire)).await?;
                }
            }
            if self.frames.len() >= TURN_FRAMES {
                self.send(wire).await?;
            }
        }
        if !lost.is_empty() {
            Box::pin(self.retry_lost_writes(lost)).await;
        }
        if self.pending.has_held() {
            Box::pin(self.release_held()).await;
        }
        Ok(())
    }

    fn is_subscribed(&self, room_id: RoomId, subscription: SubscriptionId) -> bool {
        self.feeds
            .get(&room_id)
            .is_some_and(|feed| feed.subscription.id == subscription)
    }

    /// Hands each write to the next incarnation of its room, once and in the order in which the
    /// client sent them.
    async fn retry_lost_writes(&mut self, mut lost: Vec<RequestId>) {
        lost.sort_unstable();
        for request in lost {
            match self.pending.retry(request) {
                Some((room_id, op, dead)) => self.submit(room_id, op, dead, request).await,
                None => self.finish_write(request, Err(StoreError::Busy.into())),
            }
        }
    }

    /// Replies to the client's frame with the outcome of its write.
    fn finish_write(&mut self, request: RequestId, outcome: Result<RoomCommit, WriteError>) {
        // A write that was given up as overdue got its reply then.
        let Some(write) = self.pending.take(request) else {
            return;
        };
        match outcome {
            Ok(commit) => match commit.effect {
                Effect::Posted(message) => self.push_ack(&message, false),
                Effect::Duplicate(message) => self.push_ack(&message, true),
                Effect::Noted(note) => self.push_noted(&note, false),
                Effect::DuplicateNote(note) => self.push_noted(&note, true),
                _ => {}
            },
            Err(error) => self.push_write_error(&error, write.room_id, write.id),
        }
    }

    fn push_ack(&mut self, message: &Message, duplicate: bool) {
        self.frames.push(encode(&ServerFrame::Ack {
            room_id: message.room_id,
            id: message.id,
            seq: message.seq,
            created_at: message.created_at,
            duplicate,
        }));
    }

    fn push_noted(&mut self, note: &Note, duplicate: bool) {
        self.frames.push(encode(&FrameForAgents::Noted {
            room_id: note.room_id,
            id: note.id,
            no: note.no,
            duplicate,
        }));
    }
}

/// The notes that a subscription of an agent's socket belongs to.
fn notes_of(
    feeds: &mut HashMap<RoomId, Box<RoomFeed>>,
    room_id: RoomId,
    subscription: SubscriptionId,
) -> Option<&mut NoteFeed> {
    let feed = feeds.get_mut(&room_id)?;
    (feed.subscription.id == subscription).then(|| feed.notes_mut())?
}
