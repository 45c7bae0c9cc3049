//! The words of the wire: what a client may send, what the server answers, and
//! the codes of both.
//!
//! Nothing here knows of sockets or actors. `decode_*` turns text into a frame or
//! into the error that answers it; the server's frames are encoded once and the
//! bytes shared by all who get them.

mod client;
mod client_shapes;
mod codes;
mod server;

pub use client::{
    AgentFrame, AgentHello, FrameError, Resume, VisitorFrame, VisitorHello, decode_agent_frame,
    decode_agent_hello, decode_visitor_frame, decode_visitor_hello,
};
#[cfg(test)]
pub(crate) use client_shapes::{AgentClientFrame, VisitorClientFrame};
pub use codes::{CloseCode, ErrorCode};
#[cfg(feature = "server")]
pub use server::encode;
pub use server::{
    AgentServerFrame, AgentWelcome, ErrorFrame, Joined, Ping, ServerFrame, VisitorServerFrame,
    VisitorWelcome, decode_agent_server_frame, decode_visitor_server_frame,
};

/// The version that `welcome` names.
pub const PROTOCOL_VERSION: u32 = 1;
/// The WebSocket subprotocol of this version.
pub const SUBPROTOCOL: &str = "shoptalk.v1";
/// For how long a receiver should show «is typing», in milliseconds.
pub const TYPING_EXPIRES_IN_MS: u64 = 6_000;
