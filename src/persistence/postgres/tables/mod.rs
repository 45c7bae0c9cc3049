pub(crate) mod audit;
pub(crate) mod messages;
pub(crate) mod room_rows;
pub(crate) mod visitors;
