//! The operator's long work: it runs beside the chat or without it, says how far it is, can be
//! cancelled, and leaves either nothing or a whole result.
//!
//! `backup` is a job; `control` lets a command ask a running server for one; `schedule` makes
//! backups by itself, into `backup_directory`, of which `rotation` says what stays.

pub mod backup;
pub mod backup_directory;
pub mod control;
pub mod encryption;
pub mod rotation;
pub mod schedule;
