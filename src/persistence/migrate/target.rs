use std::pin::pin;

use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::MigrateError;
use super::source::{Rows, Source};
use super::tables::Table;
use crate::persistence::postgres::connect::{Connector, without_password};
use crate::persistence::postgres::requirements::Found;
use crate::persistence::postgres::schema;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::{TxError, reason};

/// Limits that are right for a chat and not for a copy; and nobody may look into the tables before
/// they are full.
const BEGIN: &str = "BEGIN;
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SELECT version FROM schema_version FOR UPDATE;
    SELECT epoch FROM state FOR UPDATE";

/// Whether somebody uses the database: it has accounts, or a server runs on it.
const IN_USE: &str = "SELECT EXISTS (SELECT 1 FROM visitors) OR EXISTS (SELECT 1 FROM agents)
    OR EXISTS (SELECT 1 FROM erasures) OR EXISTS (SELECT 1 FROM slots WHERE lease > now())";

/// SQLite's numbers become those of slot 0, which a server takes when it starts.
const SLOT: &str = "INSERT INTO slots (slot, owner, fence, lease, change, commits, waiting, active,
        closed)
    VALUES (0, 'moved from SQLite', 1, now(), $1, $2, $3, $4, $5)
    ON CONFLICT (slot) DO UPDATE SET owner = excluded.owner, fence = slots.fence + 1,
        lease = excluded.lease, change = excluded.change, commits = excluded.commits,
        waiting = excluded.waiting, active = excluded.active, closed = excluded.closed";

/// The PostgreSQL database.
pub(super) struct Target {
    session: Session,
    url: String,
}

impl Target {
    /// Connects, checks the server, and makes the tables if they are missing.
    pub(super) async fn open(url: &str) -> Result<Self, MigrateError> {
        let name = without_password(url);
        let failed = |cause: String| MigrateError::Target {
            url: name.clone(),
            cause,
        };
        let connector = Connector::new(url).map_err(failed)?;
        let session = connector.connect().await;
        let session = session.map_err(|error| failed(error.to_string()))?;
        let found = Found::read(&session).await;
        let found = found.map_err(|error| failed(error.message()))?;
        if let Some(refusal) = found.refusal() {
            return Err(failed(refusal));
        }
        let migrated = schema::migrate(&session).await;
        migrated.map_err(|error| failed(error.to_string()))?;
        Ok(Self { session, url: name })
    }

    fn failed(&self, error: TxError) -> MigrateError {
        MigrateError::Target {
            url: self.url.clone(),
            cause: error.message(),
        }
    }

    fn failed_with(&self, error: &tokio_postgres::Error) -> MigrateError {
        MigrateError::Target {
            url: self.url.clone(),
            cause: reason(error),
        }
    }

    /// Begins the one transaction of the copy, in a database that nobody uses. Returns whether an
    /// earlier run has committed everything: nothing else gives it the source's epoch.
    pub(super) async fn begin(&self, source: &Source) -> Result<bool, MigrateError> {
        // With the locks, so that an earlier run whose connection is lost has ended.
        let begun = self.session.run(BEGIN).await;
        begun.map_err(|error| self.failed(error))?;
        let epoch = schema::epoch(&self.session).await;
        if epoch.map_err(|error| self.failed(error))? == source.epoch {
            return Ok(true);
        }
        let in_use = self.session.client().query_one(IN_USE, &[]).await;
        let in_use = in_use.and_then(|row| row.try_get(0));
        match in_use.map_err(|error| self.failed_with(&error))? {
            true => Err(MigrateError::InUse {
                url: self.url.clone(),
            }),
            false => Ok(false),
        }
    }

    /// Takes the rows of a table. Calls `copied` with how many it has taken.
    pub(super) async fn copy(
        &self,
        table: &Table,
        mut rows: mpsc::Receiver<Rows>,
        copied: &mut impl FnMut(u64),
    ) -> Result<(), MigrateError> {
        let failed = |error: tokio_postgres::Error| self.failed_with(&error);
        let client = self.session.client();
        let sink = client.copy_in(&table.copy()).await.map_err(failed)?;
        let types: Vec<Type> = table
            .columns
            .iter()
            .map(|(_, kind)| kind.postgres())
            .collect();
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        while let Some(rows) = rows.recv().await {
            for row in &rows {
                let cells: Vec<&(dyn ToSql + Sync)> =
                    row.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
                writer.as_mut().write(&cells).await.map_err(failed)?;
            }
            copied(rows.len() as u64);
        }
        writer.finish().await.map_err(failed)?;
        Ok(())
    }

    /// Compares what a table adds up to in both databases.
    pub(super) async fn compare(&self, source: &Source, table: &Table) -> Result<(), MigrateError> {
        let (there, here) = table.sums();
        let expected = source.numbers(&there)?;
        let row = self.session.client().query_one(&here, &[]).await;
        let row = row.map_err(|error| self.failed_with(&error))?;
        let mut found = Vec::new();
        for column in 0..row.len() {
            let number = row.try_get::<_, Option<i64>>(column);
            found.push(
                number
                    .map_err(|error| self.failed_with(&error))?
                    .unwrap_or(0),
            );
        }
        match found == expected {
            true => Ok(()),
            false => Err(MigrateError::Differs { table: table.name }),
        }
    }

    /// Writes the numbers that go on: epoch, slot, sequences.
    pub(super) async fn write_numbers(&self, source: &Source) -> Result<(), MigrateError> {
        let write = async {
            let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            let state = &source.state;
            let client = self.session.client();
            client
                .execute(
                    "UPDATE state SET epoch = $1, auth_no = $2",
                    &[&source.epoch, &number(state.auth_version)],
                )
                .await?;
            client
                .execute(
                    SLOT,
                    &[
                        &number(state.last_change),
                        &number(state.commits()),
                        &number(state.counts.waiting),
                        &number(state.counts.active),
                        &number(state.counts.closed),
                    ],
                )
                .await?;
            for (sequence, last) in [
                ("message_n", number(state.last_n)),
                ("rooms_pk_seq", source.last_room),
                ("audit_pk_seq", source.last_audit),
            ] {
                // A sequence begins with 1; the next number is the one after `last`.
                client
                    .execute(
                        "SELECT setval($1::text::regclass, $2::bigint + 1, FALSE)",
                        &[&sequence, &last],
                    )
                    .await?;
            }
            Ok(())
        };
        write.await.map_err(|error| self.failed_with(&error))
    }

    pub(super) async fn commit(&self) -> Result<(), MigrateError> {
        let committed = self.session.run("COMMIT").await;
        committed.map_err(|error| self.failed(error))?;
        // Without it the first queries would be planned for empty tables.
        if let Err(error) = self.session.run("SET statement_timeout = 0; ANALYZE").await {
            tracing::debug!(?error, "the tables could not be analysed");
        }
        Ok(())
    }
}
