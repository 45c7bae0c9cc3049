//! Frames of the client become writes, joins and reads.

use std::borrow::Cow;

use tokio::time::Instant;

use super::{End, Session, Who};
use crate::actors::{Incarnation, JoinError, ReplyPort, RequestId};
use crate::chat::{Draft, MessageId, RoomId, Status};
use crate::http::problem::Problem;
use crate::http::socket::feed::RoomFeed;
use crate::http::socket::frame_limiter::TooMany;
use crate::http::socket::wire::Incoming;
use crate::persistence::{RoomOp, WriteError};
use crate::protocol::{
    AgentFrame, CloseCode, ErrorCode, ErrorFrame, FrameError, Joined, Resume, ServerFrame,
    VisitorFrame, decode_agent_frame, decode_visitor_frame, encode,
};

/// Rooms that one agent's socket follows at most.
const JOINS_MAX: usize = 128;

/// A frame of either side, once it is known which room it is about.
enum Verb {
    Join { resume: Resume },
    Leave,
    Post { id: MessageId, content: String },
    Read { seq: u64 },
    Typing,
    History { before: u64, limit: usize },
    Status { status: Status },
}

impl Session {
    pub(super) async fn incoming(&mut self, incoming: Incoming) -> Result<(), End> {
        self.liveness.alive();
        match incoming {
            Incoming::Text(text) => self.text(&text).await,
            Incoming::Alive => match self.manners.frame(Instant::now(), 0) {
                Err(TooMany::Flood) => Err(CloseCode::Flood.into()),
                _ => Ok(()),
            },
            Incoming::Fatal(code) => Err(code.into()),
            Incoming::Gone => Err(End::Gone),
        }
    }

    async fn text(&mut self, text: &str) -> Result<(), End> {
        let decoded = match self.who {
            Who::Visitor { room_id, .. } => {
                decode_visitor_frame(text).map(|frame| visitor_verb(frame, room_id))
            }
            Who::Agent { .. } => decode_agent_frame(text).map(agent_verb),
        };
        if let Err(too_many) = self.manners.frame(Instant::now(), text.len()) {
            let about = decoded.as_ref().ok().and_then(Option::as_ref);
            return self.too_many(
                too_many,
                about.map(|(room_id, verb)| (*room_id, post_id(verb))),
            );
        }
        match decoded {
            Ok(Some((room_id, verb))) => self.act(room_id, verb).await,
            Ok(None) => Ok(()),
            Err(error) => self.bad_frame(error),
        }
    }

    fn too_many(
        &mut self,
        too_many: TooMany,
        about: Option<(RoomId, Option<MessageId>)>,
    ) -> Result<(), End> {
        let TooMany::Warn { retry_after_ms } = too_many else {
            return Err(CloseCode::Flood.into());
        };
        let error = ErrorFrame::new(ErrorCode::RateLimited, "too many frames; slow down")
            .retry_after(Some(retry_after_ms));
        match about {
            Some((room_id, id)) => self.refuse(error, room_id, id),
            None => self.frames.push(encode(&error)),
        }
        Ok(())
    }

    fn bad_frame(&mut self, error: FrameError) -> Result<(), End> {
        let counts = error.code == ErrorCode::BadFrame;
        if error.id.is_some() {
            self.state.metrics.post_refused(error.code);
        }
        self.frames.push(encode(&ErrorFrame::from(error)));
        if counts && self.manners.bad_frame(Instant::now()) {
            return Err(CloseCode::NotThisProtocol.into());
        }
        Ok(())
    }

    async fn act(&mut self, room_id: RoomId, verb: Verb) -> Result<(), End> {
        match verb {
            Verb::Join { resume } => return Box::pin(self.join(room_id, &resume)).await,
            Verb::Leave => {
                self.feeds.remove(&room_id);
            }
            Verb::Post { id, content } => {
                if let Err(retry_after_ms) =
                    self.state.limits.check_post(self.joiner.participant_id)
                {
                    let error =
                        ErrorFrame::new(ErrorCode::RateLimited, "too many messages; wait a moment");
                    self.refuse(error.retry_after(Some(retry_after_ms.0)), room_id, Some(id));
                    return Ok(());
                }
                let draft = Draft {
                    id,
                    sender: self.sender(),
                    content,
                };
                self.write(room_id, RoomOp::Post(draft)).await;
            }
            Verb::Read { seq } => {
                self.write(
                    room_id,
                    RoomOp::MarkRead {
                        side: self.side(),
                        seq,
                    },
                )
                .await
            }
            Verb::Status { status } => {
                let by = self.sender();
                self.write(room_id, RoomOp::SetStatus { status, by }).await;
            }
            Verb::Typing => match self.feeds.get(&room_id) {
                Some(feed) => feed.subscription.typing(),
                None => self.refuse_unjoined(room_id),
            },
            Verb::History { before, limit } => {
                return Box::pin(self.history(room_id, before, limit)).await;
            }
        }
        Ok(())
    }

    /// Hands a write to its room and goes on; the answer comes as an event.
    async fn write(&mut self, room_id: RoomId, op: RoomOp) {
        let follows = self.feeds.contains_key(&room_id);
        let held = self.pending.must_hold(room_id, follows);
        let request = self.pending.add(room_id, op.clone(), held);
        if !held && let Err(op) = self.hand_to_feed(room_id, op, request) {
            Box::pin(self.submit(room_id, op, None, request)).await;
        }
    }

    /// Writes have been answered, so those go that were held behind them.
    pub(super) async fn release_held(&mut self) {
        for room_id in self.pending.held_rooms() {
            if let Some((request, op)) = self.pending.release(room_id)
                && let Err(op) = self.hand_to_feed(room_id, op, request)
            {
                self.submit(room_id, op, None, request).await;
            }
        }
    }

    /// Hands a write to the room that this socket follows, or gives it back.
    fn hand_to_feed(
        &mut self,
        room_id: RoomId,
        op: RoomOp,
        request: RequestId,
    ) -> Result<(), RoomOp> {
        let Some(feed) = self.feeds.get(&room_id) else {
            return Err(op);
        };
        let reply = ReplyPort::to_socket(self.joiner.outbox.clone(), request);
        let asked = feed.subscription.write(op, reply);
        self.pending.asked(request, asked);
        Ok(())
    }

    /// Hands a write to a room that this socket does not follow, or whose incarnation has died
    /// over it.
    pub(super) async fn submit(
        &mut self,
        room_id: RoomId,
        op: RoomOp,
        dead: Option<Incarnation>,
        request: RequestId,
    ) {
        let reply = ReplyPort::to_socket(self.joiner.outbox.clone(), request);
        if let Some(asked) = self.state.rooms.submit(room_id, op, dead, reply).await {
            self.pending.asked(request, asked);
        }
    }

    async fn history(&mut self, room_id: RoomId, before: u64, limit: usize) -> Result<(), End> {
        if !self.feeds.contains_key(&room_id) {
            self.refuse_unjoined(room_id);
            return Ok(());
        }
        match self
            .state
            .store
            .messages_before(room_id, Some(before), limit)
            .await
        {
            Ok(page) => {
                let frame = ServerFrame::History {
                    room_id,
                    messages: Cow::Borrowed(&page.messages),
                    more: page.more,
                };
                self.frames.push(encode(&frame));
            }
            Err(error) => self.refuse_for(&error.into(), room_id, None),
        }
        Ok(())
    }

    fn refuse_unjoined(&mut self, room_id: RoomId) {
        self.refuse(
            ErrorFrame::new(ErrorCode::Invalid, "join the room first"),
            room_id,
            None,
        );
    }

    pub(super) fn refuse_for(
        &mut self,
        error: &WriteError,
        room_id: RoomId,
        id: Option<MessageId>,
    ) {
        let problem = Problem::from(error.clone());
        let frame =
            ErrorFrame::new(problem.code, problem.detail).retry_after(problem.retry_after_ms);
        self.refuse(frame, room_id, id);
    }

    fn refuse(&mut self, error: ErrorFrame, room_id: RoomId, id: Option<MessageId>) {
        let error = match id {
            Some(id) => {
                self.state.metrics.post_refused(error.code);
                error.about_message(id)
            }
            None => error,
        };
        self.frames.push(encode(&error.about_room(room_id)));
    }

    async fn join(&mut self, room_id: RoomId, resume: &Resume) -> Result<(), End> {
        if self.feeds.len() >= JOINS_MAX && !self.feeds.contains_key(&room_id) {
            let message =
                format!("at most {JOINS_MAX} rooms can be joined at once; leave one first");
            self.refuse(ErrorFrame::new(ErrorCode::Invalid, message), room_id, None);
            return Ok(());
        }
        // The old subscription goes first, so that nothing comes twice.
        self.feeds.remove(&room_id);
        let subscription = match self.state.rooms.join(room_id, &self.joiner).await {
            Ok(subscription) => subscription,
            Err(error) => {
                self.refuse_join(error, room_id);
                return Ok(());
            }
        };
        let room = subscription.record.room.clone();
        match RoomFeed::begin(subscription, resume, &self.state.store).await {
            Ok((feed, first)) => {
                self.frames.push(encode(&Joined {
                    room_id,
                    room: Cow::Borrowed(&room),
                    messages: Cow::Borrowed(&first.messages),
                    recovered: first.recovered,
                    more: first.more,
                }));
                self.feeds.insert(room_id, Box::new(feed));
            }
            Err(error) => self.refuse_for(&error.into(), room_id, None),
        }
        Ok(())
    }

    pub(super) fn refuse_join(&mut self, error: JoinError, room_id: RoomId) {
        let frame = match error {
            JoinError::NotFound => ErrorFrame::new(ErrorCode::NotFound, "there is no such room"),
            JoinError::Resting | JoinError::Unavailable => {
                ErrorFrame::new(ErrorCode::Busy, "the room does not answer; try again")
                    .retry_after(Some(1_000))
            }
            JoinError::Store(error) => return self.refuse_for(&error.into(), room_id, None),
        };
        self.refuse(frame, room_id, None);
    }
}

fn visitor_verb(frame: VisitorFrame, room_id: RoomId) -> Option<(RoomId, Verb)> {
    let verb = match frame {
        VisitorFrame::Post { id, content } => Verb::Post { id, content },
        VisitorFrame::Read { seq } => Verb::Read { seq },
        VisitorFrame::Typing => Verb::Typing,
        VisitorFrame::History { before, limit } => Verb::History { before, limit },
        VisitorFrame::Close => Verb::Status {
            status: Status::Closed,
        },
        VisitorFrame::Pong => return None,
    };
    Some((room_id, verb))
}

fn agent_verb(frame: AgentFrame) -> Option<(RoomId, Verb)> {
    Some(match frame {
        AgentFrame::Join { room_id, resume } => (room_id, Verb::Join { resume }),
        AgentFrame::Leave { room_id } => (room_id, Verb::Leave),
        AgentFrame::Post {
            room_id,
            id,
            content,
        } => (room_id, Verb::Post { id, content }),
        AgentFrame::Read { room_id, seq } => (room_id, Verb::Read { seq }),
        AgentFrame::Typing { room_id } => (room_id, Verb::Typing),
        AgentFrame::History {
            room_id,
            before,
            limit,
        } => (room_id, Verb::History { before, limit }),
        AgentFrame::Status { room_id, status } => (room_id, Verb::Status { status }),
        AgentFrame::Pong => return None,
    })
}

fn post_id(verb: &Verb) -> Option<MessageId> {
    match verb {
        Verb::Post { id, .. } => Some(*id),
        _ => None,
    }
}
