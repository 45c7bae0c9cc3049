//! What the promise needs of a PostgreSQL server, checked at every start.

use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::TxError;

/// The oldest version that is tested.
const VERSION_MIN: i32 = 140_000;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) version: String,
    pub(crate) version_number: i32,
    pub(crate) fsync: String,
    pub(crate) full_page_writes: String,
    pub(crate) synchronous_commit: String,
    pub(crate) isolation: String,
    pub(crate) is_replica: bool,
    pub(crate) encoding: String,
}

impl Found {
    pub(crate) async fn read(db: &Session) -> Result<Self, TxError> {
        let row = db
            .query_one(
                "SELECT current_setting('server_version'),
                        current_setting('server_version_num')::integer,
                        current_setting('fsync'), current_setting('full_page_writes'),
                        current_setting('synchronous_commit'),
                        current_setting('transaction_isolation'), pg_is_in_recovery(),
                        current_setting('server_encoding')",
                &[],
            )
            .await?;
        Ok(Self {
            version: row.try_get(0)?,
            version_number: row.try_get(1)?,
            fsync: row.try_get(2)?,
            full_page_writes: row.try_get(3)?,
            synchronous_commit: row.try_get(4)?,
            isolation: row.try_get(5)?,
            is_replica: row.try_get(6)?,
            encoding: row.try_get(7)?,
        })
    }

    /// Why this server cannot be used, and what to do.
    pub(crate) fn refusal(&self) -> Option<String> {
        if self.version_number < VERSION_MIN {
            return Some(format!(
                "PostgreSQL {} is too old: requires 14 or newer",
                self.version
            ));
        }
        if self.is_replica {
            return Some(
                "it is a replica; name the primary in storage.url, or all hosts with commas between \
                 them"
                    .into(),
            );
        }
        if self.fsync != "on" {
            return Some(
                "its fsync is off, so a power failure would lose messages that were acknowledged; \
                 set fsync = on in postgresql.conf"
                    .into(),
            );
        }
        if self.synchronous_commit == "off" {
            return Some(
                "its synchronous_commit is off, so messages that were acknowledged would be lost in \
                 a crash; set it to on (ALTER DATABASE … SET synchronous_commit = on)"
                    .into(),
            );
        }
        if self.isolation != "read committed" {
            return Some(format!(
                "transactions run at {}, which a pooler between has set; connect without it or \
                 remove that setting: batches are made for read committed",
                self.isolation
            ));
        }
        if self.encoding != "UTF8" {
            return Some(format!(
                "its encoding is {}, which cannot hold every message; make the database with \
                 ENCODING 'UTF8'",
                self.encoding
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found {
            version: "15.18".into(),
            version_number: 150_018,
            fsync: "on".into(),
            full_page_writes: "on".into(),
            synchronous_commit: "on".into(),
            isolation: "read committed".into(),
            is_replica: false,
            encoding: "UTF8".into(),
        }
    }

    #[test]
    fn a_server_that_may_lose_messages_is_refused_with_what_to_do() {
        assert_eq!(found().refusal(), None);
        type Change = fn(&mut Found);
        let wrong: [(&str, Change); 6] = [
            ("14 or newer", |found| found.version_number = 130_000),
            ("fsync = on", |found| found.fsync = "off".into()),
            ("synchronous_commit = on", |found| {
                found.synchronous_commit = "off".into();
            }),
            ("pooler", |found| found.isolation = "serializable".into()),
            ("primary", |found| found.is_replica = true),
            ("ENCODING", |found| found.encoding = "SQL_ASCII".into()),
        ];
        for (words, change) in wrong {
            let mut found = found();
            change(&mut found);
            let refusal = found.refusal().expect("it is refused");
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
