use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::persistence::postgres::tx_error::TxError;

/// The parameters of a statement.
pub(crate) type Params<'p> = [&'p (dyn ToSql + Sync)];

/// One connection to PostgreSQL and the statements that it has prepared.
///
/// Statements of futures that are polled together are pipelined: sent one behind the other without
/// waiting, and run in that order.
pub(crate) struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl Session {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            statements: Mutex::default(),
        }
    }

    /// Whether the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The client, for statements that are not worth preparing.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A prepared statement; it waits for PostgreSQL when it is used for the first time.
    pub(crate) async fn prepare(&self, sql: &'static str) -> Result<Statement, TxError> {
        let known = self.lock().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.lock().insert(sql, statement.clone());
        Ok(statement)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Statement>> {
        // Inserting an entry cannot leave it half-changed.
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// All rows of a query.
    pub(crate) async fn query(
        &self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<Vec<Row>, TxError> {
        let statement = self.prepare(sql).await?;
        Ok(self.client.query(&statement, params).await?)
    }

    /// The row of a query that finds one or none.
    pub(crate) async fn query_opt(
        &self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<Option<Row>, TxError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// The row of a query that always finds one.
    pub(crate) async fn query_one(
        &self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<Row, TxError> {
        self.query_opt(sql, params)
            .await?
            .ok_or_else(|| TxError::unreadable(format!("no row for: {sql}")))
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<u64, TxError> {
        let statement = self.prepare(sql).await?;
        Ok(self.client.execute(&statement, params).await?)
    }

    /// Runs statements without parameters, such as BEGIN.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), TxError> {
        Ok(self.client.batch_execute(sql).await?)
    }
}
