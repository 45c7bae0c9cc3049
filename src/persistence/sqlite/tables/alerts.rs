use rusqlite::{Connection, OptionalExtension, params};

use crate::chat::{RoomId, Status, Timestamp};
use crate::persistence::sqlite::codes::status_code;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{AlertProgress, DueAlert};

/// Whether the customer of a room waits and the row of alerts is about another wait or missing, or
/// whether there is such a row and the customer does not wait.
pub(crate) fn is_behind(conn: &Connection, room: RoomId) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT CASE WHEN r.status = ?2 AND v.blocked = 0 AND r.spam = 0 AND r.snoozed_until IS NULL THEN r.waiting_n END
             IS NOT (SELECT a.waiting_n FROM alerts a WHERE a.room = r.pk)
         FROM rooms r JOIN visitors v ON v.id = r.visitor WHERE r.id = ?1",
    )?
    .query_row(params![room, status_code(Status::Waiting)], |row| {
        row.get(0)
    })
    .optional()
    // A room that is gone may have left a row.
    .map(|found| found.unwrap_or(true))
}

/// Begins or ends the alerts of a room.
pub(crate) fn follow(tx: &Tx<'_>, room: RoomId) -> rusqlite::Result<()> {
    let waiting = status_code(Status::Waiting);
    tx.execute(
        "DELETE FROM alerts WHERE NOT EXISTS
             (SELECT 1 FROM rooms r JOIN visitors v ON v.id = r.visitor
              WHERE r.pk = alerts.room AND r.status = ?1 AND v.blocked = 0 AND r.spam = 0 AND r.snoozed_until IS NULL
                  AND r.waiting_n = alerts.waiting_n)",
        [waiting],
    )?;
    tx.execute(
        "INSERT INTO alerts (room, waiting_n, since, rung, mailed, next_at)
         SELECT r.pk, r.waiting_n, r.waiting_since, 0, 0, r.waiting_since
         FROM rooms r JOIN visitors v ON v.id = r.visitor
         WHERE r.id = ?1 AND r.status = ?2 AND v.blocked = 0 AND r.spam = 0 AND r.snoozed_until IS NULL AND r.waiting_n IS NOT NULL
         ON CONFLICT (room) DO NOTHING",
        params![room, waiting],
    )?;
    Ok(())
}

pub(crate) fn due(
    conn: &Connection,
    now: Timestamp,
    limit: i64,
) -> rusqlite::Result<Vec<DueAlert>> {
    conn.prepare_cached(
        "SELECT r.id, a.waiting_n, a.since, a.rung, a.mailed, a.next_at, r.customer_name,
             ifnull(r.last_content, ''), g.id
         FROM alerts a JOIN rooms r ON r.pk = a.room JOIN visitors v ON v.id = r.visitor
         LEFT JOIN agents g ON g.id = r.assignee AND g.disabled = 0 AND g.on_duty = 1
         WHERE a.next_at <= ?1 AND r.status = ?2 AND v.blocked = 0 AND r.spam = 0 AND r.snoozed_until IS NULL AND r.waiting_n = a.waiting_n
         ORDER BY a.next_at, a.room LIMIT ?3",
    )?
    .query_map(params![now.0, status_code(Status::Waiting), limit], |row| {
        Ok(DueAlert {
            room_id: row.get(0)?,
            wait: row.get(1)?,
            since: Timestamp(row.get(2)?),
            progress: AlertProgress {
                rung: row.get(3)?,
                mailed: row.get(4)?,
                next_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
            },
            customer_name: row.get(6)?,
            content: row.get(7)?,
            assignee: row.get(8)?,
        })
    })?
    .collect()
}

pub(crate) fn next_after(conn: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    conn.prepare_cached("SELECT min(next_at) FROM alerts WHERE next_at > ?1")?
        .query_row([now.0], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp))
        })
}

pub(crate) fn record(
    tx: &Tx<'_>,
    room: RoomId,
    wait: i64,
    progress: AlertProgress,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE alerts SET rung = ?3, mailed = ?4, next_at = ?5
         WHERE room = (SELECT pk FROM rooms WHERE id = ?1) AND waiting_n = ?2",
        params![
            room,
            wait,
            progress.rung,
            progress.mailed,
            progress.next_at.map(|at| at.0),
        ],
    )?;
    Ok(())
}

pub(crate) fn is_anybody_on_duty(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM agents WHERE on_duty = 1 AND disabled = 0 LIMIT 1")?
        .exists([])
}
