use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AgentId, Timestamp};

/// Identifies a token forever; it is no secret.
pub type ApiTokenId = Uuid;

/// API tokens that there may be.
pub const API_TOKENS_MAX: usize = 100;

/// What a token may do. Each call that takes tokens needs one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Right {
    /// Conversations: list, search and read them.
    #[serde(rename = "rooms:read")]
    RoomsRead,
    /// Post messages, and move the agents' read mark.
    #[serde(rename = "messages:write")]
    MessagesWrite,
    /// Write notes for agents.
    #[serde(rename = "notes:write")]
    NotesWrite,
    /// Suggest the agents' next message.
    #[serde(rename = "drafts:write")]
    DraftsWrite,
    /// Reports, also as tables.
    #[serde(rename = "reports:read")]
    ReportsRead,
    /// Jobs that export conversations.
    #[serde(rename = "export")]
    Export,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 6] = [
        Self::RoomsRead,
        Self::MessagesWrite,
        Self::NotesWrite,
        Self::DraftsWrite,
        Self::ReportsRead,
        Self::Export,
    ];

    /// The word used on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoomsRead => "rooms:read",
            Self::MessagesWrite => "messages:write",
            Self::NotesWrite => "notes:write",
            Self::DraftsWrite => "drafts:write",
            Self::ReportsRead => "reports:read",
            Self::Export => "export",
        }
    }
}

impl std::str::FromStr for Right {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter();
        known
            .clone()
            .find(|right| right.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<&str> = known.map(Self::as_str).collect();
                format!("'{text}' is not a right; use {}", known.join(", "))
            })
    }
}

/// A token with which a program of the shop makes calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ApiToken {
    /// Names it, also in the audit.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: ApiTokenId,
    /// What writes with it; customers see this name beside its messages, agents also beside its notes.
    pub name: String,
    /// What it may do.
    pub rights: Vec<Right>,
    /// The admin who made it.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub created_by: AgentId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself; null: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour; null: not yet.
    pub last_used_at: Option<Timestamp>,
}

impl ApiToken {
    /// Whether it may make calls that need `right`.
    pub fn has(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_has_one_word_on_the_wire_in_the_database_and_in_code() {
        for right in Right::ALL {
            let json = serde_json::to_string(&right).expect("it serialises");
            assert_eq!(json, format!("\"{}\"", right.as_str()));
            assert_eq!(right.as_str().parse(), Ok(right));
        }
        let unknown = "rooms:write".parse::<Right>().expect_err("it is no right");
        assert!(
            unknown.contains("use rooms:read, messages:write"),
            "{unknown}"
        );
    }
}
