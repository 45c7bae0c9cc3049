//! Rows: how they are read and written, a module per table. `operations` decides what is done
//! with them.

pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod api_tokens;
pub(crate) mod audit;
pub(crate) mod erasures;
pub(crate) mod live_rooms;
pub(crate) mod mail;
pub(crate) mod mail_addresses;
pub(crate) mod messages;
pub(crate) mod notes;
pub(crate) mod pages;
pub(crate) mod places;
pub(crate) mod push;
pub(crate) mod ratings;
pub(crate) mod replies;
pub(crate) mod room_rows;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod suggestions;
pub(crate) mod tags;
pub(crate) mod visitors;
