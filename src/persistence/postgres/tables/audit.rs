use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{AuditAction, Principal};

/// Inserts an audit entry, in the transaction of what it records.
pub(crate) async fn insert(
    tx: &Tx,
    action: AuditAction,
    by: Option<Principal>,
    subject: Option<String>,
) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO audit (at, action, actor, subject) VALUES ($1, $2, $3, $4)",
        &[
            &tx.now.0,
            &action.name(),
            &by.map(Principal::name),
            &subject,
        ],
    )
    .await?;
    Ok(())
}
