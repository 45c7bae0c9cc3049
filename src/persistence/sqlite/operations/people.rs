//! Finding a person: the visitors that one person is, and what the database holds of them.
//!
//! There is no index of addresses, since nothing else needs one, so the rooms are walked. Each step
//! is a short read of its own: a long one would keep the write-ahead log from being reset.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::chat::{VisitorId, Who};
use crate::persistence::search_words::SearchWords;
use crate::persistence::sqlite::codes::uint;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::visitors;
use crate::persistence::{Holdings, Mentions, Person, StoreError};

/// Rooms that one read looks at.
const STEP_ROOMS: i64 = 20_000;
/// Messages that a search for mentions looks at, at most.
const MENTIONS: usize = 10_000;

impl SqliteStore {
    pub(crate) async fn find_person(&self, who: &Who) -> Result<Person, StoreError> {
        let mut found = BTreeSet::new();
        match who {
            Who::User(user) => {
                let user = user.clone();
                let read = move |conn: &Connection| visitors::by_user(conn, &user);
                found.extend(self.readers().read(read).await?.map(|visitor| visitor.id));
            }
            Who::Email(_) | Who::Phone(_) => {
                let mut after = Some(0);
                while let Some(pk) = after {
                    let who = who.clone();
                    let read = move |conn: &Connection| walk(conn, &who, pk);
                    let (visitors, next) = self.readers().read(read).await?;
                    found.extend(visitors);
                    after = next;
                }
            }
        }
        let found: Vec<VisitorId> = found.into_iter().collect();
        self.readers().read(move |conn| person(conn, &found)).await
    }

    pub(crate) async fn holdings(&self, person: &Person) -> Result<Holdings, StoreError> {
        let visitors = person.visitors.clone();
        self.readers()
            .read(move |conn| {
                let mut held = Holdings::default();
                for visitor in visitors {
                    count(conn, visitor, &mut held)?;
                }
                Ok(held)
            })
            .await
    }

    pub(crate) async fn mentions(&self, person: &Person) -> Result<Mentions, StoreError> {
        let person = person.clone();
        self.readers()
            .read(move |conn| mentions(conn, &person))
            .await
    }
}

/// The visitors of the next rooms that have the person's details, and where the walk goes on.
fn walk(
    conn: &Connection,
    who: &Who,
    after: i64,
) -> rusqlite::Result<(Vec<VisitorId>, Option<i64>)> {
    let mut rooms = conn.prepare_cached(
        "SELECT pk, visitor, customer_email, customer_phone FROM rooms
         WHERE pk > ?1 ORDER BY pk LIMIT ?2",
    )?;
    let mut rows = rooms.query(params![after, STEP_ROOMS])?;
    let (mut found, mut last, mut read) = (Vec::new(), after, 0);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        read += 1;
        let text = |column| row.get_ref(column).map(|value| value.as_str().ok());
        if who.has_details(text(2)?, text(3)?) {
            found.push(row.get(1)?);
        }
    }
    Ok((found, (read == STEP_ROOMS).then_some(last)))
}

/// Adds the visitors who are the same person because one is becoming the other: an anonymous one
/// has signed in, and not all rooms have moved yet.
pub(crate) fn with_merging(
    conn: &Connection,
    visitors: &[VisitorId],
) -> rusqlite::Result<Vec<VisitorId>> {
    let mut all: Vec<VisitorId> = visitors.to_vec();
    let mut next = 0;
    while let Some(visitor) = all.get(next).copied() {
        next += 1;
        let others: Vec<VisitorId> = conn
            .prepare_cached(
                "SELECT visitor FROM visitor_changes WHERE new_owner = ?1
                 UNION SELECT new_owner FROM visitor_changes
                 WHERE visitor = ?1 AND new_owner IS NOT NULL",
            )?
            .query_map([visitor], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for other in others {
            if !all.contains(&other) {
                all.push(other);
            }
        }
    }
    Ok(all)
}

fn person(conn: &Connection, found: &[VisitorId]) -> rusqlite::Result<Person> {
    let mut person = Person {
        visitors: with_merging(conn, found)?,
        ..Person::default()
    };
    for visitor in &person.visitors {
        let user: Option<Option<String>> = conn
            .prepare_cached("SELECT user FROM visitors WHERE id = ?1")?
            .query_row([visitor], |row| row.get(0))
            .optional()?;
        person.users.extend(user.flatten());
        let emails: Vec<String> = conn
            .prepare_cached(
                "SELECT DISTINCT customer_email FROM rooms
                 WHERE visitor = ?1 AND customer_email IS NOT NULL",
            )?
            .query_map([visitor], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for email in emails {
            if !person.emails.contains(&email) {
                person.emails.push(email);
            }
        }
    }
    Ok(person)
}

fn count(conn: &Connection, visitor: VisitorId, held: &mut Holdings) -> rusqlite::Result<()> {
    let mut rooms =
        conn.prepare_cached("SELECT id, last_seq FROM rooms WHERE visitor = ?1 ORDER BY pk")?;
    let mut rows = rooms.query([visitor])?;
    while let Some(row) = rows.next()? {
        held.rooms.push(row.get(0)?);
        held.messages += uint(row, 1)?;
    }
    held.tokens += conn
        .prepare_cached("SELECT count(*) FROM visitor_tokens WHERE visitor = ?1")?
        .query_row([visitor], |row| uint(row, 0))?;
    Ok(())
}

/// Rooms of others whose messages, notes or details have one of the person's addresses.
fn mentions(conn: &Connection, person: &Person) -> rusqlite::Result<Mentions> {
    let mut found = Mentions::default();
    let mut seen = HashSet::new();
    let mut matches = conn.prepare_cached(
        "SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid DESC LIMIT ?2",
    )?;
    let mut room = conn.prepare_cached(
        "SELECT r.pk, r.id, r.visitor, m.content FROM messages m JOIN rooms r ON r.pk = m.room
         WHERE m.n = ?1
         UNION ALL
         SELECT r.pk, r.id, r.visitor, ifnull(d.email, '')
         FROM search_details d JOIN rooms r ON r.pk = d.room WHERE d.n = ?1
         UNION ALL
         SELECT r.pk, r.id, r.visitor, t.content
         FROM notes t JOIN rooms r ON r.pk = t.room WHERE t.n = ?1",
    )?;
    for email in &person.emails {
        let Some(words) = SearchWords::parse(email) else {
            continue;
        };
        let email = email.to_lowercase();
        let mut rows = matches.query(params![words.query(&[]), MENTIONS as i64])?;
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            looked_at += 1;
            let n: i64 = row.get(0)?;
            let Some((pk, id, visitor, text)) = room
                .query_row([n], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get(1)?,
                        row.get::<_, VisitorId>(2)?,
                        row.get::<_, String>(3)?,
                    ))
                })
                .optional()?
            else {
                continue;
            };
            let is_other = !person.visitors.contains(&visitor);
            if is_other && text.to_lowercase().contains(&email) && seen.insert(pk) {
                found.rooms.push(id);
            }
        }
        found.truncated |= looked_at == MENTIONS;
    }
    Ok(found)
}
