use std::collections::HashSet;

use crate::chat::VisitorId;
use crate::persistence::postgres::operations::search::{Match, MatchWalk, newest_entry};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::search_words::SearchWords;
use crate::persistence::{Mentions, Person, StoreError};

/// Entries of the text index that a search for mentions looks at, at most.
const MENTIONS: usize = 10_000;

/// What entries of the index are about: the email address of a room, or the text of a message or note.
const TEXTS: &str = "SELECT r.pk, r.id, r.visitor,
        CASE u.seq WHEN 0 THEN coalesce(r.customer_email, '')
                   ELSE coalesce(m.content, t.content, '') END
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY u (room, seq, place)
    JOIN rooms r ON r.pk = u.room
    LEFT JOIN messages m ON m.room = u.room AND m.seq = u.seq
    LEFT JOIN notes t ON t.room = u.room AND t.no = -u.seq
    ORDER BY u.place";

impl PostgresStore {
    pub(crate) async fn mentions(&self, person: &Person) -> Result<Mentions, StoreError> {
        self.read_snapshot(async |db| mentions(db, person).await)
            .await
    }
}

/// Rooms of others whose messages, notes or details have one of the person's addresses.
async fn mentions(db: &Session, person: &Person) -> Result<Mentions, TxError> {
    // Otherwise a plan that reads the whole table is made while it is small.
    db.run("SET LOCAL enable_seqscan = off").await?;
    let newest = newest_entry(db).await?;
    let mut found = Mentions::default();
    let mut seen = HashSet::new();
    for email in &person.emails {
        let Some(words) = SearchWords::parse(email) else {
            continue;
        };
        let (folded, email) = (words.folded(), email.to_lowercase());
        let mut left = MENTIONS;
        let mut walk = MatchWalk::new(&folded, newest);
        while left > 0
            && let Some(entries) = walk.next(db, left).await?
        {
            left -= entries.len();
            for row in texts(db, &entries).await? {
                let (pk, visitor): (i64, VisitorId) = (row.try_get(0)?, row.try_get(2)?);
                let text: &str = row.try_get(3)?;
                let is_other = !person.visitors.contains(&visitor);
                if is_other && text.to_lowercase().contains(&email) && seen.insert(pk) {
                    found.rooms.push(row.try_get(1)?);
                }
            }
        }
        found.truncated |= left == 0;
    }
    Ok(found)
}

async fn texts(db: &Session, entries: &[Match]) -> Result<Vec<tokio_postgres::Row>, TxError> {
    let (rooms, seqs): (Vec<i64>, Vec<i64>) =
        entries.iter().map(|entry| (entry.room, entry.seq)).unzip();
    db.query(TEXTS, &[&rooms, &seqs]).await
}
