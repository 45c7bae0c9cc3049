use tokio_postgres::Row;

use crate::chat::{AgentId, CannedReply, ReplyId};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;

/// The shared replies and an agent's own ones, by shortcut.
pub(crate) async fn visible_to(db: &Session, agent: AgentId) -> Result<Vec<CannedReply>, TxError> {
    let rows = db
        .query(
            "SELECT id, shortcut, title, content, agent FROM replies
             WHERE agent IS NULL OR agent = $1 ORDER BY shortcut_key COLLATE \"C\"",
            &[&agent],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<CannedReply, TxError> {
    let owner: Option<AgentId> = row.try_get(4)?;
    Ok(CannedReply {
        id: row.try_get(0)?,
        shortcut: row.try_get(1)?,
        title: row.try_get(2)?,
        content: row.try_get(3)?,
        shared: owner.is_none(),
        owner,
    })
}

/// Writes a reply, a new one or over the one with its id.
pub(crate) async fn write(tx: &Tx, reply: &CannedReply) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO replies (id, agent, shortcut, shortcut_key, title, content)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, shortcut = excluded.shortcut,
             shortcut_key = excluded.shortcut_key, title = excluded.title,
             content = excluded.content",
        &[
            &reply.id,
            &reply.owner,
            &reply.shortcut,
            &reply.shortcut_key(),
            &reply.title,
            &reply.content,
        ],
    )
    .await?;
    Ok(())
}

/// Deletes a reply.
pub(crate) async fn delete(tx: &Tx, id: ReplyId) -> Result<(), TxError> {
    tx.execute("DELETE FROM replies WHERE id = $1", &[&id])
        .await?;
    Ok(())
}
