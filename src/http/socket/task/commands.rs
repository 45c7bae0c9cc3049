//! The client's frames become writes, joins and reads.

use tokio::time::Instant;
use uuid::Uuid;

use super::joins::JoinFrom;
use super::{Peer, SocketTask, history};
use crate::actors::{Incarnation, ReplyPort, RequestId};
use crate::chat::{DeskPatch, Draft, MessageId, NoteDraft, NoteId, RoomId, Sender, Side, Status};
use crate::http::desk_ids::check_desk;
use crate::http::problem::Problem;
use crate::http::socket::closing::EndReason;
use crate::http::socket::frame_limiter::LimitExceeded;
use crate::http::socket::pending::FrameId;
use crate::http::socket::wire::Incoming;
use crate::persistence::{RoomOp, WriteError};
use crate::protocol::{
    AgentFrame, CloseCode, Decoded, ErrorCode, ErrorFrame, FrameError, VisitorFrame,
    decode_agent_frame, decode_visitor_frame, encode,
};

/// What a client's frame asks for, apart from the room that it is about. It is small, since every
/// socket has memory for one.
enum Command {
    Join(Box<JoinFrom>),
    Leave,
    Post { id: MessageId, content: String },
    Note { id: NoteId, content: String },
    Read { seq: u64 },
    Typing,
    Page { url: String },
    History { before: u64, limit: usize },
    Status { status: Status },
    Assign { patch: Box<DeskPatch> },
}

/// A client's frame.
struct Request {
    /// What it asks for, and of which room; nothing, if it only proves life.
    command: Option<(RoomId, Command)>,
    /// Its `id`, which a reply carries.
    id: Option<FrameId>,
}

impl Request {
    fn new(command: Option<(RoomId, Command)>, id: Option<String>) -> Self {
        let id = match &command {
            Some((_, Command::Post { id, .. } | Command::Note { id, .. })) => {
                Some(FrameId::Post(*id))
            }
            _ => id.map(|id| FrameId::Other(id.into())),
        };
        Self { command, id }
    }
}

impl SocketTask {
    pub(super) async fn handle_incoming(&mut self, incoming: Incoming) -> Result<(), EndReason> {
        self.liveness.frame_received();
        match incoming {
            Incoming::Text(text) => self.handle_frame(&text).await,
            Incoming::Control => match self.frame_limiter.check_frame(Instant::now(), 0) {
                Err(LimitExceeded::Flood) => Err(CloseCode::Flood.into()),
                _ => Ok(()),
            },
            Incoming::Violation(code) => Err(code.into()),
            Incoming::PeerGone => Err(EndReason::PeerGone),
        }
    }

    async fn handle_frame(&mut self, text: &str) -> Result<(), EndReason> {
        let decoded = match self.peer {
            Peer::Visitor { room_id, .. } => decode_visitor_frame(text)
                .map(|Decoded { frame, id }| Request::new(visitor_command(frame, room_id), id)),
            Peer::Agent { .. } => decode_agent_frame(text)
                .map(|Decoded { frame, id }| Request::new(agent_command(frame), id)),
        };
        if let Err(exceeded) = self.frame_limiter.check_frame(Instant::now(), text.len()) {
            return self.handle_limit_exceeded(exceeded, decoded);
        }
        let Request { command, id } = match decoded {
            Ok(request) => request,
            Err(error) => return self.handle_bad_frame(error),
        };
        match command {
            Some((room_id, command)) => self.execute(room_id, command, id).await,
            None => Ok(()),
        }
    }

    fn handle_limit_exceeded(
        &mut self,
        exceeded: LimitExceeded,
        decoded: Result<Request, FrameError>,
    ) -> Result<(), EndReason> {
        let LimitExceeded::Warn { retry_after_ms } = exceeded else {
            return Err(CloseCode::Flood.into());
        };
        let error = ErrorFrame::new(ErrorCode::RateLimited, "too many frames; slow down")
            .retry_after(Some(retry_after_ms));
        let error = match decoded {
            Ok(Request { command, id }) => {
                let error = self.about_frame(error, id);
                match command {
                    Some((room_id, _)) => error.about_room(room_id),
                    None => error,
                }
            }
            Err(FrameError { id, room_id, .. }) => ErrorFrame {
                id,
                room_id,
                ..error
            },
        };
        self.frames.push(encode(&error));
        Ok(())
    }

    fn handle_bad_frame(&mut self, error: FrameError) -> Result<(), EndReason> {
        let is_bad_frame = error.code == ErrorCode::BadFrame;
        if error.id.is_some() {
            self.state.metrics.post_refused(error.code);
        }
        self.frames.push(encode(&ErrorFrame::from(error)));
        if is_bad_frame && self.frame_limiter.count_bad_frame(Instant::now()) {
            return Err(CloseCode::NotThisProtocol.into());
        }
        Ok(())
    }

    async fn execute(
        &mut self,
        room_id: RoomId,
        command: Command,
        frame_id: Option<FrameId>,
    ) -> Result<(), EndReason> {
        match command {
            Command::Join(from) => return Box::pin(self.join(room_id, *from, frame_id)).await,
            Command::Leave => {
                self.feeds.remove(&room_id);
            }
            Command::Post { id, content } => {
                if !self.may_write(room_id, id) {
                    return Ok(());
                }
                let draft = Draft {
                    id,
                    sender: self.sender(),
                    content,
                    via: None,
                };
                self.write(room_id, RoomOp::Post(draft), frame_id).await;
            }
            Command::Note { id, content } => Box::pin(self.note(room_id, id, content)).await,
            Command::Read { seq } => {
                let side = self.joiner.side;
                let op = RoomOp::MarkRead { side, seq };
                self.write(room_id, op, frame_id).await;
            }
            Command::Status { status } => {
                let by = self.sender();
                let op = RoomOp::SetStatus { status, by };
                self.write(room_id, op, frame_id).await;
            }
            Command::Assign { patch } => Box::pin(self.assign(room_id, patch, frame_id)).await,
            Command::Page { url } => self.write(room_id, RoomOp::Visit { url }, frame_id).await,
            Command::Typing => match self.feeds.get(&room_id) {
                Some(feed) => feed.subscription.typing(),
                None => self.push_not_joined(room_id, frame_id),
            },
            Command::History { before, limit } => {
                let pushed = self.push_history(room_id, before, limit, frame_id);
                return Box::pin(pushed).await;
            }
        }
        Ok(())
    }

    async fn assign(&mut self, room_id: RoomId, patch: Box<DeskPatch>, id: Option<FrameId>) {
        match check_desk(&self.state.names, &patch).await {
            Ok(()) => self.write(room_id, RoomOp::set_desk(*patch), id).await,
            Err(problem) => {
                self.push_error(ErrorFrame::new(problem.code, problem.detail), room_id, id);
            }
        }
    }

    /// Counts a message or a note against the sender's limit. If there are too many, the reply says
    /// so.
    fn may_write(&mut self, room_id: RoomId, id: Uuid) -> bool {
        let limit = self.state.limits.check_post(self.joiner.participant_id);
        let Err(retry_after_ms) = limit else {
            return true;
        };
        let error = ErrorFrame::new(ErrorCode::RateLimited, "too many messages; wait a moment");
        let error = error.retry_after(Some(retry_after_ms.0));
        self.push_error(error, room_id, Some(FrameId::Post(id)));
        false
    }

    /// Writes a note by this socket's agent.
    async fn note(&mut self, room_id: RoomId, id: NoteId, content: String) {
        let Sender::Agent {
            id: agent_id,
            display_name,
        } = self.sender()
        else {
            return;
        };
        if self.may_write(room_id, id) {
            let draft = NoteDraft {
                id,
                agent_id,
                agent_name: display_name,
                content,
            };
            self.write(room_id, RoomOp::Note(draft), Some(FrameId::Post(id)))
                .await;
        }
    }

    /// Hands a write to its room without waiting. The outcome arrives as an event.
    async fn write(&mut self, room_id: RoomId, op: RoomOp, id: Option<FrameId>) {
        let is_joined = self.feeds.contains_key(&room_id);
        let held = self.pending.must_hold(room_id, is_joined);
        let request = self.pending.add(room_id, op.clone(), id, held);
        if !held && let Err(op) = self.write_to_joined_room(room_id, op, request) {
            Box::pin(self.submit(room_id, op, None, request)).await;
        }
    }

    /// Hands held writes to their rooms, after the writes that they waited for have finished.
    pub(super) async fn release_held(&mut self) {
        for room_id in self.pending.held_rooms() {
            if let Some((request, op)) = self.pending.release(room_id)
                && let Err(op) = self.write_to_joined_room(room_id, op, request)
            {
                self.submit(room_id, op, None, request).await;
            }
        }
    }

    /// Hands a write to a room that this socket has joined; otherwise returns it.
    fn write_to_joined_room(
        &mut self,
        room_id: RoomId,
        op: RoomOp,
        request: RequestId,
    ) -> Result<(), RoomOp> {
        let Some(feed) = self.feeds.get(&room_id) else {
            return Err(op);
        };
        let reply = ReplyPort::to_socket(self.joiner.outbox.clone(), request);
        let incarnation = feed.subscription.write(op, reply);
        self.pending.sent_to(request, incarnation);
        Ok(())
    }

    /// Hands a write to a room that this socket has not joined, or whose incarnation `dead` died
    /// with the write.
    pub(super) async fn submit(
        &mut self,
        room_id: RoomId,
        op: RoomOp,
        dead: Option<Incarnation>,
        request: RequestId,
    ) {
        let reply = ReplyPort::to_socket(self.joiner.outbox.clone(), request);
        let incarnation = self.state.rooms.submit(room_id, op, dead, reply).await;
        if let Some(incarnation) = incarnation {
            self.pending.sent_to(request, incarnation);
        }
    }

    async fn push_history(
        &mut self,
        room_id: RoomId,
        before: u64,
        limit: usize,
        id: Option<FrameId>,
    ) -> Result<(), EndReason> {
        if !self.feeds.contains_key(&room_id) {
            self.push_not_joined(room_id, id);
            return Ok(());
        }
        let frame = match self.joiner.side {
            Side::Visitor => history::for_visitor(&self.state.store, room_id, before, limit).await,
            Side::Agent => history::for_agent(&self.state.store, room_id, before, limit).await,
        };
        match frame {
            Ok(frame) => self.frames.push(frame),
            Err(error) => self.push_write_error(&error.into(), room_id, id),
        }
        Ok(())
    }

    fn push_not_joined(&mut self, room_id: RoomId, id: Option<FrameId>) {
        self.push_error(
            ErrorFrame::new(ErrorCode::Invalid, "join the room first"),
            room_id,
            id,
        );
    }

    /// Pushes the error of the store, or of a rule, about the frame with this `id`.
    pub(super) fn push_write_error(
        &mut self,
        error: &WriteError,
        room_id: RoomId,
        id: Option<FrameId>,
    ) {
        let problem = Problem::from(error.clone());
        let frame =
            ErrorFrame::new(problem.code, problem.detail).retry_after(problem.retry_after_ms);
        self.push_error(frame, room_id, id);
    }

    pub(super) fn push_error(&mut self, error: ErrorFrame, room_id: RoomId, id: Option<FrameId>) {
        let error = self.about_frame(error, id);
        self.frames.push(encode(&error.about_room(room_id)));
    }

    fn about_frame(&self, error: ErrorFrame, id: Option<FrameId>) -> ErrorFrame {
        match id {
            Some(FrameId::Post(id)) => {
                self.state.metrics.post_refused(error.code);
                error.about_message(id)
            }
            Some(FrameId::Other(id)) => error.about_frame(id),
            None => error,
        }
    }
}

fn visitor_command(frame: VisitorFrame, room_id: RoomId) -> Option<(RoomId, Command)> {
    let command = match frame {
        VisitorFrame::Post { id, content } => Command::Post { id, content },
        VisitorFrame::Read { seq } => Command::Read { seq },
        VisitorFrame::Typing => Command::Typing,
        VisitorFrame::Page { url } => Command::Page { url },
        VisitorFrame::History { before, limit } => Command::History { before, limit },
        VisitorFrame::Close => Command::Status {
            status: Status::Closed,
        },
        VisitorFrame::Pong => return None,
    };
    Some((room_id, command))
}

fn agent_command(frame: AgentFrame) -> Option<(RoomId, Command)> {
    Some(match frame {
        AgentFrame::Join {
            room_id,
            resume,
            after_note,
        } => {
            let from = JoinFrom { resume, after_note };
            (room_id, Command::Join(Box::new(from)))
        }
        AgentFrame::Leave { room_id } => (room_id, Command::Leave),
        AgentFrame::Post {
            room_id,
            id,
            content,
        } => (room_id, Command::Post { id, content }),
        AgentFrame::Note {
            room_id,
            id,
            content,
        } => (room_id, Command::Note { id, content }),
        AgentFrame::Read { room_id, seq } => (room_id, Command::Read { seq }),
        AgentFrame::Typing { room_id } => (room_id, Command::Typing),
        AgentFrame::History {
            room_id,
            before,
            limit,
        } => (room_id, Command::History { before, limit }),
        AgentFrame::Assign {
            room_id,
            assignee,
            expect_assignee,
        } => {
            let patch = Box::new(DeskPatch {
                assignee: Some(assignee),
                expect_assignee,
                ..DeskPatch::default()
            });
            (room_id, Command::Assign { patch })
        }
        AgentFrame::Status { room_id, status } => (room_id, Command::Status { status }),
        AgentFrame::Pong => return None,
    })
}
