//! Visitors, and opening the chat.

use std::sync::Arc;

use crate::chat::{
    Attributes, Details, Language, PageVisit, RoomId, RoomRecord, Timestamp, VisitorId,
};
use crate::persistence::TokenHash;

/// Who a visitor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Internal; never sent to clients.
    pub id: VisitorId,
    /// The signed identity's `sub`.
    pub user: Option<String>,
    /// The language of their chat, where that is known.
    pub language: Option<Language>,
}

/// A verified identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The claim `sub`.
    pub user: String,
    /// The claims `name`, `email`, `phone`.
    pub details: Details,
    /// The claim `attributes`, if there is one.
    pub attributes: Option<Attributes>,
}

/// What is known of a room's visitor apart from their rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorFacts {
    /// When the visitor was first seen.
    pub first_seen_at: Timestamp,
    /// What the shop has signed.
    pub attributes: Option<Attributes>,
    /// The pages of this room, the newest first.
    pub pages: Vec<PageVisit>,
    /// When the visitor came to the newest page of all their rooms.
    pub last_page_at: Option<Timestamp>,
}

/// A request to open the chat.
#[derive(Debug, Clone)]
pub struct OpenRoom {
    /// The token that came along.
    pub token: Option<TokenHash>,
    /// The verified identity that came along; it wins over the token.
    pub identity: Option<Identity>,
    /// What the visitor typed; used for a new room only.
    pub details: Details,
    /// The hash of a fresh token, to be stored when one is due: with every new
    /// room and every valid identity.
    pub fresh_token: TokenHash,
}

/// The reply to [`OpenRoom`].
#[derive(Debug, Clone)]
pub struct OpenedRoom {
    /// The room.
    pub record: Arc<RoomRecord>,
    /// Whether it was made just now.
    pub created: bool,
    /// Whether `fresh_token` was stored and is to be sent to the visitor.
    pub token_issued: bool,
    /// Rooms that changed hands; their live actors must reread them. Where there are very many,
    /// the rest follows: [`Store::apply_next_visitor_change`](crate::persistence::Store::apply_next_visitor_change).
    pub moved: Vec<RoomId>,
    /// Tokens that have ended: the anonymous ones of a visitor who signed in, and the oldest of
    /// very many.
    pub ended: Vec<TokenHash>,
}
