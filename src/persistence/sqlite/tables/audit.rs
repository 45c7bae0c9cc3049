use rusqlite::params;

use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{AuditAction, Principal};

/// Inserts an audit entry, in the transaction of what it records.
pub(crate) fn insert(
    tx: &Tx<'_>,
    action: AuditAction,
    by: Option<Principal>,
    subject: Option<String>,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO audit (at, action, actor, subject) VALUES (?1, ?2, ?3, ?4)",
        params![tx.now.0, action.name(), by.map(Principal::name), subject],
    )?;
    Ok(())
}
