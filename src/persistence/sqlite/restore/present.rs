//! Reads from the present database what has ended since the backup was made.

use std::path::Path;

use rusqlite::{Connection, Row};

use crate::persistence::Erased;

/// What was read from the present database.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// Whether it was known which passwords were changed, which agents were disabled and which
    /// tokens have ended; that is done in the new database.
    pub(super) kept: bool,
    /// What was erased; `None` if that is not known.
    pub(super) erased: Option<Erased>,
}

/// Whether both are of the same shop: a new database has no history in common with the backup.
const IS_RELATED: &str = "
    SELECT (SELECT count(*) = 0 FROM main.visitors) AND (SELECT count(*) = 0 FROM main.agents)
        OR EXISTS (SELECT 1 FROM main.agents JOIN present.agents USING (id))
        OR EXISTS (SELECT 1 FROM main.visitors JOIN present.visitors USING (id))
        OR main.state.epoch = present.state.epoch
    FROM main.state, present.state";

/// Applies what has ended: passwords that were changed, agents who were disabled, tokens of visitors
/// and of programs. Returns what was erased. A damaged database is why people restore, so data that cannot be
/// read is reported, and is no error.
pub(super) fn take_over(conn: &Connection, present: &Path) -> rusqlite::Result<Present> {
    if !present.exists() {
        return Ok(Present::default());
    }
    let attached = conn
        .execute(
            "ATTACH DATABASE ?1 AS present",
            [present.display().to_string()],
        )
        .and_then(|_| conn.query_row(IS_RELATED, [], |row| row.get(0)));
    let found = match attached {
        Ok(true) => Present {
            kept: keep_what_has_ended(conn)?,
            erased: erased(conn).ok().flatten(),
        },
        Ok(false) | Err(_) => Present::default(),
    };
    // A database that could not be attached need not be detached.
    let _ = conn.execute_batch("DETACH DATABASE present");
    Ok(found)
}

fn keep_what_has_ended(conn: &Connection) -> rusqlite::Result<bool> {
    // Absent before the schema that has API tokens.
    let api_tokens = match conn.table_exists(Some("present"), "api_tokens")? {
        true => {
            "DELETE FROM main.api_tokens WHERE hash NOT IN (SELECT hash FROM present.api_tokens);"
        }
        false => "",
    };
    let kept = conn.execute_batch(&format!(
        "BEGIN;
         UPDATE main.agents SET
             password_hash = p.password_hash, disabled = max(main.agents.disabled, p.disabled),
             role = min(main.agents.role, p.role)
         FROM present.agents AS p WHERE p.id = main.agents.id;
         DELETE FROM main.visitor_tokens
         WHERE hash NOT IN (SELECT hash FROM present.visitor_tokens);
         {api_tokens}
         COMMIT",
    ));
    // After some errors SQLite has rolled back by itself.
    if kept.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    Ok(kept.is_ok())
}

/// What was erased, and what is decided to be. `None` before the schema that has erasures.
fn erased(conn: &Connection) -> rusqlite::Result<Option<Erased>> {
    if !conn.table_exists(Some("present"), "erased_visitors")? {
        return Ok(None);
    }
    Ok(Some(Erased {
        visitors: rows(conn, "SELECT visitor FROM present.erased_visitors", |row| {
            row.get(0)
        })?,
        rooms: rows(
            conn,
            "SELECT room FROM present.erased_rooms
             UNION SELECT id FROM present.rooms WHERE visitor IN
                 (SELECT visitor FROM present.erased_visitors WHERE pending = 1)",
            |row| row.get(0),
        )?,
        messages: rows(
            conn,
            "SELECT r.id, d.message FROM present.redactions d
             JOIN present.rooms r ON r.pk = d.room",
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?,
    }))
}

fn rows<T>(
    conn: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare(sql)?.query_map([], read)?.collect()
}
