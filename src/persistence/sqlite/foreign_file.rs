//! Reads a SQLite file that another program has made, and changes nothing: neither the file nor
//! its directory.

use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::persistence::{ForeignFileError, ForeignValue};

/// How a SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The byte of the header for the journal, and its value for a write-ahead log.
const WAL_FLAG: (usize, u8) = (18, 2);
/// Bytes of the header.
const HEADER_BYTES: usize = 100;

/// A SQLite file, read in one transaction.
pub struct ForeignDatabase {
    conn: Connection,
    path: PathBuf,
}

impl std::fmt::Debug for ForeignDatabase {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("ForeignDatabase")
            .field(&self.path)
            .finish()
    }
}

/// Whether a file begins like a SQLite database.
pub fn is_sqlite_file(path: &Path) -> std::io::Result<bool> {
    Ok(header(path)?.starts_with(MAGIC))
}

fn header(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut header = Vec::new();
    std::fs::File::open(path)?
        .take(HEADER_BYTES as u64)
        .read_to_end(&mut header)?;
    Ok(header)
}

impl ForeignDatabase {
    /// Opens the file and begins a read transaction.
    pub fn open(path: &Path) -> Result<Self, ForeignFileError> {
        let failed = |cause: String| ForeignFileError {
            path: path.to_owned(),
            cause,
        };
        let header = header(path).map_err(|error| failed(error.to_string()))?;
        let has_wal = header.get(WAL_FLAG.0) == Some(&WAL_FLAG.1);
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        // Without its log nobody has the file open, and SQLite would make one beside it.
        let is_closed = has_wal && !Path::new(&log).exists();
        let mut address = url::Url::from_file_path(
            std::path::absolute(path).map_err(|error| failed(error.to_string()))?,
        )
        .map_err(|()| failed("its path cannot be used".to_owned()))?;
        address.set_query(Some(if is_closed {
            "mode=ro&immutable=1"
        } else {
            "mode=ro"
        }));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let this = Connection::open_with_flags(address.as_str(), flags).and_then(|conn| {
            conn.busy_timeout(std::time::Duration::from_secs(10))?;
            conn.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
            Ok(Self {
                conn,
                path: path.to_owned(),
            })
        });
        this.map_err(|error| failed(cause(&error)))
    }

    /// The names of its tables.
    pub fn tables(&self) -> Result<Vec<String>, ForeignFileError> {
        self.strings(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
            "",
        )
    }

    /// The names of a table's columns.
    pub fn columns(&self, table: &str) -> Result<Vec<String>, ForeignFileError> {
        self.strings(
            "SELECT name FROM pragma_table_info(?1) WHERE ?1 <> ''",
            table,
        )
    }

    /// The table that a column refers to.
    pub fn referred_by(
        &self,
        table: &str,
        column: &str,
    ) -> Result<Option<String>, ForeignFileError> {
        let found = self.strings(
            &format!(
                "SELECT \"table\" FROM pragma_foreign_key_list(?1) WHERE \"from\" = '{}'",
                column.replace('\'', "''")
            ),
            table,
        )?;
        Ok(found.into_iter().next())
    }

    /// The column that is a table's primary key.
    pub fn primary_key(&self, table: &str) -> Result<Option<String>, ForeignFileError> {
        let found = self.strings("SELECT name FROM pragma_table_info(?1) WHERE pk = 1", table)?;
        Ok(found.into_iter().next())
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> Result<u64, ForeignFileError> {
        let sql = format!("SELECT count(*) FROM {}", quoted(table));
        let count: i64 = self
            .conn
            .query_row(&sql, [], |row| row.get(0))
            .map_err(|error| self.failed(&error))?;
        Ok(count.unsigned_abs())
    }

    /// Hands over the values of these columns, row by row, until `each` fails.
    pub fn rows<E: From<ForeignFileError>>(
        &self,
        table: &str,
        columns: &[String],
        mut each: impl FnMut(Vec<ForeignValue>) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quoted(table));
        let mut query = self
            .conn
            .prepare(&sql)
            .map_err(|error| self.failed(&error))?;
        let mut rows = query.query([]).map_err(|error| self.failed(&error))?;
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            let values = (0..columns.len())
                .map(|column| row.get_ref(column).map(value))
                .collect::<rusqlite::Result<_>>()
                .map_err(|error| self.failed(&error))?;
            each(values)?;
        }
        Ok(())
    }

    fn strings(&self, sql: &str, parameter: &str) -> Result<Vec<String>, ForeignFileError> {
        let read = |conn: &Connection| {
            let mut query = conn.prepare(sql)?;
            let mut found = Vec::new();
            let mut rows = if query.parameter_count() > 0 {
                query.query([parameter])?
            } else {
                query.query([])?
            };
            while let Some(row) = rows.next()? {
                found.push(row.get(0)?);
            }
            Ok(found)
        };
        read(&self.conn).map_err(|error: rusqlite::Error| self.failed(&error))
    }

    fn failed(&self, error: &rusqlite::Error) -> ForeignFileError {
        ForeignFileError {
            path: self.path.clone(),
            cause: cause(error),
        }
    }
}

fn cause(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, NotADatabase, ReadOnly};
    match error.sqlite_error_code() {
        Some(NotADatabase | DatabaseCorrupt) => {
            "it is damaged or encrypted; make a sound copy of it with Django's server stopped"
                .into()
        }
        Some(DatabaseBusy) => "it is being written; stop Django's server, then try again".into(),
        Some(ReadOnly) => {
            "it has a transaction that was not finished; open it once with Django, then try again"
                .into()
        }
        _ => error.to_string(),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn value(value: ValueRef<'_>) -> ForeignValue {
    match value {
        ValueRef::Null => ForeignValue::Null,
        ValueRef::Integer(value) => ForeignValue::Integer(value),
        ValueRef::Real(value) => ForeignValue::Real(value),
        // Bytes that are no text become replacement characters, as Django would refuse them.
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            ForeignValue::Text(String::from_utf8_lossy(text).into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<(String, Vec<u8>)> {
        let mut names: Vec<_> = std::fs::read_dir(directory)
            .expect("listed")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read(entry.path()).expect("read"))
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn reading_changes_neither_the_file_nor_its_directory() {
        for mode in ["DELETE", "WAL"] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("it's 100% mine?.sqlite3");
            let conn = Connection::open(&path).expect("made");
            conn.pragma_update(None, "journal_mode", mode).expect("set");
            conn.execute_batch("CREATE TABLE \"a b\" (x, y); INSERT INTO \"a b\" VALUES (1, 'z')")
                .expect("written");
            conn.close().expect("closed");
            let before = names(directory.path());
            let file = ForeignDatabase::open(&path).expect("it opens");
            assert_eq!(file.tables().expect("read"), ["a b"]);
            assert_eq!(file.columns("a b").expect("read"), ["x", "y"]);
            assert_eq!(file.count("a b"), Ok(1));
            let mut rows = Vec::new();
            let columns = ["y".to_owned(), "x".to_owned()];
            let all: Result<(), ForeignFileError> = file.rows("a b", &columns, |row| {
                rows.push(row);
                Ok(())
            });
            all.expect("read");
            let row = vec![ForeignValue::Text("z".into()), ForeignValue::Integer(1)];
            assert_eq!(rows, [row]);
            drop(file);
            assert_eq!(names(directory.path()), before, "{mode}");
        }
    }

    #[test]
    fn what_is_damaged_or_missing_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x");
        assert!(ForeignDatabase::open(&path).is_err());
        std::fs::write(&path, [MAGIC, &[1; 4_000]].concat()).expect("written");
        let refused = ForeignDatabase::open(&path).expect_err("damaged");
        assert!(refused.to_string().contains("damaged"), "{refused}");
    }
}
