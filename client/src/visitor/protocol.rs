//! The visitor's side of the protocol, without I/O.

use std::time::Duration;

use shoptalk::chat::{Message, RoomId, Side};
use shoptalk::protocol::{
    ErrorFrame, Resume, ServerFrame, VisitorFrame, VisitorHello, VisitorServerFrame, VisitorWelcome,
};

use super::Position;
use super::event::VisitorEvent;
use crate::connection::{Control, Gap, Output, Protocol, StopReason, Unsettled};
use crate::outbox::{Outbox, Post};
use crate::place::{Arrival, Place};
use crate::read_mark::UnconfirmedRead;

/// What the handle asks for, apart from posts.
pub(crate) enum Command {
    Read(u64),
    Typing,
    History { before: u64, limit: usize },
}

/// The visitor's side of the protocol, without I/O.
pub(crate) struct VisitorProtocol {
    room_id: RoomId,
    token: String,
    epoch: Option<String>,
    place: Place,
    unconfirmed_read: UnconfirmedRead,
    /// `before` and `limit` of the older page that was requested and has not arrived.
    history: Option<(u64, usize)>,
    /// The last ping named a message that has not arrived.
    is_behind: bool,
}

impl VisitorProtocol {
    pub(crate) fn new(room_id: RoomId, token: &str, resume: Option<Position>) -> Self {
        Self {
            room_id,
            token: token.to_owned(),
            place: Place::after(resume.as_ref().map(|position| position.last_seq)),
            epoch: resume.map(|position| position.epoch),
            unconfirmed_read: UnconfirmedRead::default(),
            history: None,
            is_behind: false,
        }
    }

    fn welcome(
        &mut self,
        welcome: VisitorWelcome<'static>,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        let epoch = welcome.epoch.into_owned();
        if self.epoch.as_ref().is_some_and(|known| *known != epoch) {
            self.unconfirmed_read.forget();
            self.history = None;
        }
        self.is_behind = false;
        let room = welcome.room.into_owned();
        let messages = welcome.messages.into_owned();
        self.place
            .begin(welcome.recovered, messages.first().map(|first| first.seq));
        if let Some(seq) = self.unconfirmed_read.past(room.customer_read_seq) {
            output.frames.push(VisitorFrame::Read { seq });
        }
        if let Some((before, limit)) = self.history {
            output.frames.push(VisitorFrame::History { before, limit });
        }
        self.epoch = Some(epoch.clone());
        output.events.push(VisitorEvent::Connected {
            room,
            epoch,
            resumed: welcome.recovered,
            agents_online: welcome.agents_online,
        });
        self.page(messages, welcome.more, output)
    }

    fn page(
        &mut self,
        messages: Vec<Message>,
        more: bool,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        let was_live = !self.place.catching_up;
        self.place.catching_up = more;
        for message in messages {
            self.message(message, output)?;
        }
        if !more && !was_live {
            output.events.push(VisitorEvent::CaughtUp);
        }
        Ok(())
    }

    fn message(&mut self, message: Message, output: &mut Output<Self>) -> Result<(), Gap> {
        match self.place.arrive(message.seq) {
            Arrival::Next => output.events.push(VisitorEvent::Message(message)),
            Arrival::Known => {}
            Arrival::Gap => return Err(Gap),
        }
        Ok(())
    }

    /// A ping names the newest message. If it is still missing at the next ping, it was lost.
    fn ping(&mut self, last_seq: Option<u64>) -> Result<(), Gap> {
        let was_behind = self.is_behind;
        self.is_behind =
            !self.place.catching_up && last_seq > Some(self.place.last_seq().unwrap_or(0));
        if was_behind && self.is_behind {
            return Err(Gap);
        }
        Ok(())
    }

    fn error(&mut self, error: ErrorFrame, outbox: &mut Outbox, output: &mut Output<Self>) {
        if error.id.is_none() {
            self.history = None;
            output.events.push(VisitorEvent::Error(error));
        } else if let Some(Post { id, content, .. }) = outbox.refused(&error) {
            output
                .events
                .push(VisitorEvent::Refused { id, content, error });
        }
    }

    fn event(
        &mut self,
        frame: ServerFrame<'static>,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        let event = match frame {
            ServerFrame::Message { message, .. } => {
                return self.message(message.into_owned(), output);
            }
            ServerFrame::Messages { messages, more, .. } => {
                return self.page(messages.into_owned(), more, output);
            }
            ServerFrame::Ack {
                id,
                seq,
                created_at,
                duplicate,
                ..
            } if outbox.acked(self.room_id, id) => VisitorEvent::Acked {
                id,
                seq,
                created_at,
                duplicate,
            },
            ServerFrame::Read { reader, seq, .. } => {
                if reader == Side::Visitor {
                    self.unconfirmed_read.confirm(seq);
                }
                VisitorEvent::Read { reader, seq }
            }
            ServerFrame::Typing {
                sender_type,
                sender_name,
                expires_in_ms,
                ..
            } => VisitorEvent::Typing {
                sender_type,
                sender_name: sender_name.into_owned(),
                expires_in: Duration::from_millis(expires_in_ms),
            },
            ServerFrame::Presence { agents_online, .. } => {
                VisitorEvent::AgentsOnline(agents_online)
            }
            ServerFrame::Room { room, .. } => VisitorEvent::Room(room.into_owned()),
            ServerFrame::History { messages, more, .. } => {
                self.history = None;
                VisitorEvent::History {
                    messages: messages.into_owned(),
                    more,
                }
            }
            ServerFrame::GoingAway { .. } => VisitorEvent::GoingAway,
            // An ack of a post that was settled before, or a frame of a newer server.
            _ => return Ok(()),
        };
        output.events.push(event);
        Ok(())
    }
}

impl Protocol for VisitorProtocol {
    type Hello = VisitorHello;
    type Frame = VisitorFrame;
    type Incoming = VisitorServerFrame;
    type Event = VisitorEvent;
    type Command = Command;

    fn path(&self) -> String {
        format!("/ws/chat/{}/", self.room_id)
    }

    fn hello(&self) -> VisitorHello {
        VisitorHello {
            token: Some(self.token.clone()),
            resume: Resume {
                epoch: self.epoch.clone(),
                after: self.place.last_seq(),
                tail: None,
            },
            locale: None,
        }
    }

    fn post(post: Post) -> VisitorFrame {
        VisitorFrame::Post {
            id: post.id,
            content: post.content,
        }
    }

    fn control(frame: &VisitorServerFrame) -> Control {
        match frame {
            VisitorServerFrame::Welcome(welcome) => {
                Control::welcome(welcome.ping_interval_ms, welcome.reconnect_window_ms)
            }
            VisitorServerFrame::Event(event) => Control::event(event),
            _ => Control::Other,
        }
    }

    fn receive(
        &mut self,
        frame: VisitorServerFrame,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        match frame {
            VisitorServerFrame::Welcome(welcome) => {
                // The welcome has the first page of a resume.
                self.place.catching_up = true;
                self.welcome(*welcome, output)
            }
            VisitorServerFrame::Ping(ping) => {
                output.frames.push(VisitorFrame::Pong);
                self.ping(ping.last_seq)
            }
            VisitorServerFrame::Error(error) => {
                self.error(error, outbox, output);
                Ok(())
            }
            VisitorServerFrame::Event(frame) => self.event(frame, outbox, output),
        }
    }

    fn command(&mut self, command: Command, welcomed: bool, output: &mut Output<Self>) {
        let frame = match command {
            Command::Read(seq) => {
                let seq = self.unconfirmed_read.advance(seq);
                VisitorFrame::Read { seq }
            }
            Command::Typing => VisitorFrame::Typing,
            Command::History { before, limit } => {
                self.history = Some((before, limit));
                VisitorFrame::History { before, limit }
            }
        };
        // What still matters then is sent again after the next welcome.
        if welcomed {
            output.frames.push(frame);
        }
    }

    fn offline(reason: String, retry_in: Duration) -> VisitorEvent {
        VisitorEvent::Offline { reason, retry_in }
    }

    fn stopped(reason: StopReason, unsettled: Vec<Unsettled>) -> VisitorEvent {
        VisitorEvent::Stopped { reason, unsettled }
    }
}
