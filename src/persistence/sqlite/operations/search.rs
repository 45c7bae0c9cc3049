use crate::persistence::sqlite::store::SqliteStore;
use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::persistence::list_cursor::ListCursor;
use crate::persistence::search_words::{MATCHES_MAX, SEARCH, SearchWords};
use crate::persistence::sqlite::codes::{int, uint};
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tables::notes;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{SearchHit, SearchPage, SearchQuery, WriteError};

/// The index has prefixes of up to this many letters.
const INDEXED_PREFIX_CHARS: usize = 3;
/// Words that a prefix is expanded to, at most.
const EXPANSIONS: usize = 64;

impl SqliteStore {
    pub(crate) async fn search(&self, query: SearchQuery) -> Result<SearchPage, WriteError> {
        self.readers()
            .try_search(move |conn| match search(conn, &query) {
                // A character newer than FTS5's Unicode tables is a letter to our tokeniser and
                // a separator to FTS5, so its index has no such word.
                Err(TxError::Failed(error)) if error.to_string().contains("phrase queries") => {
                    Ok(SearchPage {
                        hits: Vec::new(),
                        next: None,
                        truncated: false,
                    })
                }
                found => found,
            })
            .await
    }
}

/// Every page walks the matches again from where the search began, to know which rooms were on an
/// earlier page. The bound on matches keeps that cheap.
fn search(conn: &Connection, query: &SearchQuery) -> Result<SearchPage, TxError> {
    let mut page = SearchPage {
        hits: Vec::new(),
        next: None,
        truncated: false,
    };
    let (newest, seen_until) = match &query.cursor {
        Some(cursor) => {
            let cursor = ListCursor::decode(cursor, &[(SEARCH, 2)])?;
            (cursor.keys[0], cursor.keys[1])
        }
        None => (int(State::load(conn)?.last_n), i64::MAX),
    };
    let Some(words) = SearchWords::parse(&query.words) else {
        return Ok(page);
    };
    let mut statement = conn.prepare_cached(
        "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid <= ?2 ORDER BY rowid DESC",
    )?;
    let mut matches = statement.query(params![words.query(&expansions(conn, &words)?), newest])?;
    let mut rooms = HashSet::new();
    let mut looked_at = 0;
    let mut last_n = seen_until;
    while let Some(row) = matches.next()? {
        if looked_at == MATCHES_MAX {
            page.truncated = true;
            break;
        }
        looked_at += 1;
        let n = row.get(0)?;
        let Some((pk, place)) = locate(conn, n)? else {
            continue;
        };
        if !rooms.insert(pk) || n >= seen_until {
            continue;
        }
        let Some(room) = room_rows::by_pk(conn, pk)? else {
            continue;
        };
        let has_status = |status| room.record.room.status == status;
        if !query.status.is_none_or(has_status) || !query.filter.matches(&room.record) {
            continue;
        }
        if page.hits.len() == query.limit {
            page.next = Some(ListCursor::encode(SEARCH, &[newest, last_n]));
            break;
        }
        last_n = n;
        page.hits.push(hit(conn, &words, room, n, place)?);
    }
    Ok(page)
}

/// The words of the index that begin with the last word of the search; none where FTS5 is as
/// fast by itself: it walks whole words and prefixes of at most three letters from the newest
/// match, but collects all matches of a longer prefix first.
fn expansions(conn: &Connection, words: &SearchWords) -> rusqlite::Result<Vec<String>> {
    let beginning = words.beginning();
    let mut endings: Vec<String> = Vec::new();
    if beginning.chars().count() <= INDEXED_PREFIX_CHARS {
        return Ok(endings);
    }
    // One query per word, each from just past the last one: stepping the vocabulary table to its
    // next word would walk all matches of this one.
    let mut next = conn.prepare_cached("SELECT term FROM search_words WHERE term >= ?1 LIMIT 1")?;
    let mut from = beginning.clone();
    loop {
        let found: Option<String> = next.query_row([&from], |row| row.get(0)).optional()?;
        match found.filter(|word| word.starts_with(&beginning)) {
            Some(word) if endings.len() < EXPANSIONS => {
                from = format!("{word}\u{1}");
                endings.push(word);
            }
            // So many words are rare ones, such as order numbers: FTS5 collects them fast.
            Some(_) => return Ok(Vec::new()),
            None => return Ok(endings),
        }
    }
}

/// What an entry of the index is about.
enum Place {
    /// The room's details.
    Details,
    /// The message with this seq.
    Message(u64),
    /// A note after the message with this seq, and its text.
    Note(u64, String),
}

/// The room of an entry, and what it is about.
fn locate(conn: &Connection, n: i64) -> rusqlite::Result<Option<(i64, Place)>> {
    let message = conn
        .prepare_cached("SELECT room, seq FROM messages WHERE n = ?1")?
        .query_row([n], |row| Ok((row.get(0)?, Place::Message(uint(row, 1)?))))
        .optional()?;
    if message.is_some() {
        return Ok(message);
    }
    let details = conn
        .prepare_cached("SELECT room FROM search_details WHERE n = ?1")?
        .query_row([n], |row| Ok((row.get(0)?, Place::Details)))
        .optional()?;
    if details.is_some() {
        return Ok(details);
    }
    let note = notes::by_entry(conn, n)?;
    Ok(note.map(|(pk, after, text)| (pk, Place::Note(after, text))))
}

fn hit(
    conn: &Connection,
    words: &SearchWords,
    room: RoomRow,
    n: i64,
    place: Place,
) -> rusqlite::Result<SearchHit> {
    let (seq, text) = match place {
        Place::Message(seq) => {
            let text = conn
                .prepare_cached("SELECT content FROM messages WHERE n = ?1")?
                .query_row([n], |row| row.get(0))?;
            (Some(seq), text)
        }
        Place::Details => (None, SearchWords::details_text(&room.record)),
        Place::Note(after, text) => (Some(after).filter(|seq| *seq > 0), text),
    };
    Ok(SearchHit {
        snippet: words.snippet(&text),
        seq,
        record: room.record,
    })
}

#[cfg(test)]
mod tests {
    use crate::chat::RoomId;
    use crate::persistence::testing::*;
    use crate::persistence::*;

    async fn find(store: &TestStore, words: &str) -> Vec<(RoomId, Option<u64>)> {
        let query = SearchQuery {
            words: words.into(),
            status: None,
            filter: Default::default(),
            cursor: None,
            limit: 50,
        };
        let page = store.search(query).await.expect("it searches");
        let hits = page.hits.into_iter();
        hits.map(|hit| (hit.record.room.id, hit.seq)).collect()
    }

    #[tokio::test]
    async fn the_index_is_complete_after_a_crash() {
        let store = TestStore::in_sqlite();
        store.sqlite().hooks().pause_index();
        let room = store.new_room("Ann").await;
        for number in 0..1_500 {
            drop(store.submit_op(room, RoomOp::Post(visitor_draft(&format!("word{number}")))));
            if number % 500 == 499 {
                store.write_canary().await.expect("committed");
            }
        }
        assert_eq!(find(&store, "word0").await, []);
        let store = store.reopened();
        store.flush_search_index().await.expect("indexed");
        assert_eq!(find(&store, "word0").await, [(room, Some(1))]);
        assert_eq!(find(&store, "word1499").await, [(room, Some(1500))]);
    }
}
