use crate::chat::{Language, RoomId, VisitorId};
use crate::persistence::postgres::codes::limit as sql_limit;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::room_rows::{self, select_rooms};
use crate::persistence::postgres::tables::visitors;
use crate::persistence::room_list;
use crate::persistence::{RoomPage, StoreError, TokenHash, Visitor, WriteError};

impl PostgresStore {
    pub(crate) async fn visitor_by_token(
        &self,
        token: TokenHash,
    ) -> Result<Option<Visitor>, StoreError> {
        self.read(async |db| visitors::caller_by_token(db, token).await)
            .await
    }

    pub(crate) async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        self.read(async |db| visitors::caller_by_user(db, user).await)
            .await
    }

    pub(crate) async fn visitor_language(
        &self,
        room: RoomId,
    ) -> Result<Option<Language>, StoreError> {
        self.read(async |db| visitors::language_in(db, room).await)
            .await
    }

    pub(crate) fn set_visitor_language(&self, visitor: VisitorId, language: Language) {
        self.write_behind(move |tx| Box::pin(visitors::set_language(tx, visitor, language)));
    }

    pub(crate) async fn valid_visitor_tokens(
        &self,
        tokens: Vec<TokenHash>,
    ) -> Result<Vec<TokenHash>, StoreError> {
        let hashes: Vec<&[u8]> = tokens.iter().map(|token| &token.0[..]).collect();
        self.read(async |db| visitors::valid_tokens(db, &hashes).await)
            .await
    }

    pub(crate) async fn visitor_rooms(
        &self,
        visitor_id: VisitorId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<RoomPage, WriteError> {
        self.try_read(async |db| {
            let before = room_list::own_rooms_before(cursor.as_deref())?;
            let sql =
                select_rooms!("WHERE r.visitor = $1 AND r.pk < $2 ORDER BY r.pk DESC LIMIT $3");
            let rows =
                room_rows::query(db, sql, &[&visitor_id, &before, &sql_limit(limit, 1)]).await?;
            Ok(room_list::own_rooms(rows, limit))
        })
        .await
    }

    pub(crate) async fn end_visitor_token(&self, token: TokenHash) -> Result<bool, WriteError> {
        self.write(move |tx| {
            Box::pin(async move {
                let ended = tx
                    .execute(
                        "DELETE FROM visitor_tokens WHERE hash = $1",
                        &[&&token.0[..]],
                    )
                    .await?;
                if ended > 0 {
                    tx.note_ended_tokens();
                }
                Ok(ended > 0)
            })
        })
        .await
    }
}
