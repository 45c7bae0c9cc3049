use rusqlite::{Connection, Row, params};

use crate::chat::{AgentId, CannedReply, ReplyId};
use crate::persistence::sqlite::transaction::Tx;

/// The shared replies and an agent's own ones, by shortcut.
pub(crate) fn visible_to(conn: &Connection, agent: AgentId) -> rusqlite::Result<Vec<CannedReply>> {
    conn.prepare_cached(
        "SELECT id, shortcut, title, content, agent FROM replies
         WHERE agent IS NULL OR agent = ?1 ORDER BY shortcut_key",
    )?
    .query_map([agent], read)?
    .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<CannedReply> {
    let owner: Option<AgentId> = row.get(4)?;
    Ok(CannedReply {
        id: row.get(0)?,
        shortcut: row.get(1)?,
        title: row.get(2)?,
        content: row.get(3)?,
        shared: owner.is_none(),
        owner,
    })
}

/// Writes a reply, a new one or over the one with its id.
pub(crate) fn write(tx: &Tx<'_>, reply: &CannedReply) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO replies (id, agent, shortcut, shortcut_key, title, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, shortcut = excluded.shortcut,
             shortcut_key = excluded.shortcut_key, title = excluded.title,
             content = excluded.content",
        params![
            reply.id,
            reply.owner,
            reply.shortcut,
            reply.shortcut_key(),
            reply.title,
            reply.content,
        ],
    )?;
    Ok(())
}

/// Deletes a reply.
pub(crate) fn delete(tx: &Tx<'_>, id: ReplyId) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM replies WHERE id = ?1", [id])?;
    Ok(())
}
