//! The JSON of the frames that clients send.
//!
//! `client` decodes a frame field by field, so that it can name each mistake, and derives nothing.
//! These shapes are the other direction: what the types of `client` are encoded to, and what the
//! front ends' TypeScript is written from. A verb without a shape does not compile, and the tests
//! decode what every shape encodes to.

use serde::Serialize;

use super::{AgentFrame, AgentHello, Resume, VisitorFrame, VisitorHello};
use crate::chat::{AgentId, MessageId, NoteId, RoomId, Status};

/// What a visitor may send.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum VisitorClientFrame {
    Hello {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        token: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        epoch: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        after: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        tail: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        locale: Option<String>,
    },
    Post {
        id: MessageId,
        content: String,
    },
    Read {
        seq: u64,
    },
    Typing,
    History {
        before: u64,
        #[cfg_attr(test, ts(optional))]
        limit: Option<usize>,
    },
    Page {
        url: String,
    },
    Close,
    Pong,
}

/// What an agent may send.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum AgentClientFrame {
    Hello {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        token: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        epoch: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        cursor: Option<String>,
    },
    Join {
        room_id: RoomId,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        epoch: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        after: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        tail: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        after_note: Option<u64>,
    },
    Leave {
        room_id: RoomId,
    },
    Post {
        room_id: RoomId,
        id: MessageId,
        content: String,
    },
    Note {
        room_id: RoomId,
        id: NoteId,
        content: String,
    },
    Read {
        room_id: RoomId,
        seq: u64,
    },
    Typing {
        room_id: RoomId,
    },
    History {
        room_id: RoomId,
        before: u64,
        #[cfg_attr(test, ts(optional))]
        limit: Option<usize>,
    },
    Status {
        room_id: RoomId,
        status: Status,
    },
    Assign {
        room_id: RoomId,
        assignee: Option<AgentId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, as = "Option<Option<AgentId>>"))]
        expect_assignee: Option<Option<AgentId>>,
    },
    Pong,
}

impl From<VisitorHello> for VisitorClientFrame {
    fn from(hello: VisitorHello) -> Self {
        let VisitorHello {
            token,
            resume,
            locale,
        } = hello;
        let Resume { epoch, after, tail } = resume;
        Self::Hello {
            token,
            epoch,
            after,
            tail,
            locale,
        }
    }
}

impl From<VisitorFrame> for VisitorClientFrame {
    fn from(frame: VisitorFrame) -> Self {
        match frame {
            VisitorFrame::Post { id, content } => Self::Post { id, content },
            VisitorFrame::Read { seq } => Self::Read { seq },
            VisitorFrame::Typing => Self::Typing,
            VisitorFrame::History { before, limit } => Self::History {
                before,
                limit: Some(limit),
            },
            VisitorFrame::Page { url } => Self::Page { url },
            VisitorFrame::Close => Self::Close,
            VisitorFrame::Pong => Self::Pong,
        }
    }
}

impl From<AgentHello> for AgentClientFrame {
    fn from(hello: AgentHello) -> Self {
        let AgentHello {
            token,
            epoch,
            cursor,
        } = hello;
        Self::Hello {
            token,
            epoch,
            cursor,
        }
    }
}

impl From<AgentFrame> for AgentClientFrame {
    fn from(frame: AgentFrame) -> Self {
        match frame {
            AgentFrame::Join {
                room_id,
                resume,
                after_note,
            } => {
                let Resume { epoch, after, tail } = resume;
                Self::Join {
                    room_id,
                    epoch,
                    after,
                    tail,
                    after_note,
                }
            }
            AgentFrame::Leave { room_id } => Self::Leave { room_id },
            AgentFrame::Post {
                room_id,
                id,
                content,
            } => Self::Post {
                room_id,
                id,
                content,
            },
            AgentFrame::Note {
                room_id,
                id,
                content,
            } => Self::Note {
                room_id,
                id,
                content,
            },
            AgentFrame::Read { room_id, seq } => Self::Read { room_id, seq },
            AgentFrame::Typing { room_id } => Self::Typing { room_id },
            AgentFrame::History {
                room_id,
                before,
                limit,
            } => Self::History {
                room_id,
                before,
                limit: Some(limit),
            },
            AgentFrame::Status { room_id, status } => Self::Status { room_id, status },
            AgentFrame::Assign {
                room_id,
                assignee,
                expect_assignee,
            } => Self::Assign {
                room_id,
                assignee,
                expect_assignee,
            },
            AgentFrame::Pong => Self::Pong,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::protocol::{
        decode_agent_frame, decode_agent_hello, decode_visitor_frame, decode_visitor_hello, encode,
    };

    fn resume() -> Resume {
        Resume {
            epoch: Some("e".into()),
            after: Some(7),
            tail: Some(9),
        }
    }

    #[test]
    fn a_visitors_frames_are_decoded_to_what_was_encoded() {
        let hello = VisitorHello {
            token: Some("stv_x".into()),
            resume: resume(),
            locale: Some("de-AT".into()),
        };
        let text = encode(&hello);
        assert_eq!(decode_visitor_hello(&text), Ok(hello), "{text}");
        for frame in [
            VisitorFrame::Post {
                id: Uuid::now_v7(),
                content: "Hello?".into(),
            },
            VisitorFrame::Read { seq: 3 },
            VisitorFrame::Typing,
            VisitorFrame::History {
                before: 4,
                limit: 5,
            },
            VisitorFrame::Page {
                url: "https://shop.example/parcels".into(),
            },
            VisitorFrame::Close,
            VisitorFrame::Pong,
        ] {
            let text = encode(&frame);
            let decoded = decode_visitor_frame(&text).map(|decoded| decoded.frame);
            assert_eq!(decoded, Ok(frame), "{text}");
        }
    }

    #[test]
    fn an_agents_frames_are_decoded_to_what_was_encoded() {
        let hello = AgentHello {
            token: Some("sta_x".into()),
            epoch: Some("e".into()),
            cursor: Some("c".into()),
        };
        let text = encode(&hello);
        assert_eq!(decode_agent_hello(&text), Ok(hello), "{text}");
        let room_id = Uuid::now_v7();
        for frame in [
            AgentFrame::Join {
                room_id,
                resume: resume(),
                after_note: Some(2),
            },
            AgentFrame::Leave { room_id },
            AgentFrame::Post {
                room_id,
                id: Uuid::now_v7(),
                content: "Good morning".into(),
            },
            AgentFrame::Note {
                room_id,
                id: Uuid::now_v7(),
                content: "She wants a refund".into(),
            },
            AgentFrame::Read { room_id, seq: 3 },
            AgentFrame::Typing { room_id },
            AgentFrame::History {
                room_id,
                before: 4,
                limit: 5,
            },
            AgentFrame::Status {
                room_id,
                status: Status::Closed,
            },
            AgentFrame::Assign {
                room_id,
                assignee: Some(Uuid::now_v7()),
                expect_assignee: Some(None),
            },
            AgentFrame::Assign {
                room_id,
                assignee: None,
                expect_assignee: None,
            },
            AgentFrame::Pong,
        ] {
            let text = encode(&frame);
            let decoded = decode_agent_frame(&text).map(|decoded| decoded.frame);
            assert_eq!(decoded, Ok(frame), "{text}");
        }
    }
}
