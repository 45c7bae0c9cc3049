use rusqlite::{Connection, OptionalExtension};
use rusqlite_migration::{M, Migrations};

use super::failure::classify;

/// Every change of the schema, oldest first. A released one is never edited.
const STEPS: &[M<'_>] = &[
    M::up(include_str!("migrations/0001_base.sql")),
    M::up(include_str!("migrations/0002_search.sql")),
];
const MIGRATIONS: Migrations<'_> = Migrations::from_slice(STEPS);

/// Brings the schema up to date and makes the state row of a new database.
/// Each step is one transaction, so an upgrade that was killed goes on at the
/// next start.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), rusqlite_migration::Error> {
    MIGRATIONS.to_latest(conn)?;
    let known = conn
        .query_row("SELECT 1 FROM state", [], |_| Ok(()))
        .optional()?;
    if known.is_none() {
        // Two processes may meet here at a database's first start; one epoch stays.
        conn.execute(
            "INSERT INTO state VALUES (1, ?1, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
            [new_epoch()],
        )?;
    }
    Ok(())
}

/// What an operator can do about a migration that failed.
pub(super) fn said(error: &rusqlite_migration::Error) -> String {
    use rusqlite_migration::{Error, MigrationDefinitionError};
    match error {
        Error::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => {
            "a newer shoptalk made it; start that version, or restore a backup from before it"
                .to_owned()
        }
        Error::RusqliteError { err, .. } => classify(err).to_string(),
        other => other.to_string(),
    }
}

/// A string that no other database has.
fn new_epoch() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_migrations_are_well_formed() {
        super::MIGRATIONS.validate().expect("every step applies");
    }
}
