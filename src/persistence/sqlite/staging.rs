//! A scratch database in which an import sorts what it has read, so that its memory does not grow
//! with the source. The file never has a name, so nothing is left of it after a kill.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::chat::{Details, RoomId, Timestamp};
use crate::persistence::sqlite::codes;
use crate::persistence::{
    StagedMessage, StagedRoom, StagedUser, StagingError, StagingError::Failed,
};

/// The index holds what a million messages need to be sorted in some 50 MB. `temp_store` keeps
/// SQLite from looking for a directory of its own, which a container may not have.
const SCHEMA: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -65536;
    CREATE TABLE rooms (
        id BLOB PRIMARY KEY, name TEXT, email TEXT, phone TEXT, session_key TEXT, user TEXT,
        natural INTEGER NOT NULL, closed INTEGER NOT NULL, created_at INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        n INTEGER PRIMARY KEY, room BLOB NOT NULL, at INTEGER NOT NULL, number INTEGER,
        key TEXT NOT NULL, sender_type INTEGER NOT NULL, sender_name TEXT, content TEXT NOT NULL,
        is_read INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX messages_in_order ON messages (room, at, number, key);
    CREATE TABLE users (
        key TEXT PRIMARY KEY, username TEXT, email TEXT, display_name TEXT, password TEXT,
        is_staff INTEGER NOT NULL, is_superuser INTEGER NOT NULL, is_active INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX users_by_name ON users (username);
    CREATE INDEX users_by_email ON users (email);
    CREATE TABLE sessions (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    BEGIN;";

/// What an import has read so far.
pub struct Staging {
    conn: Connection,
}

impl std::fmt::Debug for Staging {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Staging")
    }
}

impl From<rusqlite::Error> for StagingError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Failed(error.to_string()),
        }
    }
}

impl Staging {
    /// Makes a scratch file in a directory.
    pub fn new_in(directory: &Path) -> Result<Self, StagingError> {
        let file = tempfile::Builder::new()
            .prefix("import-")
            .suffix(".partial")
            .tempfile_in(directory)
            .map_err(|error| Failed(format!("{}: {error}", directory.display())))?;
        let conn = Connection::open(file.path())?;
        conn.execute_batch(SCHEMA)?;
        Ok(Self { conn })
    }

    /// Keeps a room. Returns false when there is one with its id.
    pub fn add_room(&self, room: &StagedRoom) -> Result<bool, StagingError> {
        let added = self
            .conn
            .prepare_cached(
                "INSERT INTO rooms VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                room.id,
                room.details.name,
                room.details.email,
                room.details.phone,
                room.session_key,
                room.user,
                room.user_is_natural,
                room.closed,
                room.created_at.map(|at| at.0),
            ])?;
        Ok(added > 0)
    }

    /// Keeps a message.
    pub fn add_message(&self, message: &StagedMessage) -> Result<(), StagingError> {
        self.conn
            .prepare_cached(
                "INSERT INTO messages
                     (room, at, number, key, sender_type, sender_name, content, is_read)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                message.room,
                message.created_at.0,
                message.key.parse::<i64>().ok(),
                message.key,
                codes::sender_code(message.sender_type),
                message.sender_name,
                message.content,
                message.is_read,
            ])?;
        Ok(())
    }

    /// Keeps a user.
    pub fn add_user(&self, user: &StagedUser) -> Result<(), StagingError> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                user.key,
                user.username,
                user.email,
                user.display_name,
                user.password,
                user.is_staff,
                user.is_superuser,
                user.is_active,
            ])?;
        Ok(())
    }

    /// Keeps the key of a session that has not ended.
    pub fn add_session(&self, key: &str) -> Result<(), StagingError> {
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO sessions VALUES (?1)")?
            .execute([key])?;
        Ok(())
    }

    /// Rooms with messages, the one with the oldest last message first, and how many rooms have
    /// none.
    pub fn rooms_by_activity(&self) -> Result<(Vec<RoomId>, u64), StagingError> {
        let mut rooms: Vec<(Option<i64>, RoomId)> = self
            .conn
            .prepare("SELECT (SELECT max(at) FROM messages WHERE room = rooms.id), id FROM rooms")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        rooms.sort_unstable();
        let empty = rooms.iter().take_while(|(at, _)| at.is_none()).count();
        let listed = rooms[empty..].iter().map(|(_, id)| *id).collect();
        Ok((listed, empty as u64))
    }

    /// A room that was added.
    pub fn room(&self, id: RoomId) -> Result<Option<StagedRoom>, StagingError> {
        let read = |row: &Row<'_>| {
            Ok(StagedRoom {
                id,
                details: Details {
                    name: row.get(0)?,
                    email: row.get(1)?,
                    phone: row.get(2)?,
                    page_url: None,
                },
                session_key: row.get(3)?,
                user: row.get(4)?,
                user_is_natural: row.get(5)?,
                closed: row.get(6)?,
                created_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
            })
        };
        let mut by_id = self.conn.prepare_cached(
            "SELECT name, email, phone, session_key, user, natural, closed, created_at
             FROM rooms WHERE id = ?1",
        )?;
        Ok(by_id.query_row([id], read).optional()?)
    }

    /// A room's messages by time and key.
    pub fn messages_of(&self, room: RoomId) -> Result<Vec<StagedMessage>, StagingError> {
        let mut in_order = self.conn.prepare_cached(
            "SELECT at, key, sender_type, sender_name, content, is_read FROM messages
             WHERE room = ?1 ORDER BY at, number, key",
        )?;
        let read = |row: &Row<'_>| {
            Ok(StagedMessage {
                room,
                created_at: Timestamp(row.get(0)?),
                key: row.get(1)?,
                sender_type: codes::sender(row, 2)?,
                sender_name: row.get(3)?,
                content: row.get(4)?,
                is_read: row.get(5)?,
            })
        };
        Ok(in_order
            .query_map([room], read)?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// Hands over the keys of messages whose room is missing, with that room.
    pub fn orphans(&self, mut each: impl FnMut(&str, RoomId)) -> Result<(), StagingError> {
        let mut orphans = self.conn.prepare(
            "SELECT key, room FROM messages WHERE room NOT IN (SELECT id FROM rooms)
             ORDER BY number, key",
        )?;
        let mut rows = orphans.query([])?;
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            each(&key, row.get(1)?);
        }
        Ok(())
    }

    /// The users who have rooms, and whether each is a natural key.
    pub fn room_users(&self) -> Result<Vec<(String, bool)>, StagingError> {
        let mut users = self.conn.prepare(
            "SELECT DISTINCT user, natural FROM rooms WHERE user IS NOT NULL ORDER BY user",
        )?;
        Ok(users
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// Whether a session has not ended.
    pub fn has_session(&self, key: &str) -> Result<bool, StagingError> {
        Ok(self
            .conn
            .prepare_cached("SELECT 1 FROM sessions WHERE key = ?1")?
            .exists([key])?)
    }

    /// Whether any user was added.
    pub fn has_users(&self) -> Result<bool, StagingError> {
        Ok(self
            .conn
            .prepare("SELECT 1 FROM users LIMIT 1")?
            .exists([])?)
    }

    /// Whether the user of any room, by the primary key, was added.
    pub fn has_users_of_rooms(&self) -> Result<bool, StagingError> {
        Ok(self
            .conn
            .prepare("SELECT 1 FROM rooms JOIN users ON users.key = rooms.user LIMIT 1")?
            .exists([])?)
    }

    /// A user by the primary key.
    pub fn user(&self, key: &str) -> Result<Option<StagedUser>, StagingError> {
        self.users_where("key = ?1", key)
            .map(|mut found| found.pop())
    }

    /// A user by the natural key: the user name, or the address where there are no names.
    pub fn user_by_name(&self, name: &str) -> Result<Option<StagedUser>, StagingError> {
        let found = self.users_where("username = ?1", name)?.pop();
        match found {
            Some(user) => Ok(Some(user)),
            None => Ok(self.users_where("email = ?1", name)?.pop()),
        }
    }

    /// Users of the staff, by their keys.
    pub fn staff(&self) -> Result<Vec<StagedUser>, StagingError> {
        self.users_where(
            "?1 = '' AND (is_staff OR is_superuser) ORDER BY CAST(key AS INTEGER), key",
            "",
        )
    }

    /// What several users share in this column, with their keys; at most `limit`.
    pub fn shared(
        &self,
        column: UserColumn,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StagingError> {
        let column = column.name();
        Ok(self
            .conn
            .prepare(&format!(
                "SELECT {column}, group_concat(key, ', ') FROM users
                 WHERE {column} <> '' GROUP BY {column} HAVING count(*) > 1 LIMIT ?1"
            ))?
            .query_map([codes::limit(limit, 0)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<rusqlite::Result<_>>()?)
    }

    fn users_where(&self, condition: &str, value: &str) -> Result<Vec<StagedUser>, StagingError> {
        let read = |row: &Row<'_>| {
            Ok(StagedUser {
                key: row.get(0)?,
                username: row.get(1)?,
                email: row.get(2)?,
                display_name: row.get(3)?,
                password: row.get(4)?,
                is_staff: row.get(5)?,
                is_superuser: row.get(6)?,
                is_active: row.get(7)?,
            })
        };
        Ok(self
            .conn
            .prepare_cached(&format!(
                "SELECT key, username, email, display_name, password, is_staff, is_superuser,
                        is_active
                 FROM users WHERE {condition}"
            ))?
            .query_map([value], read)?
            .collect::<rusqlite::Result<_>>()?)
    }
}

/// A column of users that names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserColumn {
    /// The user name.
    Username,
    /// The email address.
    Email,
}

impl UserColumn {
    fn name(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "email",
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::SenderType;

    fn message(room: u128, key: &str, at: i64) -> StagedMessage {
        StagedMessage {
            room: Uuid::from_u128(room),
            key: key.into(),
            created_at: Timestamp(at),
            sender_type: SenderType::Customer,
            sender_name: None,
            content: key.into(),
            is_read: false,
        }
    }

    #[test]
    fn messages_come_back_by_time_and_number() {
        let directory = tempfile::tempdir().expect("a directory");
        let staging = Staging::new_in(directory.path()).expect("made");
        let left = std::fs::read_dir(directory.path()).expect("listed").count();
        assert_eq!(left, 0, "a kill leaves nothing");
        for number in [1, 2, 3] {
            let room = StagedRoom {
                id: Uuid::from_u128(number),
                details: Details::default(),
                session_key: None,
                user: None,
                user_is_natural: false,
                closed: false,
                created_at: None,
            };
            assert_eq!(staging.add_room(&room), Ok(true));
            assert_eq!(staging.add_room(&room), Ok(false));
        }
        for (room, key, at) in [
            (2, "10", 5),
            (2, "9", 5),
            (2, "7", 9),
            (1, "1", 7),
            (4, "x", 1),
        ] {
            staging.add_message(&message(room, key, at)).expect("kept");
        }
        let keys: Vec<String> = staging
            .messages_of(Uuid::from_u128(2))
            .expect("read")
            .into_iter()
            .map(|message| message.key)
            .collect();
        assert_eq!(keys, ["9", "10", "7"]);
        let (rooms, empty) = staging.rooms_by_activity().expect("read");
        assert_eq!(rooms, [Uuid::from_u128(1), Uuid::from_u128(2)]);
        assert_eq!(empty, 1);
        let mut orphans = Vec::new();
        staging
            .orphans(|key, room| orphans.push((key.to_owned(), room)))
            .expect("read");
        assert_eq!(orphans, [("x".to_owned(), Uuid::from_u128(4))]);
    }
}
