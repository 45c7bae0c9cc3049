//! The log: one SQLite file, one thread that writes it, a few connections that read it.
//!
//! The store speaks in the domain's types and in async methods, and leaks no
//! SQLite, so that another database could stand behind it.

mod error;
mod store;
mod types;

pub use error::{OpenError, Refusal, StoreError, WriteError};
pub use store::Store;
pub use types::*;
