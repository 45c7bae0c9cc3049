//! Migrations: ordered steps, each with its own transaction under one row lock, so that nodes which
//! start at once do not do the same step twice.

use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::TxError;

/// The steps, in order. A released one never changes.
const STEPS: &[&str] = &[include_str!("migrations/0001_base.sql")];

/// Why the schema cannot be used.
#[derive(Debug)]
pub(crate) enum SchemaError {
    /// A newer version of the program has been here.
    TooNew { found: i32 },
    /// The database has tables that this program did not make.
    NotOurs,
    /// PostgreSQL failed.
    Failed(TxError),
}

impl From<TxError> for SchemaError {
    fn from(error: TxError) -> Self {
        Self::Failed(error)
    }
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooNew { found } => write!(
                out,
                "its schema {found} was made by a newer version of shoptalk, and this one knows \
                 {}; use that version or a newer one",
                STEPS.len()
            ),
            Self::NotOurs => out.write_str(
                "it has tables of another program; give shoptalk a database of its own \
                 (CREATE DATABASE)",
            ),
            Self::Failed(error) => out.write_str(&error.message()),
        }
    }
}

/// Brings the schema up to date and returns the epoch.
pub(crate) async fn migrate(db: &Session) -> Result<String, SchemaError> {
    make_version_table(db).await?;
    while !step(db).await? {}
    Ok(epoch(db).await?)
}

/// The string made with the database.
pub(crate) async fn epoch(db: &Session) -> Result<String, TxError> {
    let row = db.query_one("SELECT epoch FROM state", &[]).await?;
    Ok(row.try_get(0)?)
}

/// The version of the schema that is there, or `None` in an empty database. Changes nothing.
pub(crate) async fn look(db: &Session) -> Result<Option<i32>, SchemaError> {
    if !has_version_table(db).await? {
        return Ok(None);
    }
    let row = db
        .query_one("SELECT version FROM schema_version", &[])
        .await?;
    let found: i32 = row.try_get(0).map_err(TxError::from)?;
    match usize::try_from(found) {
        Ok(done) if done <= STEPS.len() => Ok(Some(found)),
        _ => Err(SchemaError::TooNew { found }),
    }
}

/// Whether this program has made the tables that are there; `false` if there are none.
async fn has_version_table(db: &Session) -> Result<bool, SchemaError> {
    let tables = "SELECT count(*) FILTER (WHERE table_name = 'schema_version'), count(*)
        FROM information_schema.tables WHERE table_schema = 'public'";
    let row = db.client().query_one(tables, &[]).await;
    let row = row.map_err(TxError::from)?;
    let (own, all): (i64, i64) = (
        row.try_get(0).map_err(TxError::from)?,
        row.try_get(1).map_err(TxError::from)?,
    );
    match (own, all) {
        (1, _) => Ok(true),
        (0, 0) => Ok(false),
        _ => Err(SchemaError::NotOurs),
    }
}

async fn make_version_table(db: &Session) -> Result<(), SchemaError> {
    if has_version_table(db).await? {
        return Ok(());
    }
    let made = db
        .run(
            "CREATE TABLE IF NOT EXISTS schema_version (
                 id SMALLINT PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
             INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING",
        )
        .await;
    match made {
        // Another node has made it at the same moment.
        Err(error) if error.is_duplicate() => Ok(()),
        other => Ok(other?),
    }
}

/// Does the next step, if there is one. Returns whether the schema is up to date.
async fn step(db: &Session) -> Result<bool, SchemaError> {
    db.run("BEGIN").await?;
    let result = step_in_transaction(db).await;
    match result {
        Ok(done) => {
            db.run("COMMIT").await?;
            Ok(done)
        }
        Err(error) => {
            // The error is what counts.
            let _ = db.run("ROLLBACK").await;
            Err(error)
        }
    }
}

async fn step_in_transaction(db: &Session) -> Result<bool, SchemaError> {
    let row = db
        .client()
        .query_one("SELECT version FROM schema_version FOR UPDATE", &[])
        .await
        .map_err(TxError::from)?;
    let version: i32 = row.try_get(0).map_err(TxError::from)?;
    let known = STEPS.len();
    let done = usize::try_from(version).map_err(|_| SchemaError::TooNew { found: version })?;
    if done > known {
        return Err(SchemaError::TooNew { found: version });
    }
    let Some(statements) = STEPS.get(done) else {
        return Ok(true);
    };
    db.run(statements).await?;
    if done == 0 {
        let epoch = crate::persistence::new_epoch();
        db.client()
            .execute(
                "INSERT INTO state (id, epoch, auth_no, token_no) VALUES (1, $1, 0, 0)",
                &[&epoch],
            )
            .await
            .map_err(TxError::from)?;
    }
    db.run("UPDATE schema_version SET version = version + 1")
        .await?;
    Ok(done + 1 == known)
}
