//! The operator's long work: it runs beside the chat or without it, reports its progress, can be
//! cancelled, and leaves either nothing or a whole result.
//!
//! The jobs are `backup`, `restore` (while no server runs), `erase`, `export`, `import`, `django` (an
//! import from a Django chat) and, a short one, `stats`. `control` lets a command ask a running
//! server for one; `registry` has those that admins start in a running server. `schedule` makes
//! backups by itself, into `backup_directory`; `rotation` decides which of them to keep,
//! `backup_space` whether there is space for one. `ledger` lists erasures beside the backups,
//! `kept_backups` the copies of the database that there are; `output` is a file that appears whole,
//! `progress` follows a job, and `quiet` decides when the chat is quiet.

pub mod backup;
pub mod backup_directory;
pub mod backup_space;
pub mod control;
pub mod django;
pub mod erase;
pub mod export;
pub mod import;
pub mod kept_backups;
pub mod ledger;
pub mod output;
pub mod progress;
pub mod quiet;
pub mod registry;
pub mod restore;
pub mod rotation;
pub mod schedule;
pub mod stats;
