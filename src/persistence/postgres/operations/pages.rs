use crate::chat::{Attributes, PAGES_KEPT, RoomId, Timestamp};
use crate::persistence::postgres::operations::rooms::{commit, find};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{pages, room_rows, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::rooms as rules;
use crate::persistence::{RoomCommit, StoreError, VisitorFacts};

impl PostgresStore {
    pub(crate) async fn visitor_facts(
        &self,
        room: RoomId,
    ) -> Result<Option<VisitorFacts>, StoreError> {
        self.read_snapshot(async |db| {
            let Some(row) = room_rows::by_id(db, room).await? else {
                return Ok(None);
            };
            let visitor = row.record.visitor_id;
            let (created_at, attributes) = visitors::facts(db, visitor).await?;
            Ok(Some(VisitorFacts {
                first_seen_at: Timestamp(created_at),
                attributes: attributes.as_deref().and_then(Attributes::from_json),
                pages: pages::newest(db, row.keys.pk, PAGES_KEPT).await?,
                last_page_at: pages::last_of(db, visitor).await?,
            }))
        })
        .await
    }
}

pub(super) async fn visit(tx: &mut Tx, id: RoomId, url: &str) -> Result<RoomCommit, TxError> {
    let mut row = find(tx, id).await?;
    let newest = pages::newest(tx, row.keys.pk, 1).await?.pop();
    let (change, visit) = rules::visit(&row.record, url, newest.as_ref(), tx.now);
    let replaced = newest.filter(|newest| newest.url == url);
    pages::insert(tx, row.keys.pk, &visit, replaced.as_ref()).await?;
    let before = PriorState::of(&row.record);
    row.record = change.record;
    room_rows::update(tx, before, &mut row).await?;
    Ok(commit(row, change.effect))
}
