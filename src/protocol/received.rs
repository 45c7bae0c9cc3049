//! What clients receive: any of the server's frames, decoded.

use std::borrow::Cow;

use serde::Deserialize;

use super::{AgentWelcome, ErrorFrame, FrameForAgents, Joined, Ping, ServerFrame, VisitorWelcome};

/// Any frame that a visitor's socket receives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all frames are events")]
pub enum VisitorServerFrame {
    /// Answers the hello.
    Welcome(Box<VisitorWelcome<'static>>),
    /// Wants a `pong`.
    Ping(Ping),
    /// Refuses a frame.
    Error(ErrorFrame),
    /// Everything else.
    Event(ServerFrame<'static>),
}

/// Any frame that an agent's socket receives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all frames are events")]
pub enum AgentServerFrame {
    /// Answers the hello.
    Welcome(Box<AgentWelcome<'static>>),
    /// Answers a join.
    Joined(Box<Joined<'static>>),
    /// Wants a `pong`.
    Ping(Ping),
    /// Refuses a frame.
    Error(ErrorFrame),
    /// What agents get otherwise than visitors, or alone.
    ForAgents(FrameForAgents<'static>),
    /// Everything else.
    Event(ServerFrame<'static>),
}

/// Reads what a visitor's socket received.
///
/// A type that is not known is [`ServerFrame::Unknown`], and unknown fields are ignored.
///
/// # Errors
///
/// The text is no frame of this protocol.
pub fn decode_visitor_server_frame(text: &str) -> Result<VisitorServerFrame, serde_json::Error> {
    Ok(match frame_type(text)?.as_ref() {
        "welcome" => VisitorServerFrame::Welcome(serde_json::from_str(text)?),
        "ping" => VisitorServerFrame::Ping(serde_json::from_str(text)?),
        "error" => VisitorServerFrame::Error(serde_json::from_str(text)?),
        _ => VisitorServerFrame::Event(serde_json::from_str(text)?),
    })
}

/// Reads what an agent's socket received, as [`decode_visitor_server_frame`] does for a visitor's.
///
/// # Errors
///
/// The text is no frame of this protocol.
pub fn decode_agent_server_frame(text: &str) -> Result<AgentServerFrame, serde_json::Error> {
    Ok(match frame_type(text)?.as_ref() {
        "welcome" => AgentServerFrame::Welcome(serde_json::from_str(text)?),
        "joined" => AgentServerFrame::Joined(serde_json::from_str(text)?),
        "ping" => AgentServerFrame::Ping(serde_json::from_str(text)?),
        "error" => AgentServerFrame::Error(serde_json::from_str(text)?),
        "message" | "messages" | "history" | "note" | "noted" => {
            AgentServerFrame::ForAgents(serde_json::from_str(text)?)
        }
        _ => AgentServerFrame::Event(serde_json::from_str(text)?),
    })
}

fn frame_type(text: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    Ok(serde_json::from_str::<Tag<'_>>(text)?.kind)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::{SenderType, Side, Timestamp};
    use crate::protocol::{ErrorCode, encode};

    #[test]
    fn a_client_decodes_what_the_server_encodes() {
        let frames = [
            ServerFrame::Presence {
                agents_online: true,
                open: false,
                back_at: Some(Timestamp(5)),
            },
            ServerFrame::Typing {
                room_id: Uuid::nil(),
                sender_type: SenderType::Admin,
                sender_name: "Mia".into(),
                expires_in_ms: 6_000,
            },
            ServerFrame::Read {
                room_id: Uuid::nil(),
                reader: Side::Agent,
                seq: 3,
            },
        ];
        for frame in frames {
            let text = encode(&frame);
            let decoded = decode_visitor_server_frame(&text).expect("a frame");
            assert_eq!(decoded, VisitorServerFrame::Event(frame.clone()), "{text}");
            let decoded = decode_agent_server_frame(&text).expect("a frame");
            assert_eq!(decoded, AgentServerFrame::Event(frame), "{text}");
        }
        let error = ErrorFrame::new(ErrorCode::Busy, "later").retry_after(Some(5));
        assert_eq!(
            decode_agent_server_frame(&encode(&error)).expect("a frame"),
            AgentServerFrame::Error(error)
        );
    }

    #[test]
    fn a_client_ignores_what_it_does_not_know_and_refuses_what_is_broken() {
        let frame = decode_visitor_server_frame(r#"{"type":"dance","seq":1}"#).expect("a frame");
        assert_eq!(frame, VisitorServerFrame::Event(ServerFrame::Unknown));
        let frame = decode_visitor_server_frame(r#"{"type":"ping","last_seq":7,"new":1}"#);
        let ping = Ping { last_seq: Some(7) };
        assert_eq!(frame.expect("a frame"), VisitorServerFrame::Ping(ping));
        let newer = r#"{"type":"error","code":"new_code","message":"?","retryable":true}"#;
        let Ok(VisitorServerFrame::Error(error)) = decode_visitor_server_frame(newer) else {
            panic!("a frame");
        };
        assert_eq!((error.code, error.retryable), (ErrorCode::Internal, true));
        for broken in [
            "",
            "[]",
            "{}",
            r#"{"type":"read"}"#,
            r#"{"type":"welcome"}"#,
        ] {
            assert!(decode_visitor_server_frame(broken).is_err(), "{broken}");
        }
    }
}
