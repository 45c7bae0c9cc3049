use std::path::PathBuf;

use crate::persistence::{ForeignFileError, OpenError, StagingError, StoreError, WriteError};

/// Why an import failed. Rooms that were committed stay; the same command imports the others.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Source {
        /// Which file.
        path: PathBuf,
        /// Why, and what to do.
        cause: String,
    },
    /// There is no chat in the source.
    #[error("{} has no {wanted}; {}", path.display(), hint(seen))]
    NoChat {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        wanted: String,
        /// Tables or models that may be a chat.
        seen: Vec<String>,
    },
    /// There are rooms in the dump, and no message.
    #[error(
        "{} has the rooms of the app {app} and no message; if the chat has any, the dump was cut off: see how manage.py dumpdata ended, and dump again", path.display()
    )]
    NoMessages {
        /// Which file.
        path: PathBuf,
        /// The app.
        app: String,
    },
    /// There is more than one chat in the source.
    #[error("there are several apps with a chat: {}; choose one with --app", .0.join(", "))]
    SeveralApps(Vec<String>),
    /// A table lacks what the import needs.
    #[error("{table} has no {column}, which the import needs; its columns are {}", found.join(", "))]
    NoColumn {
        /// The table or model.
        table: String,
        /// The missing column.
        column: &'static str,
        /// Those that it has.
        found: Vec<String>,
    },
    /// A room has no UUID to keep.
    #[error(
        "room {0} has a primary key that is no UUID, which its conversation could not keep; give the model a UUIDField as primary key first"
    )]
    RoomKey(String),
    /// The dump has no primary keys.
    #[error("the dump has no primary keys; dump it without --natural-primary")]
    NoKeys,
    /// The texts are encrypted.
    #[error(
        "{0} is encrypted by a Fernet field, which only Django can read; decrypt first: replace the field by a plain one in a migration that \
         copies the values, or dump from a shell in which the field decrypts, then try again"
    )]
    Encrypted(String),
    /// Users cannot be named as the shop's identities name them.
    #[error("{0}")]
    Subs(String),
    /// The source has no users, but they are needed.
    #[error(
        "{0} needs the users, and the source has none; add their app to the dump, for example: manage.py dumpdata auth.user sessions CHAT"
    )]
    NoUsers(&'static str),
    /// The database of Django cannot be read.
    #[error(transparent)]
    Foreign(#[from] ForeignFileError),
    /// The scratch file cannot be used.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// Shoptalk's own database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A room could not be committed.
    #[error("{0}; what was imported until then stays: run the import again to continue")]
    Write(#[from] WriteError),
    /// Shoptalk's own database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data directory cannot be made.
    #[error("cannot use {}: {cause}", path.display())]
    Directory {
        /// Which directory.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A bug in the import.
    #[error("the import stopped: {0}")]
    Stopped(String),
}

fn hint(seen: &[String]) -> String {
    if seen.is_empty() {
        "name its app with --app, or give the database or dump that has the chat".to_owned()
    } else {
        format!(
            "what looks like it: {}; name the app with --app",
            seen.join(", ")
        )
    }
}
