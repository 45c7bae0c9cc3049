//! The frames that clients and the server exchange, and their error and close codes.
//!
//! Nothing here depends on sockets or actors. `decode_*` turns text into a frame, or into the error
//! to reply with. The server's frames are encoded once, and all recipients share the bytes.
//!
//! Read next: `client.rs` (what clients send), `server.rs` (what the server sends; a client decodes
//! it in `received.rs`), `for_agents.rs` (what visitors must not get), `codes.rs`.

mod client;
mod client_shapes;
mod codes;
mod for_agents;
mod received;
mod server;

pub use client::{
    AgentFrame, AgentHello, Decoded, FrameError, Resume, VisitorFrame, VisitorHello,
    decode_agent_frame, decode_agent_hello, decode_visitor_frame, decode_visitor_hello,
};
#[cfg(test)]
pub(crate) use client_shapes::{AgentClientFrame, VisitorClientFrame};
pub use codes::{CloseCode, ErrorCode};
pub use for_agents::FrameForAgents;
#[cfg(feature = "server")]
pub use for_agents::{encode_message, encode_messages, encode_note};
pub use received::{
    AgentServerFrame, VisitorServerFrame, decode_agent_server_frame, decode_visitor_server_frame,
};
#[cfg(feature = "server")]
pub use server::encode;
pub use server::{AgentWelcome, ErrorFrame, Joined, Ping, ServerFrame, VisitorWelcome};

/// The version that `welcome` names.
pub const PROTOCOL_VERSION: u32 = 1;
/// The WebSocket subprotocol of this version.
pub const SUBPROTOCOL: &str = "shoptalk.v1";
/// How long a receiver should show that somebody is typing, in milliseconds.
pub const TYPING_EXPIRES_IN_MS: u64 = 6_000;
