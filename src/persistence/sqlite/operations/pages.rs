use std::sync::Arc;

use crate::chat::{Attributes, PAGES_KEPT, RoomId, Timestamp};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::rooms as rules;
use crate::persistence::sqlite::operations::rooms::{Applied, find_row};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{pages, room_rows, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{StoreError, VisitorFacts};

impl SqliteStore {
    pub(crate) async fn visitor_facts(
        &self,
        room: RoomId,
    ) -> Result<Option<VisitorFacts>, StoreError> {
        self.readers()
            .read(move |conn| {
                let Some(row) = room_rows::by_id(conn, room)? else {
                    return Ok(None);
                };
                let visitor = row.record.visitor_id;
                let (created_at, attributes) = visitors::facts(conn, visitor)?;
                Ok(Some(VisitorFacts {
                    first_seen_at: Timestamp(created_at),
                    attributes: attributes.as_deref().and_then(Attributes::from_json),
                    pages: pages::newest(conn, row.keys.pk, PAGES_KEPT)?,
                    last_page_at: pages::last_of(conn, visitor)?,
                }))
            })
            .await
    }
}

pub(super) fn visit(tx: &mut Tx<'_>, id: RoomId, url: &str) -> Result<Applied, TxError> {
    let mut row = find_row(tx, id)?;
    let newest = pages::newest(tx.conn, row.keys.pk, 1)?.pop();
    let (change, visit) = rules::visit(&row.record, url, newest.as_ref(), tx.now);
    let replaced = newest.filter(|newest| newest.url == url);
    pages::insert(tx, row.keys.pk, &visit, replaced.as_ref())?;
    let before = PriorState::of(&row.record);
    row.record = change.record;
    room_rows::update(tx, before, &mut row)?;
    Ok((Arc::new(row.record), change.effect))
}
