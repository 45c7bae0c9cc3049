//! A client of [Shoptalk](https://example.com/shoptalk): live chat for a shop.
//!
//! There are two layers, both typed by [`shoptalk::protocol`] and [`shoptalk::chat`], which this
//! crate re-exports as [`protocol`] and [`chat`]:
//!
//! - [`Visitor`] and [`Agent`] are what programs use: they keep a connection, reconnect when it
//!   breaks, resume where they left off, and post until the server acks. [`Server`] makes the HTTP
//!   calls that come first: opening a room and signing in.
//! - [`Socket`] is one WebSocket, for programs that need every frame: bridges, tests, load.
//!
//! # Example
//!
//! A visitor asks, and prints every message up to the first one of an agent:
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
//! # Guarantees
//!
//! Safety, whatever the connection does (ends, stalls, loses what was in flight) and even if
//! single pushes are lost, duplicated or out of order:
//!
//! - The messages of a room are delivered in the order of their seqs, each once, without a gap.
//!   If that is impossible (another epoch, too long an absence), the event says so
//!   (`resumed: false`), and what follows replaces everything before.
//! - A posted message is in the log at most once, and those of one client to one room are in the
//!   order in which they were posted.
//! - [`Acked`](VisitorEvent::Acked) means that the server has the message on disk.
//! - A summary is never followed by an older one of the same room.
//!
//! Liveness, as long as the server is reachable now and then and keeps its contract:
//!
//! - Every posted message ends in `Acked`, `Refused` or, if the client stops for good, in the
//!   `unsettled` of the last event.
//! - Every message of the log arrives: a gap is noticed at the next message, or at the latest at
//!   the second ping after it, and is read from the server.
//! - A timer always runs that ends the wait: no response, silence for longer than a ping interval,
//!   and a server that does not read all lead to another attempt, after a random wait that grows
//!   up to 20 s. Only a close code that forbids reconnecting, or a refused upgrade, ends the
//!   client.
//!
//! The tests check both against a server that cuts, drops, duplicates and reorders.

mod agent;
mod backoff;
mod connection;
mod handle;
mod outbox;
mod place;
mod read_mark;
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
