//! Which store the tests of this process run on.

use std::io::Write as _;

use crate::{Database, Postgres, REQUIRE};

/// `sqlite`, the default, or `postgres`.
pub const TEST_STORE: &str = "SHOPTALK_TEST_STORE";

/// How many servers share the database that a test uses.
pub const TEST_NODES: &str = "SHOPTALK_TEST_NODES";

/// Whether [`TEST_STORE`] names PostgreSQL.
///
/// # Panics
///
/// If it names no store.
pub fn postgres_is_tested() -> bool {
    match std::env::var(TEST_STORE).as_deref() {
        Ok("postgres") => true,
        Ok("sqlite" | "") | Err(_) => false,
        Ok(other) => panic!("{TEST_STORE}={other}: there are sqlite and postgres"),
    }
}

/// Over how many servers the connections of each test are spread: 1 unless [`TEST_NODES`] says
/// otherwise.
///
/// # Panics
///
/// If it is no number, or if there are several for SQLite.
pub fn tested_nodes() -> usize {
    let count = match std::env::var(TEST_NODES) {
        Ok(count) => count
            .parse()
            .unwrap_or_else(|_| panic!("{TEST_NODES}={count}: give a number")),
        Err(_) => 1,
    };
    assert!(
        count == 1 || count > 1 && postgres_is_tested(),
        "{TEST_NODES}={count}: several nodes need {TEST_STORE}=postgres"
    );
    count
}

/// A new database for one test; `None` if SQLite is tested.
///
/// # Panics
///
/// If PostgreSQL is to be tested but does not start.
pub fn test_database() -> Option<Database<'static>> {
    if !postgres_is_tested() {
        return None;
    }
    let server = Postgres::shared().unwrap_or_else(|| {
        panic!("{TEST_STORE}=postgres needs PostgreSQL: install it, or unset {REQUIRE} and {TEST_STORE}")
    });
    Some(
        server
            .create_database()
            .unwrap_or_else(|error| panic!("{error}")),
    )
}

/// Whether a test is to return at once, since it is about SQLite alone and PostgreSQL is tested.
/// Prints its name and the reason then, past the capture of its output.
pub fn left_out_on_postgres(why: &str) -> bool {
    left_out(postgres_is_tested(), "on PostgreSQL", why)
}

/// Whether a test is to return at once, since it is about a single server and several are tested.
/// Prints its name and the reason as [`left_out_on_postgres`] does.
pub fn left_out_on_several_nodes(why: &str) -> bool {
    left_out(tested_nodes() > 1, "on several nodes", why)
}

fn left_out(left_out: bool, place: &str, why: &str) -> bool {
    if left_out {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        let _ = writeln!(std::io::stderr(), "LEFT OUT {place}: {test}: {why}");
    }
    left_out
}
