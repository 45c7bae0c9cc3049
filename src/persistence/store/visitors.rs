//! Visitors and their tokens.

use super::Store;
use crate::chat::{Language, RoomId, VisitorId};
use crate::persistence::{RoomPage, StoreError, TokenHash, Visitor, VisitorFacts, WriteError};

impl Store {
    /// The visitor of a token, or `None` when it is unknown or has ended.
    pub async fn visitor_by_token(&self, token: TokenHash) -> Result<Option<Visitor>, StoreError> {
        match self {
            Self::Sqlite(store) => store.visitor_by_token(token).await,
            Self::Postgres(store) => store.visitor_by_token(token).await,
        }
    }

    /// The visitor of a signed identity, if there has been one.
    pub async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        match self {
            Self::Sqlite(store) => store.visitor_by_user(user).await,
            Self::Postgres(store) => store.visitor_by_user(user).await,
        }
    }

    /// A visitor's rooms, newest first, those without messages included.
    pub async fn visitor_rooms(
        &self,
        visitor_id: VisitorId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<RoomPage, WriteError> {
        match self {
            Self::Sqlite(store) => store.visitor_rooms(visitor_id, cursor, limit).await,
            Self::Postgres(store) => store.visitor_rooms(visitor_id, cursor, limit).await,
        }
    }

    /// What is known of a room's visitor apart from their rooms; `None` when there is no such room.
    pub async fn visitor_facts(&self, room: RoomId) -> Result<Option<VisitorFacts>, StoreError> {
        match self {
            Self::Sqlite(store) => store.visitor_facts(room).await,
            Self::Postgres(store) => store.visitor_facts(room).await,
        }
    }

    /// The language in which a room's visitor is written to: that of their chat, else the one that the
    /// shop has signed, if it is one of ours.
    pub async fn visitor_language(&self, room: RoomId) -> Result<Option<Language>, StoreError> {
        match self {
            Self::Sqlite(store) => store.visitor_language(room).await,
            Self::Postgres(store) => store.visitor_language(room).await,
        }
    }

    /// Stores the language of a visitor's chat. Nobody waits for it.
    pub fn set_visitor_language(&self, visitor: VisitorId, language: Language) {
        match self {
            Self::Sqlite(store) => store.set_visitor_language(visitor, language),
            Self::Postgres(store) => store.set_visitor_language(visitor, language),
        }
    }

    /// Deletes a visitor's token. Returns whether it was known.
    pub async fn end_visitor_token(&self, token: TokenHash) -> Result<bool, WriteError> {
        match self {
            Self::Sqlite(store) => store.end_visitor_token(token).await,
            Self::Postgres(store) => store.end_visitor_token(token).await,
        }
    }

    /// Waits until there may be rooms to which a change of their visitor has not been applied.
    pub async fn wait_for_visitor_changes(&self) {
        match self {
            Self::Sqlite(store) => store.wait_for_visitor_changes().await,
            Self::Postgres(store) => store.wait_for_visitor_changes().await,
        }
    }

    /// Applies a block or a sign-in to the next few of a visitor's rooms. Returns those, or `None`
    /// when no change is pending.
    pub async fn apply_next_visitor_change(&self) -> Result<Option<Vec<RoomId>>, WriteError> {
        match self {
            Self::Sqlite(store) => store.apply_next_visitor_change().await,
            Self::Postgres(store) => store.apply_next_visitor_change().await,
        }
    }
}
