use std::collections::{HashMap, HashSet};

use crate::chat::RoomRecord;
use crate::persistence::list_cursor::ListCursor;
use crate::persistence::postgres::codes::limit;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::room_rows::{self, select_rooms};
use crate::persistence::postgres::tables::search::{block_of, first_of, queries};
use crate::persistence::postgres::text_index;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::search_words::{MATCHES_MAX, SEARCH, SearchWords};
use crate::persistence::{SearchHit, SearchPage, SearchQuery, WriteError};

/// Blocks of the index that one query looks at, at most.
const BLOCKS_MAX: i64 = 64;
/// Matches that the first query of a walk returns, at most. Each further one returns more by a factor.
const FIRST_MATCHES: usize = 256;
const MORE_MATCHES: usize = 4;

impl PostgresStore {
    pub(crate) async fn search(&self, query: SearchQuery) -> Result<SearchPage, WriteError> {
        let reader = self.shared().readers.get_for_search().await?;
        let page = reader.snapshot(async |db| search(db, &query).await).await;
        Ok(page?)
    }

    pub(crate) async fn flush_search_index(&self) -> Result<(), WriteError> {
        Ok(text_index::flush(self.shared()).await?)
    }
}

/// An entry of the index that matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    n: i64,
    pub(super) room: i64,
    pub(super) seq: i64,
}

impl Match {
    fn read(row: &tokio_postgres::Row) -> Result<Self, TxError> {
        Ok(Self {
            n: row.try_get(0)?,
            room: row.try_get(1)?,
            seq: row.try_get(2)?,
        })
    }
}

/// Every page walks the matches again from where the search began, to know which rooms were on an
/// earlier page. The bound on matches keeps that cheap.
async fn search(db: &Session, query: &SearchQuery) -> Result<SearchPage, TxError> {
    let cursor = match &query.cursor {
        Some(cursor) => Some(ListCursor::decode(cursor, &[(SEARCH, 2)])?),
        None => None,
    };
    // Otherwise a plan that reads the whole table is made while it is small.
    db.run("SET LOCAL enable_seqscan = off").await?;
    let (newest, seen_until) = match cursor {
        Some(cursor) => (cursor.keys[0], cursor.keys[1]),
        None => (newest_entry(db).await?, i64::MAX),
    };
    let mut page = Page {
        query,
        newest,
        last_n: seen_until,
        found: Vec::new(),
        next: None,
    };
    let Some(words) = SearchWords::parse(&query.words) else {
        return page.finish(db, None, false).await;
    };
    let folded = words.folded();
    let mut rooms = HashSet::new();
    let mut left = MATCHES_MAX;
    let mut walk = MatchWalk::new(&folded, newest);
    while page.next.is_none()
        && let Some(matches) = walk.next(db, left + 1).await?
    {
        let truncated = matches.len() > left;
        let looked_at = &matches[..matches.len().min(left)];
        left -= looked_at.len();
        let new = looked_at.iter().filter(|it| rooms.insert(it.room));
        let unseen: Vec<Match> = new.filter(|it| it.n < seen_until).copied().collect();
        page.take(db, &unseen).await?;
        if truncated {
            let truncated = page.next.is_none();
            return page.finish(db, Some(&words), truncated).await;
        }
    }
    page.finish(db, Some(&words), false).await
}

/// The entries that match, from the newest to the oldest, more and more at once.
pub(super) struct MatchWalk<'w> {
    words: &'w [String],
    /// Entries after this one were returned.
    until: i64,
    items: usize,
}

impl<'w> MatchWalk<'w> {
    /// Begins with the entry `newest`; the last of the words is a prefix.
    pub(super) fn new(words: &'w [String], newest: i64) -> Self {
        Self {
            words,
            until: newest,
            items: FIRST_MATCHES,
        }
    }

    /// The next matches, at most `most`, possibly none; `None` after the last.
    pub(super) async fn next(
        &mut self,
        db: &Session,
        most: usize,
    ) -> Result<Option<Vec<Match>>, TxError> {
        if self.until < 0 {
            return Ok(None);
        }
        let items = self.items.min(most);
        self.items = self.items.saturating_mul(MORE_MATCHES);
        let last = block_of(self.until);
        let first = (last - BLOCKS_MAX + 1).max(0);
        let queries = queries(self.words, first..=last);
        let rows = db
            .query(MATCHES, &[&queries, &self.until, &limit(items, 0)])
            .await?;
        let matches = rows
            .iter()
            .map(Match::read)
            .collect::<Result<Vec<_>, _>>()?;
        self.until = match matches.last() {
            Some(last) if matches.len() == items => last.n - 1,
            _ => first_of(first) - 1,
        };
        Ok(Some(matches))
    }
}

/// The blocks are looked at in turn, and none after the last entry that is asked for. Adding 0 keeps
/// a plan from walking all entries in the order of their numbers.
const MATCHES: &str = "
    SELECT found.n, found.room, found.seq FROM unnest($1::text[]) AS block (query)
    CROSS JOIN LATERAL (
        SELECT n, room, seq FROM search WHERE words @@ block.query::tsquery AND n + 0 <= $2
        ORDER BY n + 0 DESC LIMIT $3) found
    LIMIT $3";

pub(super) async fn newest_entry(db: &Session) -> Result<i64, TxError> {
    let newest = db
        .query_opt("SELECT n FROM search ORDER BY n DESC LIMIT 1", &[])
        .await?;
    Ok(newest.map_or(Ok(-1), |row| row.try_get(0))?)
}

/// A page as far as it is found.
struct Page<'q> {
    query: &'q SearchQuery,
    newest: i64,
    last_n: i64,
    found: Vec<(Match, RoomRecord)>,
    next: Option<String>,
}

impl Page<'_> {
    /// Adds the rooms of these matches that are asked for, until the page is full.
    async fn take(&mut self, db: &Session, matches: &[Match]) -> Result<(), TxError> {
        // Where a filter leaves few of them, a search for many matches makes no more queries.
        let rooms_at_once = self.query.limit.max(50).max(matches.len() / 4);
        for some in matches.chunks(rooms_at_once) {
            let mut records = records(db, some).await?;
            for found in some {
                let Some(record) = records.remove(&found.room) else {
                    continue;
                };
                let status = record.room.status;
                if self.query.status.is_some_and(|wanted| wanted != status)
                    || !self.query.filter.matches(&record)
                {
                    continue;
                }
                if self.found.len() == self.query.limit {
                    self.next = Some(ListCursor::encode(SEARCH, &[self.newest, self.last_n]));
                    return Ok(());
                }
                self.last_n = found.n;
                self.found.push((*found, record));
            }
        }
        Ok(())
    }

    /// The page with its snippets.
    async fn finish(
        self,
        db: &Session,
        words: Option<&SearchWords>,
        truncated: bool,
    ) -> Result<SearchPage, TxError> {
        let texts = texts(db, &self.found).await?;
        let hits = self.found.into_iter().map(|(found, record)| {
            let (seq, text) = match texts.get(&(found.room, found.seq)) {
                Some((seq, text)) => (*seq, text.clone()),
                None => (0, SearchWords::details_text(&record)),
            };
            SearchHit {
                snippet: words.map_or(String::new(), |words| words.snippet(&text)),
                seq: u64::try_from(seq).ok().filter(|seq| *seq > 0),
                record,
            }
        });
        Ok(SearchPage {
            hits: hits.collect(),
            next: self.next,
            truncated,
        })
    }
}

async fn records(db: &Session, matches: &[Match]) -> Result<HashMap<i64, RoomRecord>, TxError> {
    let pks: Vec<i64> = matches.iter().map(|found| found.room).collect();
    let rows = room_rows::query(db, select_rooms!("WHERE h.room = ANY($1)"), &[&pks]).await?;
    let records = rows.into_iter().map(|row| (row.keys.pk, row.record));
    Ok(records.collect())
}

/// The texts of the messages and notes that match, by the room and seq of their entry: each with the
/// seq of the message, or of that before the note.
async fn texts(
    db: &Session,
    found: &[(Match, RoomRecord)],
) -> Result<HashMap<(i64, i64), (i64, String)>, TxError> {
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let rooms: Vec<i64> = found.iter().map(|(found, _)| found.room).collect();
    let seqs: Vec<i64> = found.iter().map(|(found, _)| found.seq).collect();
    let rows = db
        .query(
            "SELECT u.room, u.seq, m.seq, m.content
             FROM unnest($1::bigint[], $2::bigint[]) u (room, seq)
             CROSS JOIN LATERAL (SELECT m.seq, m.content FROM messages m
                 WHERE m.room = u.room AND m.seq = u.seq
                 UNION ALL SELECT t.after_seq, t.content FROM notes t
                 WHERE t.room = u.room AND t.no = -u.seq) m",
            &[&rooms, &seqs],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let text = (row.try_get(2)?, row.try_get(3)?);
            Ok(((row.try_get(0)?, row.try_get(1)?), text))
        })
        .collect()
}
