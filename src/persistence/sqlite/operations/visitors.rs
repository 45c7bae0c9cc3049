use rusqlite::params;

use crate::chat::{Language, RoomId, VisitorId};
use crate::persistence::room_list;
use crate::persistence::sqlite::codes::limit;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{room_rows, visitors};
use crate::persistence::{RoomPage, StoreError, TokenHash, Visitor, WriteError};

impl SqliteStore {
    pub(crate) async fn visitor_by_token(
        &self,
        token: TokenHash,
    ) -> Result<Option<Visitor>, StoreError> {
        self.readers()
            .read(move |conn| visitors::caller_by_token(conn, token))
            .await
    }

    pub(crate) async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        let user = user.to_owned();
        self.readers()
            .read(move |conn| visitors::caller_by_user(conn, &user))
            .await
    }

    pub(crate) async fn visitor_language(
        &self,
        room: RoomId,
    ) -> Result<Option<Language>, StoreError> {
        self.readers()
            .read(move |conn| visitors::language_in(conn, room))
            .await
    }

    pub(crate) fn set_visitor_language(&self, visitor: VisitorId, language: Language) {
        // It concerns no room, so those in memory stay there.
        self.submit_to_rooms(
            move |tx, _| Ok(visitors::set_language(tx, visitor, language)?),
            Box::new(|_| {}),
        );
    }

    pub(crate) async fn visitor_rooms(
        &self,
        visitor_id: VisitorId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<RoomPage, WriteError> {
        self.readers()
            .try_read(move |conn| {
                let before = room_list::own_rooms_before(cursor.as_deref())?;
                let rows = room_rows::query(
                    conn,
                    "WHERE r.visitor = ?1 AND r.pk < ?2 ORDER BY r.pk DESC LIMIT ?3",
                    params![visitor_id, before, self::limit(limit, 1)],
                )?;
                Ok(room_list::own_rooms(rows, limit))
            })
            .await
    }

    pub(crate) async fn end_visitor_token(&self, token: TokenHash) -> Result<bool, WriteError> {
        self.write(move |tx| {
            let ended = tx.execute("DELETE FROM visitor_tokens WHERE hash = ?1", [token.0])?;
            Ok(ended > 0)
        })
        .await
    }
}
