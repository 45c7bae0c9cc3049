//! Migrations: ordered steps, each with its own transaction under one row lock, so that nodes which
//! start at once do not do the same step twice.
//!
//! Nodes are upgraded one after the other, so programs of two schemas that follow each other may run
//! beside each other. The database says whether they do: `schema_version` holds the number of its
//! schema and the oldest one whose programs may use it.

use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::TxError;

/// The steps, in order. A released one never changes.
const STEPS: &[Step] = &[Step {
    sql: include_str!("migrations/0001_base.sql"),
    oldest: 1,
}];

/// One step from a schema to the next.
struct Step {
    sql: &'static str,
    /// The oldest schema whose programs may use the database after this step: the one before, unless
    /// the step takes or changes what those read or write.
    oldest: i32,
}

/// What a database says of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    version: i32,
    /// The oldest schema whose programs may use it.
    oldest: i32,
}

/// Why the schema cannot be used.
#[derive(Debug)]
pub(crate) enum SchemaError {
    /// A newer version of the program has been here, and this one must not run beside it.
    TooNew { found: Found, known: i32 },
    /// The number of the schema is none.
    Damaged { version: i32 },
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
            Self::TooNew { found, known } => write!(
                out,
                "its schema {} was made by a newer version of shoptalk, may be used by versions \
                 that know schema {} or newer, and this one knows {known}; use that version or a \
                 newer one",
                found.version,
                found.least()
            ),
            Self::Damaged { version } => write!(
                out,
                "schema_version says {version}, which shoptalk never writes; restore a backup"
            ),
            Self::NotOurs => out.write_str(
                "it has tables of another program; give shoptalk a database of its own \
                 (CREATE DATABASE)",
            ),
            Self::Failed(error) if error.is_forbidden() => write!(
                out,
                "{}; make the user of the URL the owner: ALTER DATABASE … OWNER TO …",
                error.message()
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
    let found = Found::read(db, "SELECT version, oldest FROM schema_version").await?;
    found.next_step(STEPS)?;
    Ok(Some(found.version))
}

impl Found {
    async fn read(db: &Session, sql: &'static str) -> Result<Self, TxError> {
        // Not prepared: the table may just have been made.
        let row = db.client().query_one(sql, &[]).await?;
        Ok(Self {
            version: row.try_get(0)?,
            oldest: row.try_get(1)?,
        })
    }

    /// The oldest schema that a program may know to use this database. One that is two or more behind
    /// was never tried beside it.
    fn least(self) -> i32 {
        self.oldest.max(self.version.saturating_sub(1))
    }

    /// The step that a program which knows these steps has to do next; `None` when it can use the
    /// database as it is.
    fn next_step(self, steps: &[Step]) -> Result<Option<&Step>, SchemaError> {
        let version = self.version;
        let done = usize::try_from(version).map_err(|_| SchemaError::Damaged { version })?;
        if let Some(step) = steps.get(done) {
            return Ok(Some(step));
        }
        let known = i32::try_from(steps.len()).unwrap_or(i32::MAX);
        if version > known && known < self.least() {
            return Err(SchemaError::TooNew { found: self, known });
        }
        Ok(None)
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
                 id SMALLINT PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL,
                 oldest INTEGER NOT NULL);
             INSERT INTO schema_version VALUES (1, 0, 0) ON CONFLICT DO NOTHING",
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
    let found = Found::read(db, "SELECT version, oldest FROM schema_version FOR UPDATE").await?;
    let Some(step) = found.next_step(STEPS)? else {
        return Ok(true);
    };
    db.run(step.sql).await?;
    if found.version == 0 {
        let epoch = crate::persistence::new_epoch();
        db.client()
            .execute(
                "INSERT INTO state (id, epoch, auth_no, token_no) VALUES (1, $1, 0, 0)",
                &[&epoch],
            )
            .await
            .map_err(TxError::from)?;
    }
    db.client()
        .execute(
            "UPDATE schema_version SET version = version + 1, oldest = $1",
            &[&step.oldest],
        )
        .await
        .map_err(TxError::from)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a program that knows as many schemas may use a database that says this.
    fn may_use(known: usize, version: i32, oldest: i32) -> bool {
        let steps: Vec<Step> = (0..known).map(|_| Step { sql: "", oldest: 1 }).collect();
        let next = Found { version, oldest }.next_step(&steps);
        matches!(next, Ok(None))
    }

    #[test]
    fn programs_of_two_schemas_that_follow_each_other_may_share_a_database_if_it_says_so() {
        assert!(may_use(4, 4, 3), "its own");
        assert!(may_use(4, 5, 4), "the next one, which says so");
        assert!(!may_use(4, 5, 5), "the next one, which does not");
        assert!(!may_use(4, 6, 4), "two are too many");
        assert!(!may_use(4, -1, 0), "no number");
    }

    #[test]
    fn a_program_does_the_steps_that_are_missing() {
        let steps = [
            Step {
                sql: "first",
                oldest: 1,
            },
            Step {
                sql: "second",
                oldest: 1,
            },
        ];
        let next = |version| {
            let found = Found { version, oldest: 1 };
            found
                .next_step(&steps)
                .expect("it may")
                .map(|step| step.sql)
        };
        assert_eq!(next(0), Some("first"));
        assert_eq!(next(1), Some("second"));
        assert_eq!(next(2), None);
    }
}
