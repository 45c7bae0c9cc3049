//! Shoptalk: live chat for a shop, in one process with one SQLite file.

pub mod actors;
mod canary;
pub mod chat;
pub mod config;
pub mod credentials;
pub mod demo;
mod http;
pub mod metrics;
pub mod passwords;
pub mod persistence;
pub mod protocol;
mod server;

pub use actors::{HookPoint, Hooks};
pub use server::{Server, StartError, StopReason};
