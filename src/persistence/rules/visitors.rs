use crate::chat::{RoomRecord, Timestamp, VisitorId};

/// A visitor as a store keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredVisitor {
    pub(crate) id: VisitorId,
    /// The signed identity's `sub`; `None` for an anonymous visitor.
    pub(crate) user: Option<String>,
    pub(crate) blocked: bool,
}

/// Whether a visitor is blocked, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) blocked: bool,
    /// When it ends by itself, if ever.
    pub(crate) until: Option<Timestamp>,
}

impl Block {
    /// A block, or none, which has no end.
    pub(crate) fn new(blocked: bool, until: Option<Timestamp>) -> Self {
        Self {
            blocked,
            until: until.filter(|_| blocked),
        }
    }
}

/// A change of a visitor that is applied to all of their rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VisitorChange {
    /// They were blocked, or the block was lifted.
    Block,
    /// Their rooms belong to this visitor from now on.
    NewOwner(StoredVisitor),
}

/// Applies a change of a visitor to one of their rooms.
pub(crate) fn apply(record: &mut RoomRecord, change: &VisitorChange, now: Timestamp) {
    match change {
        VisitorChange::Block => record.visitor_changed(now),
        VisitorChange::NewOwner(owner) => {
            record.move_to(owner.id, owner.user.clone(), owner.blocked, now);
        }
    }
}

/// Whether a user is blocked after an anonymous visitor was merged into them: a block of either one
/// holds, so that signing in is no way around it.
pub(crate) fn blocked_after_merge(anonymous: &StoredVisitor, user: &StoredVisitor) -> bool {
    anonymous.blocked || user.blocked
}
