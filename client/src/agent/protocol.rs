//! The agent's side of the protocol, without I/O.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use shoptalk::chat::{Message, Note, RoomId, Side, Summary};
use shoptalk::protocol::{
    AgentFrame, AgentHello, AgentServerFrame, AgentWelcome, ErrorFrame, FrameForAgents, Joined,
    Resume, ServerFrame,
};
use tokio::time::Instant;

use super::event::AgentEvent;
use super::note_place::NotePlace;
use crate::connection::{Control, Gap, Output, Protocol, StopReason, Unsettled};
use crate::outbox::{Outbox, Post, PostKind};
use crate::place::{Arrival, Place};
use crate::read_mark::UnconfirmedRead;

/// The wait before a join that was refused temporarily is tried again.
const JOIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the handle asks for, apart from posts.
pub(crate) enum Command {
    Join(RoomId),
    Leave(RoomId),
    Read {
        room_id: RoomId,
        seq: u64,
    },
    Typing(RoomId),
    History {
        room_id: RoomId,
        before: u64,
        limit: usize,
    },
}

/// A room that the program has joined.
#[derive(Debug, Default)]
struct Follow {
    place: Place,
    notes: NotePlace,
    /// A join was sent, and neither `joined` nor an error has arrived.
    joining: bool,
    /// When to send a join again that was refused temporarily.
    join_at: Option<Instant>,
    unconfirmed_read: UnconfirmedRead,
}

/// The agent's side of the protocol, without I/O.
pub(crate) struct AgentProtocol {
    token: String,
    epoch: Option<String>,
    /// Opaque: kept and sent back.
    cursor: Option<String>,
    /// This connection has received the whole list.
    listed: bool,
    /// The newest version of each room that was delivered.
    versions: HashMap<RoomId, u64>,
    follows: BTreeMap<RoomId, Follow>,
}

impl AgentProtocol {
    pub(crate) fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            epoch: None,
            cursor: None,
            listed: false,
            versions: HashMap::new(),
            follows: BTreeMap::new(),
        }
    }

    fn welcome(&mut self, welcome: AgentWelcome<'static>, output: &mut Output<Self>) {
        let epoch = welcome.epoch.into_owned();
        if self.epoch.as_ref().is_some_and(|known| *known != epoch) {
            for follow in self.follows.values_mut() {
                follow.place.forget();
                follow.notes.forget();
                follow.unconfirmed_read.forget();
            }
        }
        self.epoch = Some(epoch.clone());
        if !welcome.recovered {
            self.versions.clear();
        }
        self.listed = false;
        output.events.push(AgentEvent::Connected {
            agent: welcome.agent.into_owned(),
            epoch,
            resumed: welcome.recovered,
            counts: welcome.counts,
            online: welcome.online.into_owned(),
        });
        self.summaries(
            welcome.cursor.into_owned(),
            welcome.summaries.into_owned(),
            welcome.more,
            output,
        );
        for room_id in self.follows.keys().copied().collect::<Vec<_>>() {
            self.join(room_id, output);
        }
    }

    fn summaries(
        &mut self,
        cursor: String,
        summaries: Vec<Summary>,
        more: bool,
        output: &mut Output<Self>,
    ) {
        self.cursor = Some(cursor);
        for summary in summaries {
            self.summary(summary, output);
        }
        if !more && !self.listed {
            self.listed = true;
            output.events.push(AgentEvent::Listed);
        }
    }

    /// A summary is state: one that arrives twice, or after a newer one, changes nothing.
    fn summary(&mut self, summary: Summary, output: &mut Output<Self>) {
        let version = self.versions.entry(summary.room.id).or_default();
        if summary.version >= *version {
            *version = summary.version;
            output.events.push(AgentEvent::Summary(summary));
        }
    }

    /// Sends the join of a room, to resume after its last message.
    fn join(&mut self, room_id: RoomId, output: &mut Output<Self>) {
        let Some(follow) = self.follows.get_mut(&room_id) else {
            return;
        };
        follow.joining = true;
        follow.join_at = None;
        follow.place.catching_up = true;
        let after = follow.place.last_seq();
        output.frames.push(AgentFrame::Join {
            room_id,
            resume: Resume {
                epoch: after.and(self.epoch.clone()),
                after,
                tail: None,
            },
            after_note: after.and(follow.notes.last()),
        });
    }

    fn joined(&mut self, joined: Joined<'static>, output: &mut Output<Self>) {
        let Some(follow) = self.follows.get_mut(&joined.room_id) else {
            return;
        };
        follow.joining = false;
        follow.notes.begin(&joined);
        let notes = joined.notes.into_owned();
        let room = joined.room.into_owned();
        let messages = joined.messages.into_owned();
        follow
            .place
            .begin(joined.recovered, messages.first().map(|first| first.seq));
        if let Some(seq) = follow.unconfirmed_read.past(room.admin_read_seq) {
            let room_id = joined.room_id;
            output.frames.push(AgentFrame::Read { room_id, seq });
        }
        output.events.push(AgentEvent::Joined {
            room,
            resumed: joined.recovered,
        });
        for note in notes {
            self.note(note, output);
        }
        self.page(joined.room_id, messages, joined.more, output);
    }

    fn note(&mut self, note: Note, output: &mut Output<Self>) {
        let Some(follow) = self.follows.get_mut(&note.room_id) else {
            return;
        };
        match follow.notes.arrive(note.no) {
            Arrival::Next => output.events.push(AgentEvent::Note(note)),
            Arrival::Known => {}
            Arrival::Gap if follow.joining || follow.join_at.is_some() => {}
            Arrival::Gap => self.join(note.room_id, output),
        }
    }

    fn page(
        &mut self,
        room_id: RoomId,
        messages: Vec<Message>,
        more: bool,
        output: &mut Output<Self>,
    ) {
        for message in messages {
            self.message(room_id, message, output);
        }
        if let Some(follow) = self.follows.get_mut(&room_id)
            && follow.place.catching_up
            && !follow.joining
            && !more
        {
            follow.place.catching_up = false;
            output.events.push(AgentEvent::CaughtUp(room_id));
        }
    }

    fn message(&mut self, room_id: RoomId, message: Message, output: &mut Output<Self>) {
        let Some(follow) = self.follows.get_mut(&room_id) else {
            return;
        };
        match follow.place.arrive(message.seq) {
            Arrival::Next => output.events.push(AgentEvent::Message(message)),
            Arrival::Known => {}
            // The reply to a join, sent or to be sent, has it.
            Arrival::Gap if follow.joining || follow.join_at.is_some() => {}
            Arrival::Gap => self.join(room_id, output),
        }
    }

    fn error(&mut self, error: ErrorFrame, outbox: &mut Outbox, output: &mut Output<Self>) {
        if error.id.is_some() {
            if let Some(Post {
                room_id,
                id,
                content,
                ..
            }) = outbox.refused(&error)
            {
                output.events.push(AgentEvent::Refused {
                    room_id,
                    id,
                    content,
                    error,
                });
            }
            return;
        }
        let room_id = error.room_id.as_ref().and_then(|id| id.parse().ok());
        let joining = room_id.filter(|id| self.follows.get(id).is_some_and(|room| room.joining));
        let Some(room_id) = joining else {
            output.events.push(AgentEvent::Error(error));
            return;
        };
        if error.retryable {
            let wait = error
                .retry_after_ms
                .map_or(JOIN_RETRY_AFTER, Duration::from_millis);
            if let Some(follow) = self.follows.get_mut(&room_id) {
                follow.joining = false;
                follow.join_at = Some(Instant::now() + wait);
            }
        } else {
            self.follows.remove(&room_id);
            output
                .events
                .push(AgentEvent::JoinRefused { room_id, error });
        }
    }

    fn for_agents(
        &mut self,
        frame: FrameForAgents<'static>,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) {
        let event = match frame {
            FrameForAgents::Message { room_id, message } => {
                return self.message(room_id, message.into_owned(), output);
            }
            FrameForAgents::Messages {
                room_id,
                messages,
                more,
            } => return self.page(room_id, messages.into_owned(), more, output),
            FrameForAgents::Note { note, .. } => return self.note(note.into_owned(), output),
            FrameForAgents::Noted {
                room_id,
                id,
                no,
                duplicate,
            } if outbox.acked(room_id, id) => AgentEvent::Noted {
                room_id,
                id,
                no,
                duplicate,
            },
            // It was settled before.
            FrameForAgents::Noted { .. } => return,
            FrameForAgents::History {
                room_id,
                messages,
                more,
                notes,
                notes_more,
            } => AgentEvent::History {
                room_id,
                messages: messages.into_owned(),
                more,
                notes: notes.into_owned(),
                notes_more,
            },
        };
        output.events.push(event);
    }

    fn event(
        &mut self,
        frame: ServerFrame<'static>,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) {
        let event = match frame {
            ServerFrame::Summaries {
                cursor,
                summaries,
                more,
            } => {
                return self.summaries(cursor.into_owned(), summaries.into_owned(), more, output);
            }
            ServerFrame::Summary { cursor, summary } => {
                self.cursor = Some(cursor.into_owned());
                return self.summary(summary.into_owned(), output);
            }
            ServerFrame::Ack {
                room_id,
                id,
                seq,
                created_at,
                duplicate,
            } if outbox.acked(room_id, id) => AgentEvent::Acked {
                room_id,
                id,
                seq,
                created_at,
                duplicate,
            },
            ServerFrame::Read {
                room_id,
                reader,
                seq,
            } => {
                if let Some(follow) = self.follows.get_mut(&room_id)
                    && reader == Side::Agent
                {
                    follow.unconfirmed_read.confirm(seq);
                }
                AgentEvent::Read {
                    room_id,
                    reader,
                    seq,
                }
            }
            ServerFrame::Typing {
                room_id,
                sender_type,
                sender_name,
                expires_in_ms,
            } => AgentEvent::Typing {
                room_id,
                sender_type,
                sender_name: sender_name.into_owned(),
                expires_in: Duration::from_millis(expires_in_ms),
            },
            ServerFrame::Room { room, .. } => AgentEvent::Room(room.into_owned()),
            ServerFrame::Removed { cursor, room_id } => {
                self.cursor = Some(cursor.into_owned());
                AgentEvent::Removed(room_id)
            }
            ServerFrame::Counts { counts } => AgentEvent::Counts(counts),
            ServerFrame::Online {
                room_id,
                customer_online,
            } => AgentEvent::Online {
                room_id,
                customer_online,
            },
            ServerFrame::GoingAway { .. } => AgentEvent::GoingAway,
            // An ack of a post that was settled before, or a frame of a newer server.
            _ => return,
        };
        output.events.push(event);
    }
}

impl Protocol for AgentProtocol {
    type Hello = AgentHello;
    type Frame = AgentFrame;
    type Incoming = AgentServerFrame;
    type Event = AgentEvent;
    type Command = Command;

    fn path(&self) -> String {
        "/ws/admin/chat/".to_owned()
    }

    fn hello(&self) -> AgentHello {
        AgentHello {
            token: Some(self.token.clone()),
            epoch: self.epoch.clone(),
            cursor: self.cursor.clone(),
        }
    }

    fn post(post: Post) -> AgentFrame {
        let Post {
            kind,
            room_id,
            id,
            content,
        } = post;
        match kind {
            PostKind::Message => AgentFrame::Post {
                room_id,
                id,
                content,
            },
            PostKind::Note => AgentFrame::Note {
                room_id,
                id,
                content,
            },
        }
    }

    fn control(frame: &AgentServerFrame) -> Control {
        match frame {
            AgentServerFrame::Welcome(welcome) => {
                Control::welcome(welcome.ping_interval_ms, welcome.reconnect_window_ms)
            }
            AgentServerFrame::Event(event) => Control::event(event),
            _ => Control::Other,
        }
    }

    fn receive(
        &mut self,
        frame: AgentServerFrame,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        match frame {
            AgentServerFrame::Welcome(welcome) => self.welcome(*welcome, output),
            AgentServerFrame::Joined(joined) => self.joined(*joined, output),
            AgentServerFrame::Ping(_) => output.frames.push(AgentFrame::Pong),
            AgentServerFrame::Error(error) => self.error(error, outbox, output),
            AgentServerFrame::ForAgents(frame) => self.for_agents(frame, outbox, output),
            AgentServerFrame::Event(frame) => self.event(frame, outbox, output),
        }
        Ok(())
    }

    fn command(&mut self, command: Command, welcomed: bool, output: &mut Output<Self>) {
        let frame = match command {
            Command::Join(room_id) => {
                self.follows.entry(room_id).or_default();
                if welcomed {
                    self.join(room_id, output);
                }
                return;
            }
            Command::Leave(room_id) => {
                self.follows.remove(&room_id);
                AgentFrame::Leave { room_id }
            }
            Command::Read { room_id, seq } => {
                if let Some(follow) = self.follows.get_mut(&room_id) {
                    follow.unconfirmed_read.advance(seq);
                }
                AgentFrame::Read { room_id, seq }
            }
            Command::Typing(room_id) => AgentFrame::Typing { room_id },
            Command::History {
                room_id,
                before,
                limit,
            } => AgentFrame::History {
                room_id,
                before,
                limit,
            },
        };
        if welcomed {
            output.frames.push(frame);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.follows.values().filter_map(|room| room.join_at).min()
    }

    fn due(&mut self, output: &mut Output<Self>) {
        let now = Instant::now();
        let due = self.follows.iter();
        let due = due.filter(|(_, room)| room.join_at.is_some_and(|at| at <= now));
        for room_id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.join(room_id, output);
        }
    }

    fn offline(reason: String, retry_in: Duration) -> AgentEvent {
        AgentEvent::Offline { reason, retry_in }
    }

    fn stopped(reason: StopReason, unsettled: Vec<Unsettled>) -> AgentEvent {
        AgentEvent::Stopped { reason, unsettled }
    }
}
