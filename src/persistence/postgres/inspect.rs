//! What a database is like, for `shoptalk check` and `shoptalk doctor`. It changes nothing in it.

use std::time::Duration;

use crate::chat::Timestamp;
use crate::persistence::OpenError;
use crate::persistence::postgres::connect::{Connector, without_password};
use crate::persistence::postgres::requirements::Found;
use crate::persistence::postgres::schema;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::TxError;

/// Transactions that have been open for longer slow writes down.
const OLD_TRANSACTION: Duration = Duration::from_secs(60);
/// How long all of it may take. A database whose machine or disk hangs takes connections and says nothing.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Clocks may differ by this much.
const CLOCK_DIFFERENCE_MS: u64 = 60_000;

/// What a PostgreSQL database is like. The program can use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresReport {
    /// The URL without its password.
    url: String,
    version: String,
    database: String,
    isolation: String,
    fsync: String,
    synchronous_commit: String,
    /// Whether a commit waits for a standby.
    has_synchronous_standby: bool,
    has_tls: bool,
    /// Whether the connection stays on this machine.
    is_local: bool,
    has_password: bool,
    /// `None` before the first start of a server.
    schema: Option<i32>,
    /// How many transactions are old, and the age of the oldest one in seconds.
    old_transactions: (i64, i64),
    /// The database's clock minus this machine's.
    clock_difference_ms: i64,
}

/// Looks at a database.
///
/// # Errors
///
/// If it cannot be reached, does not respond, or the program cannot use it.
pub async fn inspect(url: &str) -> Result<PostgresReport, OpenError> {
    inspect_within(url, TIMEOUT).await
}

async fn inspect_within(url: &str, limit: Duration) -> Result<PostgresReport, OpenError> {
    tokio::time::timeout(limit, Box::pin(look(url)))
        .await
        .unwrap_or_else(|_| {
            Err(OpenError::Postgres {
                url: without_password(url),
                cause: format!("it did not respond within {limit:?}"),
            })
        })
}

async fn look(url: &str) -> Result<PostgresReport, OpenError> {
    let failed = |cause: String| OpenError::Postgres {
        url: without_password(url),
        cause,
    };
    let connector = Connector::new(url).map_err(failed)?;
    let db = connector.connect().await;
    let db = db.map_err(|error| failed(error.to_string()))?;
    let found = Found::read(&db).await;
    let found = found.map_err(|error| failed(error.message()))?;
    if let Some(refusal) = found.refusal() {
        return Err(failed(refusal));
    }
    let schema = schema::look(&db).await;
    let schema = schema.map_err(|error| failed(error.to_string()))?;
    let report = read(&connector, &db, found, schema).await;
    report.map_err(|error| failed(error.message()))
}

async fn read(
    connector: &Connector,
    db: &Session,
    found: Found,
    schema: Option<i32>,
) -> Result<PostgresReport, TxError> {
    let before = Timestamp::now().as_millis();
    let row = db
        .query_one(
            "SELECT current_database()::text, current_setting('synchronous_standby_names') <> '',
                    (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            &[],
        )
        .await?;
    let between = before.midpoint(Timestamp::now().as_millis());
    let database_ms: i64 = row.try_get(2)?;
    let old_ms = i64::try_from(OLD_TRANSACTION.as_millis()).unwrap_or(i64::MAX);
    let old = db
        .query_one(
            "SELECT count(*), coalesce(max(age), 0) FROM (
                 SELECT extract(epoch FROM clock_timestamp() - xact_start)::bigint AS age
                 FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_type = 'client backend'
                   AND pid <> pg_backend_pid()) transactions
             WHERE age * 1000 > $1",
            &[&old_ms],
        )
        .await?;
    let has_tls = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let has_tls = match db.query_opt(has_tls, &[]).await? {
        Some(row) => row.try_get(0)?,
        None => false,
    };
    Ok(PostgresReport {
        url: connector.name().to_owned(),
        database: row.try_get(0)?,
        version: found.version,
        isolation: found.isolation,
        fsync: found.fsync,
        synchronous_commit: found.synchronous_commit,
        has_synchronous_standby: row.try_get(1)?,
        has_tls,
        is_local: connector.is_local(),
        has_password: connector.has_password(),
        schema,
        old_transactions: (old.try_get(0)?, old.try_get(1)?),
        clock_difference_ms: database_ms - between,
    })
}

impl PostgresReport {
    /// What it is, a sentence to a line.
    pub fn lines(&self) -> Vec<String> {
        let standby = match self.has_synchronous_standby {
            true => " and on a synchronous standby",
            false => "",
        };
        vec![
            format!(
                "The store is PostgreSQL {}: the database {} at {}.",
                self.version, self.database, self.url
            ),
            format!(
                "Its transactions run at {}; fsync is {} and synchronous_commit is {}, so what is \
                 acknowledged is on its disk{standby}.",
                self.isolation, self.fsync, self.synchronous_commit
            ),
            match (self.has_tls, self.is_local) {
                (true, _) => "The connection to it uses TLS.".to_owned(),
                (false, true) => {
                    "The connection to it stays on this machine, without TLS.".to_owned()
                }
                (false, false) => "The connection to it does not use TLS.".to_owned(),
            },
            match self.schema {
                Some(schema) => format!("Its schema is version {schema}."),
                None => "It is empty: the first start makes the tables.".to_owned(),
            },
        ]
    }

    /// What is allowed but probably not intended, and what to do.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.is_local && !self.has_tls {
            warnings.push(
                "storage.url: customers' words go to PostgreSQL without TLS; set ssl = on there and add \
                 sslmode=require to the URL"
                    .to_owned(),
            );
        }
        if !self.is_local && !self.has_password {
            warnings.push(
                "storage.url: PostgreSQL lets this machine in without a password; require one in \
                 pg_hba.conf (scram-sha-256), and set PGPASSWORD or storage.url from a file"
                    .to_owned(),
            );
        }
        let (count, seconds) = self.old_transactions;
        if count > 0 {
            warnings.push(format!(
                "PostgreSQL has transactions that are open for more than a minute ({count}, the oldest for \
                 {seconds} s): they make writes slower; SELECT pid, query FROM pg_stat_activity ORDER BY \
                 xact_start shows them, pg_terminate_backend(pid) ends one"
            ));
        }
        let difference = self.clock_difference_ms;
        if difference.unsigned_abs() > CLOCK_DIFFERENCE_MS {
            let direction = if difference > 0 { "ahead of" } else { "behind" };
            warnings.push(format!(
                "PostgreSQL's clock is {} s {direction} this machine's: times in conversations will be wrong; \
                 run NTP on both",
                difference.unsigned_abs() / 1_000
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> PostgresReport {
        PostgresReport {
            url: "postgres://shoptalk@db/shop".into(),
            version: "15.18".into(),
            database: "shop".into(),
            isolation: "read committed".into(),
            fsync: "on".into(),
            synchronous_commit: "on".into(),
            has_synchronous_standby: true,
            has_tls: true,
            is_local: false,
            has_password: true,
            schema: Some(1),
            old_transactions: (0, 0),
            clock_difference_ms: -900,
        }
    }

    /// One that takes connections and never replies, like a paused process.
    #[tokio::test]
    async fn a_database_that_does_not_respond_is_an_error() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let silent = silent.expect("a port");
        let address = silent.local_addr().expect("an address");
        let url = format!("postgres://shoptalk:secret@{address}/shop");
        let error = inspect_within(&url, Duration::from_millis(100)).await;
        let error = error.expect_err("it says nothing").to_string();
        assert!(error.contains("did not respond within 100ms"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn each_fault_is_a_warning_that_says_what_to_do() {
        assert_eq!(good().warnings(), Vec::<String>::new());
        type Change = fn(&mut PostgresReport);
        let faults: [(&str, Change); 5] = [
            ("sslmode=require", |it| it.has_tls = false),
            ("scram-sha-256", |it| it.has_password = false),
            ("pg_terminate_backend", |it| it.old_transactions = (2, 130)),
            ("61 s behind", |it| it.clock_difference_ms = -61_500),
            ("120 s ahead", |it| it.clock_difference_ms = 120_000),
        ];
        for (words, change) in faults {
            let mut report = good();
            change(&mut report);
            let warnings = report.warnings();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(words), "{warnings:?}");
        }
        let mut local = good();
        (local.is_local, local.has_tls, local.has_password) = (true, false, false);
        assert_eq!(local.warnings(), Vec::<String>::new());
    }

    #[test]
    fn it_says_in_words_what_it_is() {
        let text = good().lines().join("\n");
        for words in [
            "PostgreSQL 15.18: the database shop at postgres://shoptalk@db/shop.",
            "read committed; fsync is on and synchronous_commit is on",
            "on a synchronous standby",
            "uses TLS",
            "schema is version 1",
        ] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }
}
