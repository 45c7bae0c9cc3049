use rusqlite::params;

use crate::chat::VisitorId;
use crate::persistence::list_cursor::{ListCursor, OWN_ROOMS};
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::sqlite::codes::limit;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{room_rows, visitors};
use crate::persistence::{RoomPage, StoreError, TokenHash, Visitor, WriteError};

fn public(row: StoredVisitor) -> Visitor {
    Visitor {
        id: row.id,
        user: row.user,
    }
}

impl SqliteStore {
    pub(crate) async fn visitor_by_token(
        &self,
        token: TokenHash,
    ) -> Result<Option<Visitor>, StoreError> {
        self.readers()
            .read(move |conn| Ok(visitors::by_token(conn, token)?.map(public)))
            .await
    }

    pub(crate) async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        let user = user.to_owned();
        self.readers()
            .read(move |conn| Ok(visitors::by_user(conn, &user)?.map(public)))
            .await
    }

    pub(crate) async fn visitor_rooms(
        &self,
        visitor_id: VisitorId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<RoomPage, WriteError> {
        self.readers()
            .try_read(move |conn| {
                let before = match cursor {
                    Some(cursor) => ListCursor::decode(&cursor, &[(OWN_ROOMS, 1)])?.keys[0],
                    None => i64::MAX,
                };
                let mut rows = room_rows::query(
                    conn,
                    "WHERE r.visitor = ?1 AND r.pk < ?2 ORDER BY r.pk DESC LIMIT ?3",
                    params![visitor_id, before, self::limit(limit, 1)],
                )?;
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
            let ended = tx.execute("DELETE FROM visitor_tokens WHERE hash = ?1", [token.0])?;
            Ok(ended > 0)
        })
        .await
    }
}
