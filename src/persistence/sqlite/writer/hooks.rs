//! Failures on demand, for tests alone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::{Connection, ffi};

/// What tests may switch.
#[derive(Default)]
pub(crate) struct WriterHooks {
    fail_commit: AtomicBool,
    blur_commit: AtomicBool,
    lose_commit: AtomicBool,
    pause_index: AtomicBool,
    kill_writer: AtomicBool,
    commits: AtomicU64,
}

impl WriterHooks {
    /// The next COMMIT fails before it begins.
    pub(crate) fn fail_next_commit(&self) {
        self.fail_commit.store(true, Ordering::SeqCst);
    }

    /// The next COMMIT happens, but reports an error.
    pub(crate) fn blur_next_commit(&self) {
        self.blur_commit.store(true, Ordering::SeqCst);
    }

    /// The next COMMIT rolls back and reports an error.
    pub(crate) fn lose_next_commit(&self) {
        self.lose_commit.store(true, Ordering::SeqCst);
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

    /// The error that the writer is to see instead of its COMMIT.
    pub(crate) fn commit_error(&self, conn: &Connection) -> Option<rusqlite::Error> {
        assert!(!self.kill_writer.load(Ordering::SeqCst), "a test says so");
        self.commits.fetch_add(1, Ordering::SeqCst);
        let blurred = self.blur_commit.swap(false, Ordering::SeqCst);
        if blurred {
            conn.execute_batch("COMMIT").expect("the commit happens");
        }
        let lost = self.lose_commit.swap(false, Ordering::SeqCst) && !blurred;
        if lost {
            conn.execute_batch("ROLLBACK").expect("it is rolled back");
        }
        (blurred || lost || self.fail_commit.swap(false, Ordering::SeqCst)).then(|| {
            rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_IOERR),
                Some("a test says so".into()),
            )
        })
    }
}
