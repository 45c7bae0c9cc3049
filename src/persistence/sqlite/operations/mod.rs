//! What the store does, an operation at a time: load rows, ask the rules, write rows.

mod agents;
mod alerts;
mod canary;
mod copy;
mod empty_rooms;
pub(crate) mod erasures;
mod export;
mod followers;
mod import;
mod lists;
mod mail;
mod messages;
mod open_room;
mod people;
mod push;
mod replies;
mod retention;
pub(crate) mod rewrite;
mod rooms;
mod search;
mod sessions;
mod settings;
mod stats;
pub(crate) mod text_index;
mod transfer;
mod visitor_changes;
mod visitors;
