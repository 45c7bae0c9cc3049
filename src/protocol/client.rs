//! What clients send, and how it is decoded. Each field is checked in `fields.rs`.

mod fields;

use serde::Serialize;

use self::fields::Fields;
use super::ErrorCode;
use super::client_shapes::{AgentClientFrame, VisitorClientFrame};
use crate::chat::limits::Violation;
use crate::chat::{AgentId, MessageId, NoteId, RoomId, Status};

/// Why a frame is refused, and what the `error` frame in reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// `bad_frame`, `too_large`, `invalid` or `not_found`.
    pub code: ErrorCode,
    /// What is wrong and what would be right.
    pub message: String,
    /// The frame's `id`, as it was sent.
    pub id: Option<String>,
    /// The frame's `room_id`, as it was sent.
    pub room_id: Option<String>,
}

/// A frame after the hello, and what an error about it has to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<F> {
    /// What is asked for.
    pub frame: F,
    /// The frame's `id`, as it was sent. Any frame may have one.
    pub id: Option<String>,
}

/// Where a client resumes a room's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resume {
    /// The epoch that `after` belongs to; absent means the present one.
    pub epoch: Option<String>,
    /// The client has everything up to this seq.
    pub after: Option<u64>,
    /// Without `after`: how many of the newest messages it wants.
    pub tail: Option<usize>,
}

/// A visitor's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "VisitorClientFrame")]
pub struct VisitorHello {
    /// A visitor's token or a signed identity.
    pub token: Option<String>,
    /// Where to resume.
    pub resume: Resume,
    /// The language that the client speaks, such as `de` or `fr-CA`.
    pub locale: Option<String>,
}

/// An agent's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "AgentClientFrame")]
pub struct AgentHello {
    /// A session's token; absent when the console's cookie is used.
    pub token: Option<String>,
    /// The epoch that `cursor` belongs to.
    pub epoch: Option<String>,
    /// How far the console has seen the lobby.
    pub cursor: Option<String>,
}

/// What a visitor may send after the hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "VisitorClientFrame")]
pub enum VisitorFrame {
    /// A message to append.
    Post { id: MessageId, content: String },
    /// The visitor has read up to here.
    Read { seq: u64 },
    /// The visitor is typing.
    Typing,
    /// An older page of the log.
    History { before: u64, limit: usize },
    /// The page of the shop that the visitor is on, without query and fragment.
    Page { url: String },
    /// The visitor ends the conversation.
    Close,
    /// The answer to a ping.
    Pong,
}

/// What an agent may send after the hello. Every verb but `Pong` names a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "AgentClientFrame")]
pub enum AgentFrame {
    /// Deliver this room's log and events here.
    Join {
        room_id: RoomId,
        resume: Resume,
        /// The client has the room's notes up to this number.
        after_note: Option<u64>,
    },
    /// Stop delivering this room.
    Leave { room_id: RoomId },
    /// A message to append.
    Post {
        room_id: RoomId,
        id: MessageId,
        content: String,
    },
    /// A note for the other agents.
    Note {
        room_id: RoomId,
        id: NoteId,
        content: String,
    },
    /// The agents have read up to here.
    Read { room_id: RoomId, seq: u64 },
    /// The agent is typing.
    Typing { room_id: RoomId },
    /// An older page of the log.
    History {
        room_id: RoomId,
        before: u64,
        limit: usize,
    },
    /// Close or reopen the conversation.
    Status { room_id: RoomId, status: Status },
    /// Give the conversation to an agent, or to nobody.
    Assign {
        room_id: RoomId,
        assignee: Option<AgentId>,
        /// Who has to be the assignee until now.
        expect_assignee: Option<Option<AgentId>>,
    },
    /// The answer to a ping.
    Pong,
}

/// Decodes a visitor's first frame.
pub fn decode_visitor_hello(text: &str) -> Result<VisitorHello, FrameError> {
    let fields = Fields::hello(text)?;
    Ok(VisitorHello {
        token: fields.string("token")?,
        resume: fields.resume()?,
        locale: fields.string("locale")?,
    })
}

/// Decodes an agent's first frame.
pub fn decode_agent_hello(text: &str) -> Result<AgentHello, FrameError> {
    let fields = Fields::hello(text)?;
    Ok(AgentHello {
        token: fields.string("token")?,
        epoch: fields.string("epoch")?,
        cursor: fields.string("cursor")?,
    })
}

/// Decodes a visitor's frame.
pub fn decode_visitor_frame(text: &str) -> Result<Decoded<VisitorFrame>, FrameError> {
    let mut fields = Fields::parse(text)?;
    let id = fields.echo("id");
    let frame = match fields.kind.as_str() {
        "post" => {
            let (id, content) = fields.post()?;
            VisitorFrame::Post { id, content }
        }
        "read" => VisitorFrame::Read {
            seq: fields.seq("seq")?,
        },
        "typing" => VisitorFrame::Typing,
        "history" => VisitorFrame::History {
            before: fields.seq("before")?,
            limit: fields.limit()?,
        },
        "page" => VisitorFrame::Page {
            url: fields.page()?,
        },
        "close" => VisitorFrame::Close,
        "pong" => VisitorFrame::Pong,
        _ => return Err(fields.unknown_type()),
    };
    Ok(Decoded { frame, id })
}

/// Decodes an agent's frame.
pub fn decode_agent_frame(text: &str) -> Result<Decoded<AgentFrame>, FrameError> {
    let mut fields = Fields::parse(text)?;
    let id = fields.echo("id");
    let frame = match fields.kind.as_str() {
        "join" => AgentFrame::Join {
            room_id: fields.room_id()?,
            resume: fields.resume()?,
            after_note: fields.number("after_note")?,
        },
        "leave" => AgentFrame::Leave {
            room_id: fields.room_id()?,
        },
        "post" => {
            let room_id = fields.room_id()?;
            let (id, content) = fields.post()?;
            AgentFrame::Post {
                room_id,
                id,
                content,
            }
        }
        "note" => {
            let room_id = fields.room_id()?;
            let (id, content) = fields.post()?;
            AgentFrame::Note {
                room_id,
                id,
                content,
            }
        }
        "read" => AgentFrame::Read {
            room_id: fields.room_id()?,
            seq: fields.seq("seq")?,
        },
        "typing" => AgentFrame::Typing {
            room_id: fields.room_id()?,
        },
        "history" => AgentFrame::History {
            room_id: fields.room_id()?,
            before: fields.seq("before")?,
            limit: fields.limit()?,
        },
        "status" => AgentFrame::Status {
            room_id: fields.room_id()?,
            status: fields.status()?,
        },
        "assign" => AgentFrame::Assign {
            room_id: fields.room_id()?,
            assignee: fields.agent("assignee")?.ok_or_else(|| {
                fields.invalid(&Violation::new("assignee", "is missing; null is nobody"))
            })?,
            expect_assignee: fields.agent("expect_assignee")?,
        },
        "pong" => AgentFrame::Pong,
        _ => return Err(fields.unknown_type()),
    };
    Ok(Decoded { frame, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{limits, parse_uuid};

    const ID: &str = "0190d5a8-7c3e-7c56-8f6b-0a1b2c3d4e5f";

    fn code(text: &str) -> ErrorCode {
        decode_visitor_frame(text).expect_err(text).code
    }

    #[test]
    fn a_post_is_decoded() {
        let frame = decode_visitor_frame(&format!(
            r#"{{"type":"post","id":"{ID}","content":" hi ","new":1}}"#
        ));
        let id = parse_uuid(ID).expect("a uuid");
        assert_eq!(
            frame.map(|decoded| decoded.frame),
            Ok(VisitorFrame::Post {
                id,
                content: " hi ".into()
            }),
            "as sent, unknown fields ignored"
        );
    }

    #[test]
    fn each_mistake_has_its_error_code() {
        assert_eq!(code("{"), ErrorCode::BadFrame);
        assert_eq!(code("[]"), ErrorCode::BadFrame);
        assert_eq!(code(r#"{"type":7}"#), ErrorCode::BadFrame);
        assert_eq!(code(r#"{"type":"dance"}"#), ErrorCode::BadFrame);
        assert_eq!(code(r#"{"type":"hello"}"#), ErrorCode::BadFrame);
        assert_eq!(code(r#"{"type":"post"}"#), ErrorCode::Invalid);
        assert_eq!(code(r#"{"type":"read","seq":-1}"#), ErrorCode::Invalid);
        assert_eq!(code(r#"{"type":"read","seq":1.5}"#), ErrorCode::Invalid);
        assert_eq!(
            code(r#"{"type":"read","seq":18446744073709551615}"#),
            ErrorCode::Invalid
        );
        assert_eq!(
            code(r#"{"type":"history","before":5,"limit":201}"#),
            ErrorCode::Invalid
        );
        let long = "a".repeat(limits::CONTENT_CHARS + 1);
        assert_eq!(
            code(&format!(
                r#"{{"type":"post","id":"{ID}","content":"{long}"}}"#
            )),
            ErrorCode::TooLarge
        );
    }

    #[test]
    fn an_error_has_the_ids_of_the_refused_frame() {
        let error = decode_agent_frame(&format!(
            r#"{{"type":"post","id":"x","room_id":"{ID}","content":"hi"}}"#
        ))
        .expect_err("the id is no uuid");
        assert_eq!(
            (error.id.as_deref(), error.room_id.as_deref()),
            (Some("x"), Some(ID))
        );
    }

    #[test]
    fn agents_set_active_or_closed_only() {
        let status = |word: &str| {
            decode_agent_frame(&format!(
                r#"{{"type":"status","room_id":"{ID}","status":"{word}"}}"#
            ))
        };
        assert!(status("closed").is_ok());
        assert_eq!(
            status("waiting").expect_err("nobody sets waiting").code,
            ErrorCode::Invalid
        );
    }
}
