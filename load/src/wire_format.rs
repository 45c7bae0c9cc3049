//! The frames that clients send and receive: Shoptalk's, or those of the peer in load/peer, which
//! are Engine.IO 4 and Socket.IO 5. As little as possible is parsed.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::json;
use shoptalk_client::chat::Side;
use uuid::Uuid;

use crate::wire::{frame_into, kind, number_at};

/// Whose frames they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireFormat {
    Shoptalk,
    SocketIo,
}

/// What kind of frame it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// The reply to the hello; a visitor's has the first page.
    Welcome,
    /// A join is answered, with its first page.
    Joined,
    /// More of a page.
    Page,
    Message,
    Ack,
    /// A room's newest state.
    Summary,
    /// More rooms' states.
    Summaries,
    Ping,
    Refused,
    Other,
}

impl WireFormat {
    /// Where a socket is opened.
    pub(crate) fn path(self, side: Side, room_id: &str) -> String {
        match (self, side) {
            (Self::Shoptalk, Side::Visitor) => format!("/ws/chat/{room_id}/"),
            (Self::Shoptalk, Side::Agent) => "/ws/admin/chat/".to_owned(),
            (Self::SocketIo, _) => "/socket.io/?EIO=4&transport=websocket".to_owned(),
        }
    }

    /// A customer's first frame.
    pub(crate) fn customer_hello(self, room_id: &str, token: &str, after: u64) -> String {
        match self {
            Self::Shoptalk => json!({"type": "hello", "token": token, "after": after}).to_string(),
            Self::SocketIo => {
                format!(
                    "40{}",
                    json!({"room_id": room_id, "token": token, "after": after})
                )
            }
        }
    }

    /// An agent's first frame. With a cursor, the server sends only what has changed since.
    pub(crate) fn agent_hello(self, token: &str, resume: Option<(&str, &str)>) -> String {
        match (self, resume) {
            (Self::Shoptalk, Some((epoch, cursor))) => {
                json!({"type": "hello", "token": token, "epoch": epoch, "cursor": cursor})
                    .to_string()
            }
            (Self::Shoptalk, None) => json!({"type": "hello", "token": token}).to_string(),
            (Self::SocketIo, _) => format!("40{}", json!({"agent": token})),
        }
    }

    /// An agent joins a room.
    pub(crate) fn join(self, room_id: &str, after: u64) -> String {
        match self {
            Self::Shoptalk => {
                json!({"type": "join", "room_id": room_id, "after": after}).to_string()
            }
            // 0 asks for an answer of that number; posts have the numbers from 1 on.
            Self::SocketIo => format!(
                "420{}",
                json!(["join", {"room_id": room_id, "after": after}])
            ),
        }
    }

    /// A post, as a whole frame. `call` is any number but 0.
    pub(crate) fn post_into(
        self,
        out: &mut Vec<u8>,
        room_id: &str,
        id: Uuid,
        content: &str,
        call: u32,
    ) {
        let text = match self {
            Self::Shoptalk => format!(
                r#"{{"type":"post","room_id":"{room_id}","id":"{id}","content":"{content}"}}"#
            ),
            Self::SocketIo => format!(
                r#"42{call}["post",{{"room_id":"{room_id}","id":"{id}","content":"{content}"}}]"#
            ),
        };
        frame_into(out, text.as_bytes());
    }

    /// Answers a ping.
    pub(crate) fn pong(self) -> &'static str {
        match self {
            Self::Shoptalk => r#"{"type":"pong"}"#,
            Self::SocketIo => "3",
        }
    }

    /// What kind of frame it is.
    pub(crate) fn kind_of(self, frame: &[u8]) -> FrameKind {
        match self {
            Self::Shoptalk => match kind(frame) {
                b"message" => FrameKind::Message,
                b"ack" => FrameKind::Ack,
                b"summary" => FrameKind::Summary,
                b"welcome" => FrameKind::Welcome,
                b"joined" => FrameKind::Joined,
                b"messages" => FrameKind::Page,
                b"summaries" => FrameKind::Summaries,
                b"ping" => FrameKind::Ping,
                b"error" => FrameKind::Refused,
                _ => FrameKind::Other,
            },
            Self::SocketIo => match frame {
                [b'4', b'2', event @ ..] => match event.get(2..9) {
                    Some(b"message") => FrameKind::Message,
                    Some(b"summary") => FrameKind::Summary,
                    Some(b"welcome") => FrameKind::Welcome,
                    _ => FrameKind::Other,
                },
                [b'4', b'3', b'0', b'[', ..] => FrameKind::Joined,
                [b'4', b'3', ..] if REFUSED.find(frame).is_some() => FrameKind::Refused,
                [b'4', b'3', ..] => FrameKind::Ack,
                [b'4', b'4', ..] => FrameKind::Refused,
                [b'2'] => FrameKind::Ping,
                _ => FrameKind::Other,
            },
        }
    }
}

static REFUSED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"[{\"error\":"));
static ROOM_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"room_id\":\""));
static ROOM: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"{\"id\":\""));
static SEQ: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"seq\":"));
static SENDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"sender_type\":\""));
static LAST_SEQ: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"last_seq\":"));

/// A room's id as it stands on the wire.
pub(crate) type RoomKey = [u8; 36];

/// The room that a frame is about.
pub(crate) fn room_of(frame: &[u8]) -> Option<RoomKey> {
    let at = ROOM_ID.find(frame)? + ROOM_ID.needle().len();
    frame.get(at..)?.first_chunk().copied()
}

/// The messages of a frame: each seq, and who wrote it.
pub(crate) fn messages_of(frame: &[u8]) -> impl Iterator<Item = (u64, Side)> {
    SEQ.find_iter(frame).filter_map(|at| {
        let seq = number_at(frame, at + SEQ.needle().len())?;
        let rest = &frame[at..];
        let sender = SENDER.find(rest)? + SENDER.needle().len();
        let side = match rest.get(sender)? {
            b'c' => Side::Visitor,
            _ => Side::Agent,
        };
        Some((seq, side))
    })
}

/// The rooms whose states are in a frame, each with the seq of its newest message.
pub(crate) fn states_of(frame: &[u8]) -> impl Iterator<Item = (RoomKey, u64)> {
    ROOM.find_iter(frame).filter_map(|at| {
        let rest = &frame[at + ROOM.needle().len()..];
        let id = rest.first_chunk().copied()?;
        let seq = LAST_SEQ.find(rest)? + LAST_SEQ.needle().len();
        Some((id, number_at(rest, seq)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0190b0a0-0000-7000-8000-00000000000a";
    const B: &str = "0190b0a0-0000-7000-8000-00000000000b";

    fn key(id: &str) -> RoomKey {
        *id.as_bytes().first_chunk().expect("36 characters")
    }

    #[test]
    fn shoptalks_frames_are_read() {
        let message = format!(
            r#"{{"type":"message","room_id":"{A}","message":{{"id":"{B}","room_id":"{A}","seq":12,"sender_type":"admin","sender_name":"load"}}}}"#
        );
        let message = message.as_bytes();
        assert!(WireFormat::Shoptalk.kind_of(message) == FrameKind::Message);
        assert_eq!(room_of(message), Some(key(A)));
        let found: Vec<_> = messages_of(message).collect();
        assert!(found == [(12, Side::Agent)]);
        let states = format!(
            r#"{{"type":"summaries","cursor":"9","summaries":[{{"id":"{A}","last_seq":3,"last_message":{{"seq":3}}}},{{"id":"{B}","last_seq":40}}],"more":false}}"#
        );
        let found: Vec<_> = states_of(states.as_bytes()).collect();
        assert_eq!(found, [(key(A), 3), (key(B), 40)]);
    }

    #[test]
    fn the_peers_frames_are_read() {
        let message = format!(
            r#"42["message",{{"room_id":"{A}","id":"{B}","seq":7,"sender_type":"customer","content":"Hi"}}]"#
        );
        let message = message.as_bytes();
        assert!(WireFormat::SocketIo.kind_of(message) == FrameKind::Message);
        let found: Vec<_> = messages_of(message).collect();
        assert!(found == [(7, Side::Visitor)]);
        assert!(WireFormat::SocketIo.kind_of(br#"4312[{"seq":7}]"#) == FrameKind::Ack);
        assert!(WireFormat::SocketIo.kind_of(br#"430[{"messages":[]}]"#) == FrameKind::Joined);
        assert!(WireFormat::SocketIo.kind_of(br#"431[{"error":"no"}]"#) == FrameKind::Refused);
        assert!(WireFormat::SocketIo.kind_of(b"2") == FrameKind::Ping);
    }
}
