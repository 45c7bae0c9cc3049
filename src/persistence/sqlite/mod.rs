//! The store in one SQLite file: one thread that writes it, a few connections that read it.
//!
//! From the bottom up: `connection`, `schema` and `data_directory` (the file); `state`,
//! `transaction`, `codes` and `tables` (rows); `writer` and `reader` (who runs statements, and
//! when); `store` (the handle); `operations` (what the statements are for); `upgrade` (an older
//! schema, after a backup) and `open` (puts them together).

pub(crate) mod backup_file;
mod codes;
mod commit_mark;
pub(super) mod connection;
mod consistency;
pub(crate) mod copied_erasures;
mod damage;
pub(super) mod data_directory;
pub(crate) mod foreign_file;
pub(super) mod moved;
mod open;
mod operations;
mod reader;
pub(crate) mod restore;
pub(super) mod schema;
pub(crate) mod staging;
pub(super) mod state;
mod store;
mod tables;
mod transaction;
mod tx_error;
mod upgrade;
mod writer;

#[cfg(test)]
pub(crate) use consistency::contradictions;
pub(crate) use store::SqliteStore;
#[cfg(test)]
pub(crate) use tx_error::TxError;
