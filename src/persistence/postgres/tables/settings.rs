use crate::persistence::postgres::codes::{int, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{Principal, SettingsChange, StoredSettings};

/// The settings, if there are any of another version.
pub(crate) async fn load_unless(
    db: &Session,
    version: u64,
) -> Result<Option<StoredSettings>, TxError> {
    let row = db
        .query_opt(
            "SELECT version, content FROM settings WHERE version <> $1",
            &[&int(version)],
        )
        .await?;
    row.map(|row| {
        Ok(StoredSettings {
            version: uint(&row, 0)?,
            content: row.try_get(1)?,
        })
    })
    .transpose()
}

/// Replaces the settings. Returns `false` if they are of another version than the change was made
/// from: each statement checks that on the row that it locks.
pub(crate) async fn replace(
    tx: &Tx,
    change: &SettingsChange,
    by: Principal,
) -> Result<bool, TxError> {
    let (from, to) = (int(change.from_version), int(change.from_version + 1));
    let by = by.name();
    let replaced = match change.from_version {
        0 => {
            tx.execute(
                "INSERT INTO settings (id, version, content, changed_at, changed_by)
                 VALUES (1, $1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &[&to, &change.content, &tx.now.0, &by],
            )
            .await?
        }
        _ => {
            tx.execute(
                "UPDATE settings SET version = $2, content = $3, changed_at = $4, changed_by = $5
                 WHERE version = $1",
                &[&from, &to, &change.content, &tx.now.0, &by],
            )
            .await?
        }
    };
    Ok(replaced == 1)
}
