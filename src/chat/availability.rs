use super::Timestamp;

/// What visitors are shown of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    /// Whether any agent is there.
    pub agents_online: bool,
    /// Whether the shop is open, by its hours.
    pub open: bool,
    /// When it opens again, if it is closed and that is known.
    pub back_at: Option<Timestamp>,
}
