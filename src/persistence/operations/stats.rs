//! How large a database is, and what is in it.

use serde::{Deserialize, Serialize};

use crate::chat::{Counts, Timestamp};

/// How large a database is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreStats {
    /// Bytes of the database's file.
    pub database_bytes: u64,
    /// Bytes in it that were freed and will be used again.
    pub unused_bytes: u64,
    /// Rooms with messages that are no spam, by status.
    pub rooms: Counts,
    /// Rooms with messages that are spam.
    #[serde(default)]
    pub spam_rooms: u64,
    /// Rooms without a message.
    pub empty_rooms: u64,
    /// Messages.
    pub messages: u64,
    /// Visitors.
    pub visitors: u64,
    /// Agents, disabled ones included.
    pub agents: u64,
    /// When the oldest room was opened.
    pub oldest_at: Option<Timestamp>,
    /// When the newest message was committed.
    pub newest_at: Option<Timestamp>,
    /// When somebody last asked for a backup. Scheduled backups are not counted.
    pub last_backup_at: Option<Timestamp>,
}
