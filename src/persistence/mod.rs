//! The store: the log of every room, and everything else that is kept on disk.
//!
//! The rest of the program reads and writes through [`Store`] alone. Its methods are async, take and
//! return the domain's types and name no database, so that another one can be added. An operation is
//! data ([`RoomOp`],
//! [`OpenRoom`], [`AgentPatch`], …); what it means is decided by the pure functions in `rules`,
//! from what was loaded to what is to be written and reported; a database's own folder holds the
//! statements.
//!
//! Read next: `operations` (what can be asked), `rules` (what it means), `sqlite` (how it is
//! stored), where a write goes through `sqlite::writer`.

mod epoch;
mod erasures;
mod error;
mod follower_cursor;
mod imports;
mod json_size;
mod list_cursor;
mod message_page;
mod migrate;
mod note_page;
mod operations;
mod options;
mod postgres;
mod room_list;
mod room_row;
pub(crate) mod rules;
mod search_words;
mod sharing;
mod sqlite;
mod store;
mod transfers;
mod tx_error;
mod words;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use epoch::new_epoch;
pub use erasures::*;
pub use error::{
    BackupError, CopyError, OpenError, POSTGRES_BACKUPS, POSTGRES_BYTES, Refusal, RestoreError,
    RewriteError, StoreError, WriteError,
};
pub use imports::*;
pub use migrate::{MigrateError, MigrateStep, Migrated, migrate};
pub use note_page::{NOTE_PAGE_BYTES, note_bytes_beside};
pub use operations::*;
pub use options::{StoreMetrics, StoreOptions, Synchronous};
pub use postgres::connect::{check_url as check_store_url, without_password};
pub use postgres::inspect::{PostgresReport, inspect as inspect_postgres};
pub use rules::ratings::check_rating;
pub use rules::transfer::{check_message, check_note, check_room};
pub use rules::{RuleSettings, SESSION_LIFETIME};
pub use sharing::{
    NodeView, OnlineRooms, RoomCommitted, SignInBudget, SlotCommit, StoredPresence,
    UNPUBLISHED_COMMITS,
};
pub use sqlite::backup_file::{seal as seal_backup, verify as verify_backup};
pub use sqlite::copied_erasures::{finish_erasures_in_copy, rewrite_copy};
pub use sqlite::data_directory::create as create_data_directory;
pub use sqlite::foreign_file::{ForeignDatabase, is_sqlite_file};
pub use sqlite::restore::restore;
pub use sqlite::staging::{Staging, UserColumn};
pub use store::Store;
pub(crate) use transfers::OpenExport;
pub use transfers::{
    BadScope, ExportCursor, ExportError, ExportScope, TransferCounts, TransferItem, TransferLine,
    TransferRating, TransferRoom, TransferVisitor, WholeRoom,
};
