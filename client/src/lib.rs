//! A client of [Shoptalk](https://example.com/shoptalk): live chat for a shop.
//!
//! There are two layers, both typed by [`shoptalk::protocol`] and [`shoptalk::chat`], which this
//! crate re-exports as [`protocol`] and [`chat`]:
//!
//! - [`Visitor`] and [`Agent`] are what programs use: they keep a connection, come back when it
//!   breaks, resume where they were, and post until the server has acked. [`Server`] makes the
//!   calls over HTTP that come before: opening a room and signing in.
//! - [`Socket`] is one WebSocket, for whoever wants every frame: bridges, tests, load.
//!
//! # Example
//!
//! A visitor asks, and prints what is said until the first message of an agent:
//!
//! ```no_run
//! use shoptalk_client::chat::SenderType;
//! use shoptalk_client::{OpenRoom, Server, Visitor, VisitorEvent, VisitorOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new("http://127.0.0.1:8001");
//! let details = OpenRoom {
//!     customer_name: Some("Ann".to_owned()),
//!     ..OpenRoom::default()
//! };
//! let opened = server.open_room(None, &details).await?;
//! let token = opened.token.ok_or("a new visitor has a token")?;
//! let (ann, mut events) =
//!     Visitor::start(&server, opened.room.id, &token, VisitorOptions::default());
//! ann.post("Where is my blue kettle?")?;
//! while let Some(event) = events.next().await {
//!     match event {
//!         VisitorEvent::Message(message) => {
//!             println!("{}: {}", message.sender_name, message.content);
//!             if message.sender_type == SenderType::Admin {
//!                 break;
//!             }
//!         }
//!         VisitorEvent::Offline { reason, retry_in } => {
//!             eprintln!("offline ({reason}), next try in {retry_in:?}");
//!         }
//!         VisitorEvent::Stopped { reason, .. } => return Err(reason.into()),
//!         _ => {}
//!     }
//! }
//! ann.finish().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is guaranteed
//!
//! Safety, whatever the connection does (ends, stalls, loses what was on its way) and even if
//! single pushes are lost, doubled or out of order:
//!
//! - The messages of a room are handed on in the order of their seqs, each once, without a gap.
//!   Where that cannot be (another epoch, too long an absence) the event says so
//!   (`resumed: false`), and what follows stands for all that came before.
//! - A message that was posted is in the log at most once, and those of one client to one room
//!   are there in the order in which they were posted.
//! - [`Acked`](VisitorEvent::Acked) means that the server has it on disk.
//! - A summary is never followed by an older one of the same room.
//!
//! Liveness, as long as the server can be reached again and again and keeps its contract:
//!
//! - Every message that was posted ends in `Acked`, `Refused` or, if the client stops for good,
//!   in the `unsettled` of the last event.
//! - Every message of the log arrives: a gap is noticed by the next message, or at the latest by
//!   the second ping after it, and is read from the server.
//! - There is always a timer that will connect, give up or look again: no answer, a connection
//!   that is silent past its ping, and a server that takes nothing all end in another try, after
//!   a random wait that grows up to 20 s. Only a close code that forbids it, or a refused
//!   upgrade, ends the client.
//!
//! The tests check both against a server that cuts, drops, doubles and reorders.

mod agent;
mod backoff;
mod connection;
mod handle;
mod outbox;
mod place;
mod rest;
mod socket;
#[cfg(test)]
mod tests;
mod visitor;

pub use shoptalk::{chat, protocol};
pub use tokio_tungstenite::tungstenite;

pub use agent::{Agent, AgentEvent};
pub use connection::{StopReason, Unsettled};
pub use handle::{Events, SendError};
pub use rest::{CallError, OpenRoom, OpenedRoom, Problem, Server, SignedIn};
pub use socket::{Closed, ConnectError, Incoming, Socket, SocketOptions};
pub use visitor::{Position, Visitor, VisitorEvent, VisitorOptions};
