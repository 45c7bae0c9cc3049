use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{Notify, watch};

use crate::persistence::sqlite::damage::Damage;
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::writer::copy::CopyRequest;
use crate::persistence::sqlite::writer::job::Work;
use crate::persistence::sqlite::writer::queue::Queue;
use crate::persistence::sqlite::writer::rewrite::MaintenanceRequest;
use crate::persistence::{CopyError, Head, RewriteError, StoreMetrics};

/// Whether the writer's thread runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriterStatus {
    /// It takes writes.
    Running,
    /// The store was closed and the thread has ended.
    Closed,
    /// The thread has ended without being asked to.
    Died,
}

/// What passes between the writer's thread and the handles of the store: writes in one direction,
/// the state after each commit in the other.
pub(crate) struct WriterChannel {
    /// Writes that wait for their batch.
    pub(crate) queue: Queue<Box<dyn Work>>,
    /// What the last commit left behind.
    pub(crate) head: watch::Sender<Head>,
    /// Whether the thread runs.
    pub(crate) status: watch::Sender<WriterStatus>,
    /// Shared with the readers.
    pub(crate) damage: Arc<Damage>,
    /// Notified when a change of a visitor is still to be applied to some of their rooms.
    pub(crate) visitor_changes_pending: Notify,
    /// Notified when an erasure was decided.
    pub(crate) erasures_pending: Notify,
    /// A copy of the database that the writer is to make.
    copy: Mutex<Option<CopyRequest>>,
    /// The file is to be rewritten, or its log to be emptied.
    maintenance: Mutex<Option<MaintenanceRequest>>,
    /// Milliseconds by which new rows are dated back.
    pub(crate) clock_back_ms: AtomicI64,
    /// The metrics, once they are set.
    pub(crate) metrics: OnceLock<StoreMetrics>,
    /// Failures that tests ask for.
    #[cfg(test)]
    pub(crate) hooks: super::hooks::WriterHooks,
}

impl WriterChannel {
    /// A channel to a writer that is about to run on a database in this state.
    pub(crate) fn new(queue_items: usize, state: &State, damage: Arc<Damage>) -> Self {
        Self {
            queue: Queue::new(queue_items),
            head: watch::Sender::new(state.head()),
            status: watch::Sender::new(WriterStatus::Running),
            damage,
            visitor_changes_pending: Notify::new(),
            erasures_pending: Notify::new(),
            copy: Mutex::default(),
            maintenance: Mutex::default(),
            clock_back_ms: AtomicI64::new(0),
            metrics: OnceLock::new(),
            #[cfg(test)]
            hooks: super::hooks::WriterHooks::default(),
        }
    }

    /// Leaves a copy to be made with the next batch. `Busy` while another one waits.
    pub(crate) fn request_copy(&self, request: CopyRequest) -> Result<(), CopyError> {
        let mut copy = self.copy();
        if copy.is_some() {
            return Err(CopyError::Busy);
        }
        *copy = Some(request);
        Ok(())
    }

    pub(crate) fn take_copy_request(&self) -> Option<CopyRequest> {
        self.copy().take()
    }

    /// Leaves maintenance to be done after the next batch. `Busy` while another one waits.
    pub(crate) fn request_maintenance(
        &self,
        request: MaintenanceRequest,
    ) -> Result<(), RewriteError> {
        let mut waiting = self.maintenance();
        if waiting.is_some() {
            return Err(RewriteError::Busy);
        }
        *waiting = Some(request);
        Ok(())
    }

    pub(crate) fn take_maintenance_request(&self) -> Option<MaintenanceRequest> {
        self.maintenance().take()
    }

    fn maintenance(&self) -> MutexGuard<'_, Option<MaintenanceRequest>> {
        self.maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn copy(&self) -> MutexGuard<'_, Option<CopyRequest>> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
