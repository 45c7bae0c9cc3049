//! Orders to the preloaded library (faults.c), and its journal.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Calls that fail, as the library counts them.
pub(crate) const WRITES: i64 = 1;
pub(crate) const SYNCS: i64 = 2;
pub(crate) const TRUNCATES: i64 = 4;
/// Calls fail until the order is withdrawn.
pub(crate) const FOREVER: i64 = i64::MAX;
/// "No space left on device".
pub(crate) const ENOSPC: i64 = 28;
/// "Input/output error".
pub(crate) const EIO: i64 = 5;
/// The process is killed in the middle of the call.
pub(crate) const KILLED: i64 = 0;

/// The call never comes back, nor does any other one that writes.
pub(crate) const HANGS: i64 = -1;

/// Where each of the library's words stands.
const COUNTDOWN: u64 = 0;
const KINDS: u64 = 8;
const ERROR: u64 = 16;
const REPEAT: u64 = 24;
const TORN: u64 = 32;
const FIRED: u64 = 40;
const CALLS: u64 = 48;
const CLOCK: u64 = 56;

/// Faults for one server.
pub(crate) struct Faults {
    dir: tempfile::TempDir,
    orders: File,
    journaled: bool,
}

/// An order: which calls fail, and how.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    /// The first call that fails, counted from now: 1 is the next one of these kinds.
    pub(crate) nth: u64,
    pub(crate) kinds: i64,
    /// An errno, [`KILLED`] or [`HANGS`].
    pub(crate) error: i64,
    /// How many calls fail from there on.
    pub(crate) repeat: i64,
    /// Whether half of the bytes are written before a write fails.
    pub(crate) torn: bool,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self::made(false)
    }

    /// Also records each change of the database's files.
    pub(crate) fn with_journal() -> Self {
        Self::made(true)
    }

    fn made(journaled: bool) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let orders = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(dir.path().join("orders"))
            .expect("a file");
        orders.set_len(64).expect("eight words");
        Self {
            dir,
            orders,
            journaled,
        }
    }

    /// What the server needs in its environment.
    pub(crate) fn environment(&self, data_dir: &Path) -> Vec<(&'static str, PathBuf)> {
        // Before what is preloaded already (scripts/stress.sh), which it calls.
        let mut preloads = library().as_os_str().to_owned();
        if let Some(others) = std::env::var_os("LD_PRELOAD") {
            preloads.push(":");
            preloads.push(others);
        }
        let preloads = PathBuf::from(preloads);
        let mut environment = vec![
            ("LD_PRELOAD", preloads),
            ("TRIALS_DIR", data_dir.to_owned()),
            ("TRIALS_ORDERS", self.dir.path().join("orders")),
        ];
        if self.journaled {
            environment.push(("TRIALS_JOURNAL", self.journal()));
        }
        environment
    }

    /// The file of recorded changes.
    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// The length of the journal. Read right after an ack was received, it covers what the ack
    /// depends on.
    pub(crate) fn journal_bytes(&self) -> u64 {
        std::fs::metadata(self.journal()).map_or(0, |journal| journal.len())
    }

    /// Has calls fail.
    pub(crate) fn order(&self, order: Order) {
        self.put(COUNTDOWN, 0);
        self.put(KINDS, order.kinds);
        self.put(ERROR, order.error);
        self.put(REPEAT, order.repeat);
        self.put(TORN, i64::from(order.torn));
        // Written last, since the library acts on it.
        self.put(COUNTDOWN, i64::try_from(order.nth).expect("a small number"));
    }

    /// Lets all calls succeed again.
    pub(crate) fn withdraw(&self) {
        self.put(COUNTDOWN, 0);
    }

    /// How many calls have failed.
    pub(crate) fn fired(&self) -> i64 {
        self.get(FIRED)
    }

    /// How many calls could have failed.
    pub(crate) fn calls(&self) -> i64 {
        self.get(CALLS)
    }

    /// Sets by how much the server's wall clock is wrong.
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.put(CLOCK, seconds * 1_000_000_000);
    }

    fn put(&self, at: u64, word: i64) {
        self.orders
            .write_all_at(&word.to_ne_bytes(), at)
            .expect("the orders can be written");
    }

    fn get(&self, at: u64) -> i64 {
        let mut word = [0; 8];
        self.orders
            .read_exact_at(&mut word, at)
            .expect("the orders can be read");
        i64::from_ne_bytes(word)
    }
}

/// The library, built when first asked for, with the C compiler that builds SQLite.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("faults.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trials/faults.c");
        let built = Command::new("cc")
            .args([
                "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
            ])
            .arg(&path)
            .args([source, "-ldl"])
            .status()
            .expect("cc is there, as SQLite is built with it");
        assert!(built.success(), "faults.c does not compile");
        (dir, path)
    });
    path
}
