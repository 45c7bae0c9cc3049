//! Rows: how they are read and written. What is done with them is the business of
//! `operations`.

pub(crate) mod agents;
pub(crate) mod audit;
pub(crate) mod live_rooms;
pub(crate) mod messages;
pub(crate) mod places;
pub(crate) mod room_rows;
pub(crate) mod sessions;
pub(crate) mod visitors;
