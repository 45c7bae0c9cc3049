//! Tags, and visitors who are blocked.

use crate::chat::{RoomId, Timestamp};

/// A new tag, checked.
#[derive(Debug, Clone)]
pub struct NewTag {
    /// The word.
    pub name: String,
    /// `#` and six hexadecimal digits.
    pub color: String,
}

/// A change of a tag; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct TagPatch {
    /// The word.
    pub name: Option<String>,
    /// `#` and six hexadecimal digits.
    pub color: Option<String>,
}

/// A visitor who is kept from posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedVisitor {
    /// Their newest room.
    pub room_id: RoomId,
    /// The name in it, if there is one.
    pub customer_name: Option<String>,
    /// The signed identity's `sub`.
    pub user: Option<String>,
    /// When the block ends by itself, if ever.
    pub until: Option<Timestamp>,
}
