use crate::chat::{AssigneeMoved, PastHead};

/// Why the store failed, whatever the operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The queue is full; nothing was tried.
    #[error("too many writes are queued; try again")]
    Busy,
    /// The disk has no space left. Nothing was stored.
    #[error("the disk is full; free some space")]
    Full,
    /// The disk is read-only, failing or locked. Nothing was stored.
    #[error("the storage is unavailable: {0}")]
    Unavailable(String),
    /// The database is damaged. A backup has to be restored.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The store was closed, or its writer died.
    #[error(
        "the storage is closed: the server stops, or its writer has died; try again once it has been started again"
    )]
    Closed,
    /// A bug of this program.
    #[error(
        "internal storage error: {0}; this is a bug of shoptalk: report it with the log around it"
    )]
    Internal(String),
}

/// A rule by which a write is refused. It changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such room, agent or token.
    #[error("it does not exist")]
    NotFound,
    /// The token is unknown or has ended.
    #[error("the token is wrong or has ended")]
    BadToken,
    /// The cursor was not made by this list.
    #[error("the cursor is not one of this list's")]
    BadCursor,
    /// The visitor is blocked.
    #[error("the shop does not take messages from you here")]
    Blocked,
    /// The id was used for another message of the room.
    #[error("this id belongs to another message or note")]
    Conflict,
    /// The room is not closed, or its rating is final.
    #[error(
        "there is nothing to rate: a conversation is rated once it is closed, and a rating can be changed for a day"
    )]
    NothingToRate,
    /// The read mark would pass the newest message.
    #[error(transparent)]
    PastHead(#[from] PastHead),
    /// Another agent was quicker.
    #[error(transparent)]
    AssigneeMoved(#[from] AssigneeMoved),
    /// Another tag has the name.
    #[error("there is a tag with this name; choose another one")]
    TagTaken,
    /// There are as many tags as there may be.
    #[error(
        "there are {} tags already; delete some that nobody uses",
        crate::chat::TAGS_MAX
    )]
    TooManyTags,
    /// The room has newer messages than the suggestion knows of.
    #[error("the conversation has newer messages; read them, and suggest again")]
    StaleSuggestion,
    /// Another agent has the user name.
    #[error("this user name is taken")]
    UsernameTaken,
    /// One of the replies that the agent sees has the shortcut.
    #[error("this shortcut is taken; choose another one")]
    ShortcutTaken,
    /// Shared replies are written by admins.
    #[error("shared replies are written by admins; keep it to yourself, or ask one")]
    SharedReply,
    /// There are as many replies of its kind as there may be.
    #[error(
        "there are {} of these already; delete some that nobody uses",
        crate::chat::REPLIES_MAX
    )]
    TooManyReplies,
    /// There are as many API tokens as there may be.
    #[error(
        "there are {} tokens already; end some that nobody uses",
        crate::chat::API_TOKENS_MAX
    )]
    TooManyTokens,
    /// Nobody could manage the agents any more.
    #[error("the last admin has to stay")]
    LastAdmin,
    /// Somebody else has changed the settings.
    #[error("somebody else has changed the settings; load them again, and repeat the change")]
    SettingsMoved,
    /// There are agents already.
    #[error("there are agents already")]
    SetupNotNeeded,
}

/// Why a write was not committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A rule refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who backs up a database in PostgreSQL.
pub const POSTGRES_BACKUPS: &str = "a PostgreSQL database is backed up by PostgreSQL's own tools: \
    pg_dump makes a copy, which pg_restore restores while no shoptalk runs; pg_basebackup with an \
    archive of the WAL restores any moment";
/// What becomes of the bytes of deleted rows in PostgreSQL.
pub const POSTGRES_BYTES: &str = "PostgreSQL decides when bytes of deleted rows are gone: autovacuum \
    lets them be overwritten, VACUUM FULL removes them at once, and the WAL, its archives and \
    backups keep theirs until they are removed";

/// Why a copy of the database was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// Another copy is being made.
    #[error("another copy of the database is being made; try again when it is done")]
    Busy,
    /// Nobody waited for it any more.
    #[error("the copy was cancelled")]
    Cancelled,
    /// The database is in PostgreSQL.
    #[error("{POSTGRES_BACKUPS}")]
    OfPostgres,
    /// The target cannot be written, or the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the file was not rewritten. It is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// The database is not one file.
    #[error(
        "PostgreSQL overwrites the bytes of what was deleted in its own time; to be sure at once, run VACUUM FULL in the database while no server runs, and delete or overwrite its older dumps and archives"
    )]
    NotOneFile,
    /// Another request of this kind waits.
    #[error("the file is being rewritten already; try again when that is done")]
    Busy,
    /// The disk has no space for a second copy of everything.
    #[error(
        "the disk has {} MiB free, and rewriting the database needs {} MiB: free some space",
        free / 1_048_576,
        needed.div_ceil(1_048_576)
    )]
    NoSpace {
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Somebody reads the write-ahead log, so it cannot be emptied.
    #[error("the write-ahead log is still being read; try again in a minute")]
    LogInUse,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a backup was not made, or a file is not a valid backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("cannot use {path}: {cause}")]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// The file is not a backup.
    #[error(
        "{0} is not a backup that shoptalk made; make one with: shoptalk backup OUT (a plain copy of a database may lack its newest messages, which are in the -wal file)"
    )]
    NoBackup(std::path::PathBuf),
    /// A later version made the backup.
    #[error("{path} was made by shoptalk {version}; use that version or a newer one")]
    Newer {
        /// The backup.
        path: std::path::PathBuf,
        /// The version that made it.
        version: String,
    },
    /// The file is a database, but SQLite cannot read it.
    #[error("{path} cannot be read: {cause}; use another backup")]
    Unreadable {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        cause: String,
    },
    /// The file is a backup that was changed or contradicts itself.
    #[error("{path} is damaged, use another backup: {}", found.join("; "))]
    Damaged {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong, a line each.
        found: Vec<String>,
    },
}

/// Why a backup was not restored. The database is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The data directory cannot be used, or a server runs on it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file is not a valid backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The new database could not be prepared.
    #[error("cannot prepare {path}: {cause}; nothing was changed")]
    Prepare {
        /// The file that was to become the database.
        path: std::path::PathBuf,
        /// Why.
        cause: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {cause}")]
    Io {
        /// Which file or directory.
        path: std::path::PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
}

/// Why a store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be used.
    #[error("cannot use {path}: {cause}{}", whose(cause))]
    Io {
        /// Which file or directory.
        path: std::path::PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// Another server has the directory.
    #[error("another shoptalk serves {0}; stop it first or choose another data directory")]
    Locked(std::path::PathBuf),
    /// The database cannot be opened or migrated.
    #[error("cannot open the database {path}: {cause}")]
    Database {
        /// The database's file.
        path: std::path::PathBuf,
        /// The cause, and what to do where there is something.
        cause: String,
    },
    /// The database has moved to PostgreSQL.
    #[error(
        "the database of this directory has moved to {to}: set storage.url to it; to use the one that is still here, without what was written since, delete {}", path.display()
    )]
    Moved {
        /// The URL without a password.
        to: String,
        /// The file that says so.
        path: std::path::PathBuf,
    },
    /// The database is moving to PostgreSQL.
    #[error(
        "the database of this directory is being moved to {to}, or was when that was interrupted: run `shoptalk migrate --to {to}` to finish; to give it up, delete {}", path.display()
    )]
    Moving {
        /// The URL without a password.
        to: String,
        /// The file that says so.
        path: std::path::PathBuf,
    },
    /// The PostgreSQL database cannot be used.
    #[error("cannot use {url} (storage.url): {cause}")]
    Postgres {
        /// The URL without its password.
        url: String,
        /// The cause, and what to do where there is something.
        cause: String,
    },
}

/// What to do about a file of somebody else, such as a directory that a container was given.
fn whose(cause: &std::io::Error) -> String {
    match cause.kind() {
        std::io::ErrorKind::PermissionDenied => {
            let user = rustix::process::geteuid();
            format!("; the directory and its files have to belong to user {user}, who runs this")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_somebody_else_says_whom_it_has_to_belong_to() {
        let error = |kind: std::io::ErrorKind| OpenError::Io {
            path: "/data/shoptalk.lock".into(),
            cause: kind.into(),
        };
        let user = rustix::process::geteuid();
        let denied = error(std::io::ErrorKind::PermissionDenied).to_string();
        assert!(
            denied.ends_with(&format!("belong to user {user}, who runs this")),
            "{denied}"
        );
        let missing = error(std::io::ErrorKind::NotFound).to_string();
        assert!(!missing.contains("user"), "{missing}");
    }
}
