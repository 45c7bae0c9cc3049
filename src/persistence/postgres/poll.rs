//! Looks at what other lanes have committed: the truth that every notice only hastens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::persistence::NodeView;
use crate::persistence::postgres::codes::uint;
use crate::persistence::postgres::heads::{SlotView, Versions};
use crate::persistence::postgres::marks::{MarksFile, SeenCommits};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::shared::Shared;
use crate::persistence::postgres::slot;
use crate::persistence::postgres::tx_error::TxError;

/// How often what was seen is written down.
const MARK_INTERVAL: Duration = Duration::from_secs(1);

/// Polls until the store is closed.
///
/// `marks` is the file that remembers what was seen; tools beside a node have none.
pub(crate) async fn run(shared: Arc<Shared>, mut marks: Option<MarksFile>) {
    let mut session = None;
    let mut failing = false;
    let mut marked_at = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(shared.poll_interval()) => {}
            () = shared.poll_now.notified() => {}
            () = shared.closing.cancelled() => return,
        }
        match poll(&shared, &mut session).await {
            Ok(()) => {
                failing = false;
                if let Some(marks) = marks
                    .as_mut()
                    .filter(|_| marked_at.elapsed() >= MARK_INTERVAL)
                {
                    marked_at = Instant::now();
                    mark(&shared, marks);
                }
            }
            Err(error) => {
                session = None;
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot see what other nodes have committed; trying again");
                }
            }
        }
    }
}

/// Remembers what was seen. What cannot be written is logged, and nothing waits for it.
fn mark(shared: &Shared, marks: &mut MarksFile) {
    let seen = SeenCommits::new(&shared.epoch, shared.heads.commits());
    if let Err(error) = marks.write(seen) {
        tracing::warn!(%error, "cannot write slots.json in the data directory");
    }
}

async fn poll(
    shared: &Shared,
    session: &mut Option<Session>,
) -> Result<(), crate::persistence::StoreError> {
    let db = match session {
        Some(db) if !db.is_closed() => db,
        other => other.insert(shared.connector.connect().await?),
    };
    see(shared, db)
        .await
        .map_err(crate::persistence::postgres::readers::read_error)
}

/// Reads all slots and what nodes have to know.
pub(crate) async fn see(shared: &Shared, db: &Session) -> Result<(), TxError> {
    // Before the query, which then shows at least that.
    let known = SeenCommits::new(&shared.epoch, shared.heads.commits());
    let began = Instant::now();
    let rows = db
        .query(
            "SELECT slot, change, commits, waiting, active, closed, auth_no, token_no,
                    presence_no, agents, lease > now(), epoch, presence_base
             FROM slots RIGHT JOIN state ON true ORDER BY slot",
            &[],
        )
        .await?;
    let mut slots = Vec::with_capacity(rows.len());
    let mut nodes = Vec::with_capacity(rows.len());
    let mut versions = None;
    for row in &rows {
        if row.try_get::<_, &str>(11)? != shared.epoch {
            shared.end_of_epoch.cancel();
        }
        versions = Some(Versions {
            auth: uint(row, 6)?,
            tokens: uint(row, 7)?,
        });
        if let Some(slot) = row.try_get::<_, Option<i16>>(0)? {
            let slot =
                usize::try_from(slot).map_err(|_| TxError::unreadable("a slot is below 0"))?;
            slots.push((slot, SlotView::read(row, 1)?));
            nodes.push(NodeView {
                slot,
                presence_no: uint(row, 8)?,
                presence_base: uint(row, 12)?,
                has_agents: uint(row, 9)? > 0,
                alive: row.try_get(10)?,
            });
        }
    }
    let commits = slots.iter().map(|(slot, view)| (*slot, view.commits));
    if known.are_missing_in(&SeenCommits::new(&shared.epoch, commits)) {
        slot::begin_epoch(db, &shared.epoch).await?;
        shared.end_of_epoch.cancel();
    }
    shared.note_poll(began);
    shared.heads.saw(slots, versions);
    shared.nodes.send_if_modified(|seen| {
        let changed = *seen != nodes;
        *seen = nodes;
        changed
    });
    Ok(())
}
