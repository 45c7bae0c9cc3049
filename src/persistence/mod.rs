//! The log: one SQLite file, one thread that writes it, a few connections that read it.
//!
//! The store speaks in the domain's types and in async methods, and leaks no
//! SQLite, so that another database could stand behind it.
//!
//! A write goes through the [`Store`](store) into the queue, from there to the
//! writer's thread, into one transaction with all that is queued beside it, and
//! comes back as a completion. A read goes through the gate to a connection of its
//! own. The first modules below are that way; the others hold what the transactions do.

mod batch;
mod codes;
mod connection;
mod cursor;
mod error;
mod failure;
#[cfg(test)]
mod hooks;
mod job;
mod live_rooms;
mod migrations;
mod queue;
mod reader;
mod state;
mod store;
mod types;
mod writer;

mod agents;
mod audit;
mod housekeeping;
mod index;
mod json_size;
mod lists;
mod messages;
mod opening;
mod places;
mod room_rows;
mod rooms;
mod search;
mod sessions;
mod visitor_changes;
mod visitors;
mod words;

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod testing;

pub use error::{OpenError, Refusal, StoreError, WriteError};
pub use store::Store;
pub use types::*;
