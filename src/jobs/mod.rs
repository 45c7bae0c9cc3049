//! The operator's long work: it runs beside the chat or without it, reports its progress, can be
//! cancelled, and leaves either nothing or a whole result.
//!
//! `backup`, `erase`, `export` and `import` are jobs, `stats` is a short one; `control` lets a
//! command ask a running server for one; `restore` needs the server stopped; `schedule` makes backups by itself, into
//! `backup_directory`, of which `rotation` says what stays. `ledger` is what erasures leave beside the
//! backups, `output` a file that appears whole, `quiet` when the chat is quiet. `django` moves a shop's chat in from Django.

pub mod backup;
pub mod backup_directory;
pub mod control;
pub mod django;
pub mod encryption;
pub mod erase;
pub mod export;
pub mod import;
pub mod ledger;
pub mod output;
pub mod quiet;
pub mod restore;
pub mod rotation;
pub mod schedule;
pub mod stats;
