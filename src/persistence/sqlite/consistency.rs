//! Whether the database is consistent: every number that is stored is the one that
//! counting gives.

use std::borrow::Cow;

use rusqlite::Connection;

/// A summary of each room's messages, by one walk over all of them.
const COUNTED: &str = "
    CREATE TEMP TABLE counted AS
    SELECT r.pk AS pk, count(m.n) AS messages, count(DISTINCT m.seq) AS seqs,
           ifnull(min(m.seq), 1) AS first_seq, ifnull(max(m.seq), 0) AS last_seq, max(m.n) AS last_n,
           count(m.n) FILTER (WHERE m.sender_type = 0 AND m.seq > r.admin_read_seq) AS unread
    FROM rooms r LEFT JOIN messages m ON m.room = r.pk GROUP BY r.pk";

/// Rows that contradict each other, counted; and what it means when there are any.
const CONTRADICTIONS: &[(&str, &str)] = &[
    (
        "messages without a room",
        "SELECT count(*) FROM messages WHERE room NOT IN (SELECT pk FROM rooms)
             AND room NOT IN (SELECT pk FROM erasing_rooms)",
    ),
    (
        "rooms with a gap in their seqs",
        "SELECT count(*) FROM counted
         WHERE messages <> last_seq OR seqs <> messages OR first_seq <> 1",
    ),
    (
        "rooms with a gap in the numbers of their notes",
        "SELECT count(*) FROM (SELECT 1 FROM notes GROUP BY room
                               HAVING min(no) <> 1 OR max(no) <> count(*))",
    ),
    (
        "notes after a message that is not there",
        "SELECT count(*) FROM notes n JOIN rooms r ON r.pk = n.room WHERE n.after_seq > r.last_seq",
    ),
    (
        "rooms whose newest seq is not that of their newest message",
        "SELECT count(*) FROM counted c JOIN rooms r USING (pk) WHERE r.last_seq <> c.last_seq",
    ),
    (
        "rooms whose newest message is another one",
        "SELECT count(*) FROM counted c JOIN rooms r USING (pk) WHERE r.last_n IS NOT c.last_n",
    ),
    (
        "rooms with a wrong count of unread messages",
        "SELECT count(*) FROM counted c JOIN rooms r USING (pk) WHERE r.unread_count <> c.unread",
    ),
    (
        "rooms listed without a message, or not listed with one",
        "SELECT count(*) FROM rooms WHERE (last_seq > 0) <> (change IS NOT NULL)",
    ),
    (
        "rooms that wait without waiting, or wait unlisted",
        "SELECT count(*) FROM rooms
         WHERE (status = 0) <> (waiting_n IS NOT NULL)
            OR (waiting_n IS NULL) <> (waiting_since IS NULL)",
    ),
    (
        "statuses whose count is wrong",
        "SELECT (waiting <> (SELECT count(*) FROM rooms WHERE last_seq > 0 AND spam = 0 AND status = 0))
              + (active <> (SELECT count(*) FROM rooms WHERE last_seq > 0 AND spam = 0 AND status = 1))
              + (closed <> (SELECT count(*) FROM rooms WHERE last_seq > 0 AND spam = 0 AND status = 2))
         FROM state",
    ),
    (
        "orders of changes that end elsewhere",
        "SELECT change < ifnull((SELECT max(change) FROM rooms), 0) FROM state",
    ),
    (
        "rows that refer to none",
        "SELECT count(*) FROM pragma_foreign_key_check",
    ),
];

/// What may contradict itself since there are tags.
const TAGS: (&str, &str) = (
    "rooms whose tags are not those of the list of tags",
    "SELECT (SELECT ifnull(sum(length(tags)), 0) FROM rooms) <> 16 * (SELECT count(*) FROM room_tags)",
);
/// The condition of counts since there is spam.
const NO_SPAM: &str = " AND spam = 0";

/// The findings of SQLite's own check, which works for any schema.
pub(crate) fn damaged_pages(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut check = conn.prepare("PRAGMA integrity_check(10)")?;
    let mut lines = check.query([])?;
    while let Some(line) = lines.next()? {
        let line: String = line.get(0)?;
        if line != "ok" {
            found.push(line);
        }
    }
    Ok(found)
}

/// What contradicts itself, a line each; none when all is well. Reads every row: on a large
/// database that takes a while.
pub(crate) fn contradictions(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = damaged_pages(conn)?;
    if !found.is_empty() {
        // The rows of damaged pages cannot be trusted, so counting them is useless.
        return Ok(found);
    }
    for (table, columns) in [
        ("erasing_rooms", "pk INTEGER PRIMARY KEY"),
        ("notes", "room, no, after_seq"),
    ] {
        if !conn.table_exists(None, table)? {
            // A backup of an earlier version.
            conn.execute_batch(&format!(
                "CREATE TEMP TABLE IF NOT EXISTS {table} ({columns})"
            ))?;
        }
    }
    conn.execute_batch(COUNTED)?;
    let has_desk = conn.column_exists(None, "rooms", "spam")?;
    let tags = has_desk.then_some(&TAGS);
    for (what, sql) in CONTRADICTIONS.iter().chain(tags) {
        let sql = match has_desk {
            true => Cow::Borrowed(*sql),
            false => Cow::Owned(sql.replace(NO_SPAM, "")),
        };
        let count: i64 = conn.query_row(&sql, [], |row| row.get(0))?;
        if count > 0 {
            found.push(format!("{count} {what}"));
        }
    }
    conn.execute_batch("DROP TABLE counted")?;
    Ok(found)
}
