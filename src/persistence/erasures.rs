//! Operations that erase people and old rooms, and their results.

use std::collections::HashSet;

use uuid::Uuid;

use crate::chat::{ChangeId, RoomId, Timestamp, VisitorId};
use crate::persistence::TokenHash;

/// Names one erasure, in the audit, in the ledger and in receipts.
pub type ErasureId = Uuid;

/// The visitors that one person is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Their ids.
    pub visitors: Vec<VisitorId>,
    /// The signed identities among them. More than one means that several people were found.
    pub users: Vec<String>,
    /// The email addresses in their rooms.
    pub emails: Vec<String>,
}

impl Person {
    /// This person, if the request names nobody else.
    ///
    /// # Errors
    ///
    /// When several users were found.
    pub fn alone(self) -> Result<Self, SeveralPeople> {
        if self.users.len() > 1 {
            return Err(SeveralPeople { users: self.users });
        }
        Ok(self)
    }
}

/// Several users have the address or number that a request names, so nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "several people match, so nothing was done; name one of them: {}",
    users.iter().map(|user| format!("user:{user}")).collect::<Vec<_>>().join(", ")
)]
pub struct SeveralPeople {
    /// Who they are.
    pub users: Vec<String>,
}

/// What the database holds of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Their rooms, the empty ones included.
    pub rooms: Vec<RoomId>,
    /// Messages in these rooms, of either side.
    pub messages: u64,
    /// Tokens that have not ended.
    pub tokens: u64,
}

/// Rooms of others in which a person's email address occurs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// The rooms.
    pub rooms: Vec<RoomId>,
    /// Whether the search stopped at its bound, so that there may be more.
    pub truncated: bool,
}

/// An erasure as the database records it: numbers and ids alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// When it was decided. From then on it is completed whatever happens.
    pub decided_at: Timestamp,
    /// Since when nobody can read any of it.
    pub unreachable_at: Option<Timestamp>,
    /// When the last row was deleted.
    pub finished_at: Option<Timestamp>,
    /// When the file was rewritten without it; never with PostgreSQL.
    pub bytes_gone_at: Option<Timestamp>,
    /// Visitors erased so far.
    pub visitors: u64,
    /// Rooms erased so far.
    pub rooms: u64,
    /// Messages erased so far.
    pub messages: u64,
    /// Tokens ended.
    pub tokens: u64,
}

/// What one bounded step of an erasure has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasureStep {
    /// Rooms that were erased; their live actors and the lobby have to be notified.
    pub removed: Vec<RoomId>,
    /// Messages that were deleted.
    pub messages: u64,
}

impl ErasureStep {
    /// Rooms that one step deletes, at most.
    pub(crate) const ROOMS_MAX: usize = 64;
    /// Messages that one step deletes, at most: some milliseconds.
    pub(crate) const MESSAGES_MAX: u64 = 500;
}

/// A listed room that was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovedRoom {
    /// Its id.
    pub room_id: RoomId,
    /// Its place in the order of changes.
    pub change: ChangeId,
}

/// Ids that the ledger beside the backups has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// The visitors.
    pub visitors: Vec<VisitorId>,
    /// The rooms.
    pub rooms: Vec<RoomId>,
    /// Messages whose text was removed, by room.
    pub messages: Vec<(RoomId, Uuid)>,
}

impl Erased {
    /// Adds what else was erased.
    pub fn extend(&mut self, other: Self) {
        fn add<T: Ord>(own: &mut Vec<T>, other: Vec<T>) {
            own.extend(other);
            own.sort_unstable();
            own.dedup();
        }
        add(&mut self.visitors, other.visitors);
        add(&mut self.rooms, other.rooms);
        add(&mut self.messages, other.messages);
    }

    /// Drops what is known already.
    pub fn remove(&mut self, known: &Self) {
        fn without<T: Copy + Eq + std::hash::Hash>(own: &mut Vec<T>, known: &[T]) {
            let known: HashSet<T> = known.iter().copied().collect();
            own.retain(|id| !known.contains(id));
        }
        without(&mut self.visitors, &known.visitors);
        without(&mut self.rooms, &known.rooms);
        without(&mut self.messages, &known.messages);
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.visitors.is_empty() && self.rooms.is_empty() && self.messages.is_empty()
    }
}

/// What a restore has erased again, since the backup was made before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErasedAgain {
    /// Visitors.
    pub visitors: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages whose text was removed.
    pub redacted: u64,
}

/// A decided erasure, and the tokens that it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunErasure {
    /// The erasure.
    pub id: ErasureId,
    /// Tokens that are not valid any more.
    pub ended: Vec<TokenHash>,
}

/// What the ledger beside the backups does not have yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Its ids.
    pub erased: Erased,
    /// The erasures that they belong to.
    pub(crate) erasures: Vec<ErasureId>,
    /// Rooms and seqs of messages whose text was removed, as the store numbers them.
    pub(crate) redactions: Vec<(i64, i64)>,
}

impl Unrecorded {
    /// Whether the ledger has everything.
    pub fn is_empty(&self) -> bool {
        self.erasures.is_empty() && self.redactions.is_empty()
    }
}

/// Rooms past their time: those without a message since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// For closed rooms; `None`: they stay.
    pub closed_before: Option<Timestamp>,
    /// For spam, whatever its status; `None`: it stays.
    pub spam_before: Option<Timestamp>,
}

impl Expiry {
    /// Of closed rooms alone.
    pub fn of_closed(before: Timestamp) -> Self {
        Self {
            closed_before: Some(before),
            spam_before: None,
        }
    }
}
