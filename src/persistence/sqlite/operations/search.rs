use crate::persistence::sqlite::store::SqliteStore;
use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::persistence::list_cursor::ListCursor;
use crate::persistence::search_words::SearchWords;
use crate::persistence::sqlite::codes::{int, uint};
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{SearchHit, SearchPage, SearchQuery, WriteError};

/// Cursor of a search: the newest number when it began, and the last one seen.
const SEARCH: char = 's';
/// Matches that a search looks at, at most, beginning with the newest. The bound makes a common
/// word as cheap as a rare one.
const MATCHES: usize = 10_000;

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
                Err(TxError::Sqlite(error)) if error.to_string().contains("phrase queries") => {
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
        if looked_at == MATCHES {
            page.truncated = true;
            break;
        }
        looked_at += 1;
        let n = row.get(0)?;
        let Some((pk, seq)) = locate(conn, n)? else {
            continue;
        };
        if !rooms.insert(pk) || n >= seen_until {
            continue;
        }
        let Some(room) = room_rows::by_pk(conn, pk)? else {
            continue;
        };
        if query
            .status
            .is_some_and(|status| room.record.room.status != status)
        {
            continue;
        }
        if page.hits.len() == query.limit {
            page.next = Some(ListCursor::encode(SEARCH, &[newest, last_n]));
            break;
        }
        last_n = n;
        page.hits.push(hit(conn, &words, room, n, seq)?);
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

/// The room of an entry, and the seq of its message; `None` for an entry of details.
fn locate(conn: &Connection, n: i64) -> rusqlite::Result<Option<(i64, Option<u64>)>> {
    let message = conn
        .prepare_cached("SELECT room, seq FROM messages WHERE n = ?1")?
        .query_row([n], |row| Ok((row.get(0)?, Some(uint(row, 1)?))))
        .optional()?;
    if message.is_some() {
        return Ok(message);
    }
    conn.prepare_cached("SELECT room FROM search_details WHERE n = ?1")?
        .query_row([n], |row| Ok((row.get(0)?, None)))
        .optional()
}

fn hit(
    conn: &Connection,
    words: &SearchWords,
    room: RoomRow,
    n: i64,
    seq: Option<u64>,
) -> rusqlite::Result<SearchHit> {
    let text = match seq {
        Some(_) => conn
            .prepare_cached("SELECT content FROM messages WHERE n = ?1")?
            .query_row([n], |row| row.get(0))?,
        None => {
            let room = &room.record.room;
            [&room.customer_name, &room.customer_email]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(" · ")
        }
    };
    Ok(SearchHit {
        snippet: words.snippet(&text),
        seq,
        record: room.record,
    })
}

#[cfg(test)]
mod tests {
    use crate::chat::{DetailsPatch, RoomId, Sender, Status};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    fn query(words: &str) -> SearchQuery {
        SearchQuery {
            words: words.into(),
            status: None,
            cursor: None,
            limit: 50,
        }
    }

    async fn find(store: &TestStore, words: &str) -> Vec<(RoomId, Option<u64>)> {
        let page = store.search(query(words)).await.expect("it searches");
        assert_eq!((page.next, page.truncated), (None, false));
        page.hits
            .into_iter()
            .map(|hit| (hit.record.room.id, hit.seq))
            .collect()
    }

    #[tokio::test]
    async fn words_are_found_all_of_them_and_the_last_as_a_prefix() {
        let store = TestStore::new();
        let one = store.new_room("Ann Smith").await;
        let two = store.new_room("Bob").await;
        store
            .post_as_visitor(one, "Where is my Päckchen? \"AND\" so on")
            .await;
        store.post_as_visitor(two, "my parcel, no. 4-711").await;
        store.post_as_agent(two, "it is on its way").await;
        store.flush_search_index().await.expect("indexed");
        assert_eq!(find(&store, "packchen").await, [(one, Some(1))]);
        assert_eq!(find(&store, "my").await, [(two, Some(1)), (one, Some(1))]);
        assert_eq!(find(&store, "my pac").await, [(one, Some(1))]);
        assert_eq!(
            find(&store, "pac my").await,
            [],
            "only the last is a prefix"
        );
        assert_eq!(find(&store, "AND").await, [(one, Some(1))]);
        assert_eq!(find(&store, "my OR").await, []);
        assert_eq!(find(&store, "parc").await, [(two, Some(1))]);
        assert_eq!(find(&store, "my PÄCK").await, [(one, Some(1))]);
        assert_eq!(find(&store, "my parcels").await, []);
        assert_eq!(find(&store, "4-71").await, [(two, Some(1))]);
        // Vowel signs separate words in the index, and letters that are newer than its tables too.
        store
            .post_as_visitor(one, "नमस्ते हिन्दी, cafe\u{301} re\u{301}sume\u{301}")
            .await;
        store.flush_search_index().await.expect("indexed");
        assert_eq!(find(&store, "हिन्दी").await, [(one, Some(2))]);
        assert_eq!(find(&store, "resume").await, [(one, Some(2))]);
        assert_eq!(find(&store, "re\u{301}sume\u{301}").await, [(one, Some(2))]);
        let _ = find(&store, "\u{10d4a}\u{10d4b}\u{10d4c}").await;
        assert_eq!(find(&store, "mia").await, [(two, Some(2))]);
        assert_eq!(find(&store, "smith").await.len(), 1);
        for odd in ["\"", "*", "NEAR(", "body:my", "^", "a\0b", "(((", ""] {
            let _ = find(&store, odd).await;
        }
    }

    #[tokio::test]
    async fn changed_details_are_found_and_the_old_ones_are_not() {
        let store = TestStore::new();
        let room = store.new_room("Ann").await;
        store.post_as_agent(room, "hello").await;
        store.flush_search_index().await.expect("indexed");
        assert_eq!(find(&store, "ann").await, [(room, None)]);
        let patch = DetailsPatch {
            name: Some(Some("Zoe".into())),
            email: Some(Some("zoe@example.com".into())),
            ..DetailsPatch::default()
        };
        store
            .apply(room, RoomOp::SetDetails(patch))
            .await
            .expect("changed");
        store.flush_search_index().await.expect("indexed");
        assert_eq!(find(&store, "ann").await, []);
        let page = store.search(query("zoe@example.com")).await.expect("found");
        assert_eq!(page.hits[0].snippet, "Zoe · zoe@example.com");
    }

    #[tokio::test]
    async fn pages_show_every_room_once_and_heed_the_status() {
        let store = TestStore::new();
        let mut rooms = Vec::new();
        for number in 0..7 {
            let room = store.new_room("Ann").await;
            store
                .post_as_visitor(room, &format!("needle {number}"))
                .await;
            rooms.push(room);
        }
        for room in &rooms {
            store.post_as_visitor(*room, "needle again").await;
        }
        let close = RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        };
        store.apply(rooms[3], close).await.expect("closed");
        store.flush_search_index().await.expect("indexed");
        let mut found = Vec::new();
        let mut search = SearchQuery {
            status: Some(Status::Waiting),
            limit: 2,
            ..query("needle")
        };
        loop {
            let page = store.search(search.clone()).await.expect("it searches");
            found.extend(page.hits.iter().map(|hit| hit.record.room.id));
            // What comes in between belongs to a new search.
            store.post_as_visitor(rooms[0], "needle in between").await;
            store.flush_search_index().await.expect("indexed");
            let Some(next) = page.next else { break };
            search.cursor = Some(next);
        }
        rooms.remove(3);
        rooms.reverse();
        assert_eq!(found, rooms);
        search.cursor = Some("nonsense".into());
        assert_eq!(
            store.search(search).await.err(),
            Some(Refusal::BadCursor.into())
        );
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
        let page = store.search(query("word")).await.expect("found");
        assert_eq!((page.hits.len(), page.truncated), (1, false));
    }

    #[tokio::test]
    async fn a_common_word_stops_at_the_bound() {
        let store = TestStore::new();
        let room = store.new_room("Ann").await;
        for number in 0..=super::MATCHES {
            drop(store.submit_op(room, RoomOp::Post(visitor_draft("same"))));
            if number % 500 == 0 {
                store.write_canary().await.expect("committed");
            }
        }
        store.flush_search_index().await.expect("indexed");
        let page = store.search(query("same")).await.expect("found");
        assert_eq!(page.hits.len(), 1);
        assert!(page.truncated);
    }
}
