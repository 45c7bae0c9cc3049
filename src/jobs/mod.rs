//! The operator's long work: it runs beside the chat or without it, says how far it is, can be
//! cancelled, and leaves either nothing or a whole result.
//!
//! `backup` is a job; `control` lets a command ask a running server for one.

pub mod backup;
pub mod control;
