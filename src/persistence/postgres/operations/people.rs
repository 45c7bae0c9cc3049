//! Finding a person: the visitors that one person is, and what the database holds of them.
//!
//! There is no index of addresses, since nothing else needs one, so the rooms are walked. Each step
//! is a short read of its own: a long one would keep PostgreSQL from cleaning up.

use std::collections::BTreeSet;

use crate::chat::{VisitorId, Who};
use crate::persistence::postgres::codes::uint;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{Holdings, Person, StoreError};

/// Rooms that one read looks at.
const STEP_ROOMS: i64 = 20_000;

impl PostgresStore {
    pub(crate) async fn find_person(&self, who: &Who) -> Result<Person, StoreError> {
        let mut found = BTreeSet::new();
        match who {
            Who::User(user) => {
                let by_user = self.read(async |db| {
                    db.query("SELECT id FROM visitors WHERE \"user\" = $1", &[user])
                        .await
                        .and_then(|rows| ids(&rows))
                });
                found.extend(by_user.await?);
            }
            Who::Email(_) | Who::Phone(_) => {
                let mut after = Some(0);
                while let Some(pk) = after {
                    let step = self.read(async |db| walk(db, who, pk).await);
                    let (visitors, next) = step.await?;
                    found.extend(visitors);
                    after = next;
                }
            }
        }
        let found: Vec<VisitorId> = found.into_iter().collect();
        self.read(async |db| person(db, &found).await).await
    }

    pub(crate) async fn holdings(&self, person: &Person) -> Result<Holdings, StoreError> {
        self.read(async |db| holdings(db, &person.visitors).await)
            .await
    }
}

fn ids(rows: &[tokio_postgres::Row]) -> Result<Vec<VisitorId>, TxError> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The visitors of the next rooms that have the person's details, and where the walk goes on.
async fn walk(
    db: &Session,
    who: &Who,
    after: i64,
) -> Result<(Vec<VisitorId>, Option<i64>), TxError> {
    let rows = db
        .query(
            "SELECT pk, visitor, customer_email, customer_phone FROM rooms
             WHERE pk > $1 ORDER BY pk LIMIT $2",
            &[&after, &STEP_ROOMS],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        if who.has_details(row.try_get(2)?, row.try_get(3)?) {
            found.push(row.try_get(1)?);
        }
    }
    let next = match rows.last() {
        Some(last) if rows.len() as i64 == STEP_ROOMS => Some(last.try_get(0)?),
        _ => None,
    };
    Ok((found, next))
}

/// Adds the visitors who are the same person because one is becoming the other: an anonymous one
/// has signed in, and not all rooms have moved yet.
pub(crate) async fn with_merging(
    db: &Session,
    visitors: &[VisitorId],
) -> Result<Vec<VisitorId>, TxError> {
    let mut all: Vec<VisitorId> = visitors.to_vec();
    loop {
        let rows = db
            .query(
                "SELECT visitor FROM visitor_changes WHERE new_owner = ANY($1)
                 UNION SELECT new_owner FROM visitor_changes
                 WHERE visitor = ANY($1) AND new_owner IS NOT NULL",
                &[&all],
            )
            .await?;
        let known = all.len();
        for other in ids(&rows)? {
            if !all.contains(&other) {
                all.push(other);
            }
        }
        if all.len() == known {
            return Ok(all);
        }
    }
}

async fn person(db: &Session, found: &[VisitorId]) -> Result<Person, TxError> {
    let visitors = with_merging(db, found).await?;
    let users = "SELECT \"user\" FROM visitors WHERE id = ANY($1) AND \"user\" IS NOT NULL
        ORDER BY array_position($1, id)";
    let emails = "SELECT customer_email FROM rooms
        WHERE visitor = ANY($1) AND customer_email IS NOT NULL
        GROUP BY customer_email ORDER BY min(pk)";
    let (users, emails) = (
        texts(db, users, &visitors).await?,
        texts(db, emails, &visitors).await?,
    );
    Ok(Person {
        visitors,
        users,
        emails,
    })
}

async fn texts(
    db: &Session,
    sql: &'static str,
    visitors: &[VisitorId],
) -> Result<Vec<String>, TxError> {
    let rows = db.query(sql, &[&visitors]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn holdings(db: &Session, visitors: &[VisitorId]) -> Result<Holdings, TxError> {
    let rooms = db
        .query(
            "SELECT r.id, h.last_seq FROM rooms r JOIN room_heads h ON h.room = r.pk
             WHERE r.visitor = ANY($1) ORDER BY array_position($1, r.visitor), r.pk",
            &[&visitors],
        )
        .await?;
    let mut held = Holdings::default();
    for row in &rooms {
        held.rooms.push(row.try_get(0)?);
        held.messages += uint(row, 1)?;
    }
    let tokens = db
        .query_one(
            "SELECT count(*) FROM visitor_tokens WHERE visitor = ANY($1)",
            &[&visitors],
        )
        .await?;
    held.tokens = uint(&tokens, 0)?;
    Ok(held)
}
