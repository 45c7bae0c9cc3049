//! The database behind a server, as another program sees it.

use shoptalk_local_servers::Session;

use super::{DEADLINE, TestServer};

/// Keeps every write of the server waiting until it is dropped, as a disk would that does not
/// answer. Reads go on.
pub enum HeldWrites {
    Sqlite(rusqlite::Connection),
    Postgres(Session),
}

impl TestServer {
    pub fn hold_writes(&self) -> HeldWrites {
        match self.database() {
            Some(database) => HeldWrites::Postgres(database.hold_writes().expect("it locks")),
            None => {
                let connection = self.sqlite();
                connection.busy_timeout(DEADLINE).expect("a timeout");
                connection
                    .execute_batch("BEGIN IMMEDIATE")
                    .expect("the lock is free in a moment");
                HeldWrites::Sqlite(connection)
            }
        }
    }

    /// All bytes that the server has stored: its files, and what is in PostgreSQL. It must be stopped.
    pub fn everything_stored(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(self.data_dir()).expect("the data");
        let paths = files.map(|file| file.expect("a file").path());
        let mut stored: Vec<_> = paths
            .filter(|path| path.is_file())
            .map(|path| {
                (
                    path.display().to_string(),
                    std::fs::read(&path).expect("it reads"),
                )
            })
            .collect();
        if let Some(database) = self.database() {
            let dump = database.dump().expect("a dump");
            stored.push(("PostgreSQL".to_owned(), dump.into_bytes()));
        }
        stored
    }

    /// The rows of a query, each with its fields as text.
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        if let Some(database) = self.database() {
            let rows = database.psql(sql).expect("rows");
            return rows
                .lines()
                .map(|row| row.split('|').map(str::to_owned).collect())
                .collect();
        }
        let connection = self.sqlite();
        let mut statement = connection.prepare(sql).expect("a statement");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns)
                .map(|column| text(row.get_ref(column)?))
                .collect()
        });
        rows.and_then(Iterator::collect).expect("rows")
    }

    /// Runs the SQL of the database that is tested.
    pub fn execute(&self, sqlite: &str, postgres: &str) {
        match self.database() {
            Some(database) => drop(database.psql(postgres).expect("it runs")),
            None => self.sqlite().execute_batch(sqlite).expect("it runs"),
        }
    }

    fn sqlite(&self) -> rusqlite::Connection {
        let file = self.data_dir().join("shoptalk.db");
        rusqlite::Connection::open(file).expect("the database opens")
    }
}

fn text(value: rusqlite::types::ValueRef<'_>) -> rusqlite::Result<String> {
    use rusqlite::types::ValueRef;
    Ok(match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    })
}
