//! What `check` and `doctor` say of the database in PostgreSQL and of the bus.

use shoptalk::bus::nats_report;
use shoptalk::config::Config;
use shoptalk::persistence::inspect_postgres;

/// A service as it was found.
pub(super) struct Service {
    /// What it is like, a sentence to a line, or why it cannot be used.
    pub(super) found: Result<Vec<String>, String>,
    /// What is probably not intended, and what to do.
    pub(super) warnings: Vec<String>,
}

impl Service {
    fn cannot_be_used(why: String) -> Self {
        Self {
            found: Err(why),
            warnings: Vec::new(),
        }
    }

    /// The database, if there is one in PostgreSQL.
    pub(super) async fn database(config: &Config) -> Option<Self> {
        let url = config.storage.url.as_ref()?;
        Some(match inspect_postgres(url).await {
            Ok(report) => Self {
                found: Ok(report.lines()),
                warnings: report.warnings(),
            },
            Err(error) => Self::cannot_be_used(error.to_string()),
        })
    }

    /// The bus, if nodes have one.
    pub(super) async fn bus(config: &Config) -> Option<Self> {
        let url = config.cluster.nats_url.as_ref()?;
        Some(match nats_report::look(url).await {
            Ok(report) => Self {
                found: Ok(vec![report.line()]),
                warnings: report.warnings(),
            },
            Err(error) => Self::cannot_be_used(format!(
                "{error}; until it is there, nodes find each other's changes by polling"
            )),
        })
    }
}
