use rusqlite::{Connection, OptionalExtension};
use rusqlite_migration::{M, Migrations};

use super::failure::classify;

/// Every change of the schema, oldest first. A released one is never edited, comments included:
/// SQLite keeps them, and a database whose schema reads otherwise counts as damaged.
const TEXTS: [&str; 3] = [
    include_str!("migrations/0001_base.sql"),
    include_str!("migrations/0002_search.sql"),
    include_str!("migrations/0003_arrival.sql"),
];
const STEPS: &[M<'_>] = &[M::up(TEXTS[0]), M::up(TEXTS[1]), M::up(TEXTS[2])];
const MIGRATIONS: Migrations<'_> = Migrations::from_slice(STEPS);

/// Brings the schema up to date and makes the state row of a new database.
/// Each step is one transaction, so an upgrade that was killed goes on at the
/// next start.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), rusqlite_migration::Error> {
    // A step over many messages sorts them, and may take the disk for it.
    conn.pragma_update(None, "temp_store", "DEFAULT")?;
    MIGRATIONS.to_latest(conn)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    let known = conn
        .query_row("SELECT 1 FROM state", [], |_| Ok(()))
        .optional()?;
    if known.is_none() {
        // Two processes may meet here at a database's first start; one epoch stays.
        conn.execute(
            "INSERT INTO state VALUES (1, ?1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
            [new_epoch()],
        )?;
    }
    Ok(())
}

/// The first part of the schema that is not as the steps make it: rot in its text, which SQLite
/// takes for another schema. What somebody else has added is left alone.
pub(super) fn damaged_part(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let sound = Connection::open_in_memory()?;
    for text in TEXTS {
        sound.execute_batch(text)?;
    }
    // What stores a virtual table is SQLite's own, and differs between its versions.
    let mut parts = sound.prepare(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT IN \
             (SELECT name FROM pragma_table_list WHERE type = 'shadow')",
    )?;
    let mut found =
        conn.prepare("SELECT 1 FROM sqlite_schema WHERE (type, name, sql) = (?, ?, ?)")?;
    let mut parts = parts.query([])?;
    while let Some(part) = parts.next()? {
        let (kind, name): (String, String) = (part.get(0)?, part.get(1)?);
        if !found.exists((&kind, &name, part.get::<_, String>(2)?))? {
            return Ok(Some(format!("{kind} {name}")));
        }
    }
    Ok(None)
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
        assert_eq!(super::STEPS.len(), super::TEXTS.len());
    }
}
