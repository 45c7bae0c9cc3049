use crate::chat::VisitorId;
use crate::persistence::list_cursor::{ListCursor, OWN_ROOMS};
use crate::persistence::postgres::codes::limit as sql_limit;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::room_rows::{self, select_rooms};
use crate::persistence::postgres::tables::visitors;
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::{RoomPage, StoreError, TokenHash, Visitor, WriteError};

fn public(row: StoredVisitor) -> Visitor {
    Visitor {
        id: row.id,
        user: row.user,
    }
}

impl PostgresStore {
    pub(crate) async fn visitor_by_token(
        &self,
        token: TokenHash,
    ) -> Result<Option<Visitor>, StoreError> {
        self.read(async |db| Ok(visitors::by_token(db, token).await?.map(public)))
            .await
    }

    pub(crate) async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        self.read(async |db| Ok(visitors::by_user(db, user).await?.map(public)))
            .await
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
            let before = match &cursor {
                Some(cursor) => ListCursor::decode(cursor, &[(OWN_ROOMS, 1)])?.keys[0],
                None => i64::MAX,
            };
            let sql =
                select_rooms!("WHERE r.visitor = $1 AND r.pk < $2 ORDER BY r.pk DESC LIMIT $3");
            let mut rows =
                room_rows::query(db, sql, &[&visitor_id, &before, &sql_limit(limit, 1)]).await?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows
                .last()
                .filter(|_| more)
                .map(|last| ListCursor::encode(OWN_ROOMS, &[last.keys.pk]));
            Ok(RoomPage {
                records: rows.into_iter().map(|row| row.record).collect(),
                next,
            })
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
