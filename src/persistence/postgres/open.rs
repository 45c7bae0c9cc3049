use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::persistence::postgres::codes::uint;
use crate::persistence::postgres::connect::{Connector, without_password};
use crate::persistence::postgres::lane::Lane;
use crate::persistence::postgres::marks::{MarksFile, SeenCommits};
use crate::persistence::postgres::poll;
use crate::persistence::postgres::requirements::Found;
use crate::persistence::postgres::schema;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::shared::{LaneStatus, Shared};
use crate::persistence::postgres::slot;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::text_index;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{OpenError, StoreOptions};

impl PostgresStore {
    /// Connects, checks the server, migrates the schema, and starts the lane and the poll.
    ///
    /// Blocking: it runs on a thread of a runtime's `spawn_blocking`.
    pub(crate) fn open(url: &str, options: &StoreOptions) -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(Self::open_async(url, options))
    }

    async fn open_async(url: &str, options: &StoreOptions) -> Result<Self, OpenError> {
        let failed = |cause: String| OpenError::Postgres {
            url: without_password(url),
            cause,
        };
        let connector = Connector::new(url).map_err(failed)?;
        let session = connector
            .connect()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let found = Found::read(&session)
            .await
            .map_err(|error| failed(error.message()))?;
        if let Some(refusal) = found.refusal() {
            return Err(failed(refusal));
        }
        let mut epoch = schema::migrate(&session)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let marks = options
            .exclusive
            .then(|| MarksFile::open(&options.data_dir))
            .transpose()?;
        if let Some(marks) = &marks {
            epoch = notice_older_copy(&session, epoch, marks)
                .await
                .map_err(|error| failed(error.message()))?;
        }
        let shared = Arc::new(Shared::new(connector, epoch, options));
        poll::see(&shared, &session)
            .await
            .map_err(|error| failed(error.message()))?;
        let (queue, queued) = mpsc::channel(options.queue_items.max(1));
        let (status, lane) = watch::channel(LaneStatus::Running);
        let task = tokio::spawn(Lane::new(Arc::clone(&shared), queued).run());
        let closing = shared.closing.clone();
        tokio::spawn(async move {
            let ended = match task.await {
                Ok(status) => status,
                Err(_) => LaneStatus::Died,
            };
            closing.cancel();
            status.send_replace(ended);
        });
        tokio::spawn(poll::run(Arc::clone(&shared), marks));
        tokio::spawn(text_index::run(Arc::clone(&shared)));
        Ok(Self::new(shared, queue, lane))
    }
}

/// Begins a new epoch in a database that has forgotten what this node has seen of it. Returns the
/// epoch.
async fn notice_older_copy(
    session: &Session,
    epoch: String,
    marks: &MarksFile,
) -> Result<String, TxError> {
    let rows = session
        .query("SELECT slot, commits FROM slots", &[])
        .await?;
    let mut commits = Vec::with_capacity(rows.len());
    for row in &rows {
        let slot: i16 = row.try_get(0)?;
        if let Ok(slot) = usize::try_from(slot) {
            commits.push((slot, uint(row, 1)?));
        }
    }
    if !marks
        .seen()
        .are_missing_in(&SeenCommits::new(&epoch, commits))
    {
        return Ok(epoch);
    }
    tracing::warn!(
        "the database is an older copy of itself: a new epoch begins, and clients read what it has"
    );
    slot::begin_epoch(session, &epoch).await?;
    schema::epoch(session).await
}
