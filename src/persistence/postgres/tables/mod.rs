pub(crate) mod messages;
pub(crate) mod room_rows;
