//! PostgreSQL, NATS and Dovecot for tests, trials and experiments: started from the programs that are
//! installed, on free ports of 127.0.0.1, with their data in temporary directories. They never
//! touch a server of the system.
//!
//! A server ends with the process that started it, however that process ends, and its directory
//! is removed then (`process`). Linux only, since that takes `setpriv` of util-linux.
//!
//! ```no_run
//! # use shoptalk_local_servers::{Nats, Postgres};
//! # fn main() -> Result<(), shoptalk_local_servers::Error> {
//! if let Some(postgres) = Postgres::shared() {
//!     let database = postgres.create_database()?;
//!     println!("{}", database.url());
//! }
//! let nats = Nats::start()?;
//! println!("{}", nats.url());
//! # Ok(())
//! # }
//! ```

mod dovecot;
mod error;
mod nats;
mod ports;
mod postgres;
mod process;
mod programs;
mod session;
mod standby;
mod under_test;
mod user;

pub use dovecot::{Dovecot, Tokens};
pub use error::Error;
pub use nats::Nats;
pub use postgres::{Database, Postgres};
pub use session::Session;
pub use standby::Replication;
pub use under_test::{
    TEST_NODES, TEST_STORE, left_out_on_postgres, left_out_on_several_nodes, postgres_is_tested,
    test_database, tested_nodes,
};

use std::io::Write as _;

/// Set where the servers must be there, as in CI: a program that is missing is an error then.
pub const REQUIRE: &str = "SHOPTALK_REQUIRE_SERVERS";

/// What was started, or `None` if a program for it is not installed. The latter is printed, past
/// the capture of a test's output.
///
/// # Panics
///
/// If starting fails for another reason, or if [`REQUIRE`] is set.
pub fn unless_missing<T>(started: Result<T, Error>) -> Option<T> {
    match started {
        Ok(server) => Some(server),
        Err(error @ Error::Missing { .. }) if std::env::var_os(REQUIRE).is_none() => {
            let _ = writeln!(std::io::stderr(), "LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
