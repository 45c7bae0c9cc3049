use std::borrow::Cow;

use serde::{Deserialize, Serialize};
#[cfg(feature = "server")]
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

#[cfg(doc)]
use super::FrameForAgents;
use super::{ErrorCode, FrameError};
use crate::chat::{
    Agent, Counts, Message, MessageId, Note, PageVisit, Room, RoomId, SenderType, Side, Suggestion,
    Summary, Timestamp, for_agents,
};

/// What the server sends on a socket; `welcome`, `joined`, `ping` and `error` have types of
/// their own, and what no visitor may see is in [`FrameForAgents`].
// The server borrows what it encodes; what a client decodes owns everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// A new message. The sender gets it too.
    Message {
        room_id: RoomId,
        message: Cow<'a, Message>,
    },
    /// The rest of a long resume, until `more` is false.
    Messages {
        room_id: RoomId,
        messages: Cow<'a, [Message]>,
        more: bool,
    },
    /// The post is on disk.
    Ack {
        room_id: RoomId,
        id: MessageId,
        seq: u64,
        created_at: Timestamp,
        duplicate: bool,
    },
    /// A read mark moved.
    Read {
        room_id: RoomId,
        reader: Side,
        seq: u64,
    },
    /// The text of a message was removed for good.
    Redacted { room_id: RoomId, seq: u64 },
    /// A suggestion for the agent's next message, to agents alone; null: there is none any more.
    Draft {
        room_id: RoomId,
        draft: Option<Cow<'a, Suggestion>>,
    },
    /// The page of the shop that the visitor is on, to agents alone.
    Page {
        room_id: RoomId,
        page: Cow<'a, PageVisit>,
    },
    /// Somebody types.
    Typing {
        room_id: RoomId,
        sender_type: SenderType,
        sender_name: Cow<'a, str>,
        expires_in_ms: u64,
    },
    /// Whether any agent is there, whether the shop is open, and when it opens again if it is closed and
    /// that is known: to visitors, when one of these changes.
    Presence {
        agents_online: bool,
        #[serde(default = "open_unless_said")]
        open: bool,
        #[serde(default)]
        back_at: Option<Timestamp>,
    },
    /// The room's status or details changed.
    Room {
        room_id: RoomId,
        room: Cow<'a, Room>,
    },
    /// An older page that was asked for.
    History {
        room_id: RoomId,
        messages: Cow<'a, [Message]>,
        more: bool,
    },
    /// A room as the console lists it.
    Summary {
        cursor: Cow<'a, str>,
        summary: Cow<'a, Summary>,
    },
    /// The rest of a long lobby resume, until `more` is false.
    Summaries {
        cursor: Cow<'a, str>,
        summaries: Cow<'a, [Summary]>,
        more: bool,
    },
    /// A room was erased; consoles drop it.
    Removed {
        cursor: Cow<'a, str>,
        room_id: RoomId,
    },
    /// How many rooms have each status.
    Counts { counts: Counts },
    /// A visitor came or went.
    Online {
        room_id: RoomId,
        customer_online: bool,
    },
    /// The agents who have the room open; agents get it.
    Viewers {
        room_id: RoomId,
        agents: Vec<Cow<'a, str>>,
    },
    /// The server will close; come back within this time.
    GoingAway { reconnect_within_ms: u64 },
    /// A type that this version does not know. Clients ignore it; the server never sends it.
    #[serde(other)]
    #[cfg_attr(test, ts(skip))]
    Unknown,
}

/// Answers a visitor's hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename = "welcome")]
pub struct VisitorWelcome<'a> {
    /// The version of the protocol, 1.
    pub protocol: u32,
    /// The database's epoch.
    pub epoch: Cow<'a, str>,
    /// The room of this socket.
    pub room_id: RoomId,
    /// Its state.
    pub room: Cow<'a, Room>,
    /// The first page.
    pub messages: Cow<'a, [Message]>,
    /// Whether the log goes on exactly where the client asked.
    pub recovered: bool,
    /// Whether `messages` frames follow.
    pub more: bool,
    /// After a resume: the seqs up to `after` of messages whose text was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub redacted: Option<Cow<'a, [u64]>>,
    /// Whether any agent is there.
    pub agents_online: bool,
    /// Whether the shop is open, by its hours.
    #[serde(default = "open_unless_said")]
    pub open: bool,
    /// When it opens again, if it is closed and that is known.
    #[serde(default)]
    pub back_at: Option<Timestamp>,
    /// How often pings come, on average.
    pub ping_interval_ms: u64,
    /// Characters of a message's content.
    pub max_content: usize,
    /// Spread the first reconnect over this time.
    pub reconnect_window_ms: u64,
}

/// Servers of earlier versions know of no hours.
fn open_unless_said() -> bool {
    true
}

/// Answers an agent's hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename = "welcome")]
pub struct AgentWelcome<'a> {
    /// The version of the protocol, 1.
    pub protocol: u32,
    /// Who signed in.
    pub agent: Cow<'a, Agent>,
    /// The database's epoch.
    pub epoch: Cow<'a, str>,
    /// How far this frame brings the console.
    pub cursor: Cow<'a, str>,
    /// Whether the summaries are only what changed since the client's cursor.
    pub recovered: bool,
    /// The first rooms.
    pub summaries: Cow<'a, [Summary]>,
    /// Whether `summaries` frames follow.
    pub more: bool,
    /// How many rooms have each status.
    pub counts: Counts,
    /// The rooms whose visitor is there.
    pub online: Cow<'a, [Uuid]>,
    /// How often pings come, on average.
    pub ping_interval_ms: u64,
    /// Characters of a message's content.
    pub max_content: usize,
    /// Spread the first reconnect over this time.
    pub reconnect_window_ms: u64,
}

/// Answers an agent's join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename = "joined")]
pub struct Joined<'a> {
    /// The room that was joined.
    pub room_id: RoomId,
    /// Its state.
    pub room: Cow<'a, Room>,
    /// The first page.
    #[serde(serialize_with = "for_agents::messages")]
    pub messages: Cow<'a, [Message]>,
    /// Whether the log goes on exactly where the client asked.
    pub recovered: bool,
    /// Whether `messages` frames follow.
    pub more: bool,
    /// After a resume: the seqs up to `after` of messages whose text was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub redacted: Option<Cow<'a, [u64]>>,
    /// The notes after `after_note`; without it, or if the log was not recovered, those from the
    /// page's first message on.
    #[serde(default)]
    pub notes: Cow<'a, [Note]>,
    /// The number of the newest note; 0 without any.
    #[serde(default)]
    pub last_note: u64,
    /// Whether more of these notes follow, in `note` frames.
    #[serde(default)]
    pub notes_more: bool,
}

/// Asks for a sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename = "ping")]
pub struct Ping {
    /// A visitor's room's newest seq; an agent's ping has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub last_seq: Option<u64>,
}

/// Refuses a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename = "error")]
pub struct ErrorFrame {
    /// The `id` of the refused frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub id: Option<String>,
    /// The room that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub room_id: Option<String>,
    /// The stable word.
    pub code: ErrorCode,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// Whether the same frame may be sent again.
    pub retryable: bool,
    /// How long to wait before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub retry_after_ms: Option<u64>,
}

impl ErrorFrame {
    /// An error with `code`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            id: None,
            room_id: None,
            code,
            message: message.into(),
            retryable: code.is_retryable(),
            retry_after_ms: None,
        }
    }

    /// Names the message that was refused.
    #[must_use]
    pub fn about_message(mut self, id: MessageId) -> Self {
        self.id = Some(id.to_string());
        self
    }

    /// Names the frame that was refused by its `id`.
    #[must_use]
    pub fn about_frame(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Names the room that it is about.
    #[must_use]
    pub fn about_room(mut self, room_id: RoomId) -> Self {
        self.room_id = Some(room_id.to_string());
        self
    }

    /// Says how long to wait.
    #[must_use]
    pub fn retry_after(mut self, retry_after_ms: Option<u64>) -> Self {
        self.retry_after_ms = retry_after_ms;
        self
    }
}

impl From<FrameError> for ErrorFrame {
    fn from(error: FrameError) -> Self {
        Self {
            id: error.id,
            room_id: error.room_id,
            ..Self::new(error.code, error.message)
        }
    }
}

/// Encodes a frame once; the bytes are shared by everybody who gets them.
///
/// # Panics
///
/// Never: frames contain nothing that JSON cannot express.
#[cfg(feature = "server")]
pub fn encode(frame: &impl Serialize) -> Utf8Bytes {
    serde_json::to_string(frame)
        .expect("frames are plain JSON")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_tagged_with_their_type() {
        let text = encode(&ServerFrame::GoingAway {
            reconnect_within_ms: 5_000,
        });
        assert_eq!(
            text.as_str(),
            r#"{"type":"going_away","reconnect_within_ms":5000}"#
        );
        assert_eq!(
            encode(&Ping { last_seq: None }).as_str(),
            r#"{"type":"ping"}"#
        );
        assert_eq!(
            encode(&ErrorFrame::new(ErrorCode::Busy, "later").retry_after(Some(5))).as_str(),
            r#"{"type":"error","code":"busy","message":"later","retryable":true,"retry_after_ms":5}"#
        );
    }
}
