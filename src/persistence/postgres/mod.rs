//! The store in PostgreSQL, for several processes ("nodes") that share it.
//!
//! From the bottom up: `session` (a connection and its prepared statements), `tables` (rows),
//! `tx` (one transaction, and what is counted in it), `lane` (one task with one connection, which
//! commits what is queued), `readers` (connections that read), `operations` (load rows, ask the
//! rules, write rows), `open`.
//!
//! A room is one row of `room_heads`, and whoever has locked it may give its next seq. Changes are
//! numbered by the lane that makes them, in a *slot* of its own, so that no lane waits for another
//! one: see [`crate::chat::ChangeVector`].

pub(crate) mod change_page;
pub(crate) mod codes;
pub(crate) mod connect;
pub(crate) mod heads;
pub(crate) mod inspect;
pub(crate) mod lane;
pub(crate) mod marks;
pub(crate) mod open;
pub(crate) mod operations;
pub(crate) mod passfile;
pub(crate) mod poll;
pub(crate) mod readers;
pub(crate) mod requirements;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod slot;
pub(crate) mod store;
pub(crate) mod tables;
pub(crate) mod text_index;
pub(crate) mod tx;
pub(crate) mod tx_error;

#[cfg(test)]
mod tests;

pub(crate) use store::PostgresStore;
