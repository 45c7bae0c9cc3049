//! Shoptalk: live chat for a shop, in one process with one SQLite file.
//!
//! Without the feature `server` this is the domain (`chat`) and the protocol (`protocol`)
//! alone, for clients such as `shoptalk-client`.

#[cfg(feature = "server")]
pub mod actors;
#[cfg(feature = "server")]
mod canary;
pub mod chat;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod credentials;
#[cfg(feature = "server")]
pub mod demo;
#[cfg(feature = "server")]
mod http;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod passwords;
#[cfg(feature = "server")]
pub mod persistence;
pub mod protocol;
#[cfg(feature = "server")]
mod server;

#[cfg(feature = "server")]
pub use actors::{ActorStartError, TreeFailure};
#[cfg(feature = "test-hooks")]
pub use actors::{FaultPoint, Faults};
#[cfg(feature = "server")]
pub use server::{Server, ServerFailure, StartError, StopReason};
