//! What must hold when several nodes share a store in PostgreSQL: whoever is connected to one of them
//! sees what was done on another. Left out where PostgreSQL is not installed.

#[path = "../common/mod.rs"]
mod common;

mod conversations;
