use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Timestamp;

/// Identifies an agent forever, also after a change of name.
pub type AgentId = Uuid;

/// What an agent may do beyond answering customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answers customers.
    Agent,
    /// Answers customers and manages the other agents.
    Admin,
}

impl Role {
    /// The word used on the wire, in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "agent" => Ok(Self::Agent),
            "admin" => Ok(Self::Admin),
            other => Err(format!("'{other}' is not a role; use 'agent' or 'admin'")),
        }
    }
}

/// Agents of an export that is older than `on_duty` are on duty, as new ones are.
fn on_duty_at_first() -> bool {
    true
}

/// A person of the shop who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Agent {
    /// Stays when the names change.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: AgentId,
    /// The name to sign in with; customers never see it.
    pub username: String,
    /// The name that customers see.
    pub display_name: String,
    /// What the agent may do.
    pub role: Role,
    /// A disabled agent has no sessions and cannot sign in.
    pub disabled: bool,
    /// Whether the agent is rung when a customer waits.
    #[serde(default = "on_duty_at_first")]
    pub on_duty: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}
