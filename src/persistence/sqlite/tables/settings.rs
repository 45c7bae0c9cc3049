use rusqlite::{Connection, OptionalExtension, params};

use crate::persistence::sqlite::codes::{int, uint};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{Principal, SettingsChange, StoredSettings};

/// The settings, if there are any of another version.
pub(crate) fn load_unless(
    conn: &Connection,
    version: u64,
) -> rusqlite::Result<Option<StoredSettings>> {
    conn.prepare_cached("SELECT version, content FROM settings WHERE version <> ?1")?
        .query_row([int(version)], |row| {
            Ok(StoredSettings {
                version: uint(row, 0)?,
                content: row.get(1)?,
            })
        })
        .optional()
}

/// Replaces the settings. Returns `false` if they are of another version than the change was made
/// from.
pub(crate) fn replace(
    tx: &Tx<'_>,
    change: &SettingsChange,
    by: Principal,
) -> rusqlite::Result<bool> {
    let statement = match change.from_version {
        0 => {
            "INSERT INTO settings (id, version, content, changed_at, changed_by)
             VALUES (1, ?1 + 1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
        }
        _ => {
            "UPDATE settings SET version = ?1 + 1, content = ?2, changed_at = ?3, changed_by = ?4
             WHERE version = ?1"
        }
    };
    let version = int(change.from_version);
    let values = params![version, change.content, tx.now.0, by.name()];
    Ok(tx.execute(statement, values)? == 1)
}
