//! The file that says that a data directory's database has moved to PostgreSQL, or is moving: from
//! then on nobody opens the one that is here, so that nothing is written where nobody looks.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::persistence::OpenError;

/// The file's name in the data directory.
pub(crate) const MOVED_FILE: &str = "shoptalk.moved";

/// Where a database goes, or has gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    /// The URL, without a password.
    pub(crate) to: String,
    /// Whether everything is there.
    pub(crate) finished: bool,
}

impl Moved {
    /// What a data directory says.
    pub(crate) fn read(directory: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(directory.join(MOVED_FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it whole, and makes it durable.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let unfinished = directory.join(format!("{MOVED_FILE}.new"));
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, directory.join(MOVED_FILE))?;
        File::open(directory)?.sync_all()
    }

    /// Refuses a directory whose database has moved, or is moving.
    pub(crate) fn check(directory: &Path) -> Result<(), OpenError> {
        let path = directory.join(MOVED_FILE);
        match Self::read(directory) {
            Ok(None) => Ok(()),
            Ok(Some(Self { to, finished: true })) => Err(OpenError::Moved { to, path }),
            Ok(Some(Self {
                to,
                finished: false,
            })) => Err(OpenError::Moving { to, path }),
            Err(cause) => Err(OpenError::Io { path, cause }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::Store;
    use crate::persistence::testing::*;

    #[tokio::test]
    async fn a_database_that_has_moved_is_not_opened_and_the_error_says_where_it_is() {
        let store = TestStore::in_sqlite();
        let directory = &store.directory;
        store.close().await;
        for (finished, words) in [(false, "migrate --to"), (true, "storage.url")] {
            let to = "postgres://db/shop".to_owned();
            let moved = Moved { to, finished };
            moved.write(directory.path()).expect("written");
            assert_eq!(Moved::read(directory.path()).expect("read"), Some(moved));
            for exclusive in [true, false] {
                let mut options = options(directory);
                options.exclusive = exclusive;
                let refused = Store::open(options).expect_err("it is refused").to_string();
                assert!(refused.contains("postgres://db/shop"), "{refused}");
                assert!(refused.contains(words), "{refused}");
            }
        }
    }
}
