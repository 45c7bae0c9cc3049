//! Failures that tests inject.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::{Connection, ffi};

/// What tests have switched on.
#[derive(Default)]
pub(crate) struct WriterHooks {
    fail_commit: AtomicBool,
    misreport_commit: AtomicBool,
    roll_back_commit: AtomicBool,
    pause_index: AtomicBool,
    kill_writer: AtomicBool,
    commits: AtomicU64,
}

impl WriterHooks {
    /// The next COMMIT fails before it begins.
    pub(crate) fn fail_next_commit(&self) {
        self.fail_commit.store(true, Ordering::SeqCst);
    }

    /// The next COMMIT succeeds, but reports an error.
    pub(crate) fn misreport_next_commit(&self) {
        self.misreport_commit.store(true, Ordering::SeqCst);
    }

    /// The next COMMIT rolls back and reports an error.
    pub(crate) fn roll_back_next_commit(&self) {
        self.roll_back_commit.store(true, Ordering::SeqCst);
    }

    /// The index stays as it is until it is flushed.
    pub(crate) fn pause_index(&self) {
        self.pause_index.store(true, Ordering::SeqCst);
    }

    pub(crate) fn index_paused(&self) -> bool {
        self.pause_index.load(Ordering::SeqCst)
    }

    /// The writer's thread panics at its next batch, outside of any item.
    pub(crate) fn kill_writer(&self) {
        self.kill_writer.store(true, Ordering::SeqCst);
    }

    /// How many batches were tried.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// The error that the writer gets instead of its COMMIT, if a test has injected one.
    pub(crate) fn commit_error(&self, conn: &Connection) -> Option<rusqlite::Error> {
        assert!(
            !self.kill_writer.load(Ordering::SeqCst),
            "injected by a test"
        );
        self.commits.fetch_add(1, Ordering::SeqCst);
        let misreported = self.misreport_commit.swap(false, Ordering::SeqCst);
        if misreported {
            conn.execute_batch("COMMIT").expect("the commit happens");
        }
        let rolled_back = self.roll_back_commit.swap(false, Ordering::SeqCst) && !misreported;
        if rolled_back {
            conn.execute_batch("ROLLBACK").expect("it is rolled back");
        }
        (misreported || rolled_back || self.fail_commit.swap(false, Ordering::SeqCst)).then(|| {
            rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_IOERR),
                Some("injected by a test".into()),
            )
        })
    }
}
