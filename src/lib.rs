//! Shoptalk: live chat for a shop, in one process with one SQLite file.
//!
//! Reading order:
//!
//! 1. [`chat`]: the domain as plain values and pure rules.
//! 2. [`protocol`]: the frames and codes that clients and the server exchange.
//! 3. `persistence`: the store, which alone assigns seqs and decides what is committed.
//! 4. `actors`: an actor per room, the lobby, and their supervisors.
//! 5. `http`: the REST calls, the sockets and the pages.
//! 6. `server`: puts them together and shuts them down; `config`, `metrics` and `canary` beside it.
//!
//! `src/main.rs` and `src/cli` are the command line. ARCHITECTURE.md has the glossary, the
//! invariants and the path of a message.
//!
//! Without the feature `server` the crate consists of [`chat`] and [`protocol`] alone, for clients
//! such as `shoptalk-client`.

#[cfg(feature = "server")]
pub mod actors;
#[cfg(feature = "server")]
pub mod bus;
#[cfg(feature = "server")]
mod canary;
#[cfg(feature = "server")]
pub mod cards;
pub mod chat;
#[cfg(feature = "server")]
mod cluster;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod credentials;
#[cfg(feature = "server")]
mod csv;
#[cfg(feature = "server")]
mod current_names;
#[cfg(feature = "server")]
mod current_settings;
#[cfg(feature = "server")]
pub mod demo;
#[cfg(feature = "server")]
pub mod doctor;
#[cfg(feature = "server")]
pub mod encryption;
#[cfg(feature = "server")]
mod followers;
#[cfg(feature = "server")]
mod http;
#[cfg(feature = "server")]
pub mod https_client;
#[cfg(feature = "server")]
pub mod jobs;
#[cfg(feature = "server")]
mod mail;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod passwords;
#[cfg(feature = "server")]
pub mod persistence;
#[cfg(feature = "server")]
pub mod priority;
pub mod protocol;
#[cfg(feature = "server")]
pub mod push;
#[cfg(feature = "server")]
pub mod reports;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
pub mod settings;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "server")]
mod translations;

#[cfg(feature = "server")]
pub use actors::{ActorStartError, TreeFailure};
#[cfg(feature = "test-hooks")]
pub use actors::{FaultPoint, Faults};
#[cfg(feature = "test-hooks")]
pub use http::api_description;
#[cfg(feature = "server")]
pub use server::{Listener, Listeners, Server, ServerFailure, StartError, StopReason};
