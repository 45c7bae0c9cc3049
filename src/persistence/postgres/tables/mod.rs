pub(crate) mod agents;
pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod erasures;
pub(crate) mod messages;
pub(crate) mod room_rows;
pub(crate) mod sessions;
pub(crate) mod visitors;
