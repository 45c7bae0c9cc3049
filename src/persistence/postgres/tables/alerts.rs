use crate::chat::{RoomId, Status, Timestamp};
use crate::persistence::postgres::codes::{optional_time, status_code, time};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{AlertProgress, DueAlert};

/// Those of the rooms whose customer waits while the row of alerts is about another wait or missing,
/// and those with such a row whose customer does not wait. A room that is gone may have left one.
pub(crate) async fn behind(db: &Session, rooms: &[RoomId]) -> Result<Vec<RoomId>, TxError> {
    let rows = db
        .query(
            "SELECT asked.id FROM unnest($1::uuid[]) AS asked (id)
             LEFT JOIN rooms r ON r.id = asked.id
             LEFT JOIN room_heads h ON h.room = r.pk
             LEFT JOIN visitors v ON v.id = r.visitor
             LEFT JOIN alerts a ON a.room = r.pk
             WHERE r.id IS NULL
                 OR (CASE WHEN h.status = $2 AND NOT v.blocked AND NOT h.spam AND h.snoozed_until IS NULL THEN h.waiting_n END)
                     IS DISTINCT FROM a.waiting_n",
            &[&rooms, &status_code(Status::Waiting)],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Begins or ends the alerts of rooms. What is committed meanwhile is a change that follows.
pub(crate) async fn follow(tx: &Tx, rooms: &[RoomId]) -> Result<(), TxError> {
    let waiting = status_code(Status::Waiting);
    tx.execute(
        "DELETE FROM alerts WHERE NOT EXISTS
             (SELECT 1 FROM room_heads h JOIN rooms r ON r.pk = h.room
              JOIN visitors v ON v.id = r.visitor
              WHERE h.room = alerts.room AND h.status = $1 AND NOT v.blocked AND NOT h.spam AND h.snoozed_until IS NULL
                  AND h.waiting_n = alerts.waiting_n)",
        &[&waiting],
    )
    .await?;
    tx.execute(
        "INSERT INTO alerts (room, waiting_n, since, rung, mailed, next_at)
         SELECT r.pk, h.waiting_n, h.waiting_since, 0, FALSE, h.waiting_since
         FROM rooms r JOIN room_heads h ON h.room = r.pk JOIN visitors v ON v.id = r.visitor
         WHERE r.id = ANY($1) AND h.status = $2 AND NOT v.blocked AND NOT h.spam AND h.snoozed_until IS NULL AND h.waiting_n IS NOT NULL
         ON CONFLICT (room) DO NOTHING",
        &[&rooms, &waiting],
    )
    .await?;
    Ok(())
}

pub(crate) async fn due(
    db: &Session,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<DueAlert>, TxError> {
    let rows = db
        .query(
            "SELECT r.id, a.waiting_n, a.since, a.rung, a.mailed, a.next_at, r.customer_name,
                 coalesce(h.last_content, ''), g.id
             FROM alerts a JOIN rooms r ON r.pk = a.room JOIN room_heads h ON h.room = a.room
             JOIN visitors v ON v.id = r.visitor
             LEFT JOIN agents g ON g.id = h.assignee AND NOT g.disabled AND g.on_duty
             WHERE a.next_at <= $1 AND h.status = $2 AND NOT v.blocked AND NOT h.spam AND h.snoozed_until IS NULL
                 AND h.waiting_n = a.waiting_n
             ORDER BY a.next_at, a.room LIMIT $3",
            &[&now.0, &status_code(Status::Waiting), &limit],
        )
        .await?;
    let read = |row: &tokio_postgres::Row| {
        let rung: i16 = row.try_get(3)?;
        Ok(DueAlert {
            room_id: row.try_get(0)?,
            wait: row.try_get(1)?,
            since: time(row, 2)?,
            progress: AlertProgress {
                rung: u8::try_from(rung).unwrap_or(u8::MAX),
                mailed: row.try_get(4)?,
                next_at: optional_time(row, 5)?,
            },
            customer_name: row.try_get(6)?,
            content: row.try_get(7)?,
            assignee: row.try_get(8)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(crate) async fn next_after(db: &Session, now: Timestamp) -> Result<Option<Timestamp>, TxError> {
    let row = db
        .query_one(
            "SELECT min(next_at) FROM alerts WHERE next_at > $1",
            &[&now.0],
        )
        .await?;
    optional_time(&row, 0)
}

pub(crate) async fn record(
    tx: &Tx,
    room: RoomId,
    wait: i64,
    progress: AlertProgress,
) -> Result<(), TxError> {
    tx.execute(
        "UPDATE alerts SET rung = $3, mailed = $4, next_at = $5
         WHERE room = (SELECT pk FROM rooms WHERE id = $1) AND waiting_n = $2",
        &[
            &room,
            &wait,
            &i16::from(progress.rung),
            &progress.mailed,
            &progress.next_at.map(|at| at.0),
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn is_anybody_on_duty(db: &Session) -> Result<bool, TxError> {
    let found = db
        .query_opt(
            "SELECT 1 FROM agents WHERE on_duty AND NOT disabled LIMIT 1",
            &[],
        )
        .await?;
    Ok(found.is_some())
}
