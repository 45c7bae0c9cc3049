//! What nodes count and remember together while people sign in.

use std::time::Duration;

use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::{SignInBudget, StoreError, TokenHash};

/// Takes one from a budget. No row: there is none left.
const TAKE: &str = "INSERT INTO login_budget AS b (key, tat)
    VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2)
    ON CONFLICT (key) DO UPDATE SET
        tat = greatest(b.tat, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) + $2
    WHERE b.tat - (extract(epoch FROM clock_timestamp()) * 1000)::bigint <= $3
    RETURNING b.tat";

/// How long a budget that is used up has to wait for the next one.
const WAIT: &str = "SELECT tat - $2 - (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM login_budget WHERE key = $1";

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl PostgresStore {
    pub(crate) async fn take_sign_in(
        &self,
        budget: &SignInBudget,
    ) -> Result<Option<Duration>, StoreError> {
        let interval = millis(budget.window / budget.count.max(1));
        let tolerance = millis(budget.window) - interval;
        let taken = self
            .single_statement(TAKE, &[&budget.key, &interval, &tolerance])
            .await?;
        if taken.is_some() {
            return Ok(None);
        }
        self.read(async |db| {
            let wait = db.query_opt(WAIT, &[&budget.key, &tolerance]).await?;
            let ms: i64 = match wait {
                Some(row) => row.try_get(0)?,
                None => 0,
            };
            Ok(Some(Duration::from_millis(ms.max(1).cast_unsigned())))
        })
        .await
    }

    /// Forgets budgets that are whole again, and links that have expired.
    pub(crate) async fn sweep_sign_ins(&self) -> Result<(), StoreError> {
        self.single_statement(
            "DELETE FROM login_budget
             WHERE tat < (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            &[],
        )
        .await?;
        self.single_statement("DELETE FROM setup_codes WHERE until < now()", &[])
            .await?;
        Ok(())
    }

    pub(crate) async fn remember_setup_code(
        &self,
        code: TokenHash,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        self.single_statement(
            "INSERT INTO setup_codes (hash, until)
             VALUES ($1, now() + $2 * interval '1 millisecond')",
            &[&&code.0[..], &(lifetime.as_millis() as f64)],
        )
        .await?;
        Ok(())
    }

    pub(crate) async fn is_setup_code(&self, code: TokenHash) -> Result<bool, StoreError> {
        self.read(async |db| {
            let found = db
                .query_opt(
                    "SELECT 1 FROM setup_codes WHERE hash = $1 AND until > now()",
                    &[&&code.0[..]],
                )
                .await?;
            Ok(found.is_some())
        })
        .await
    }
}
