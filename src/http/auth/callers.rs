//! The caller of a request, as extractors.
//!
//! `middleware::access` finds out who calls, before the handler runs, and leaves the result in the
//! request's extensions. A handler that asks for a caller whom the access table does not require
//! gets a 401.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{AuthError, Session};
use crate::chat::{Agent, ApiToken, Sender};
use crate::http::problem::Problem;
use crate::persistence::{Principal, Visitor};

/// The visitor who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct VisitorAuth(pub(crate) Visitor);

/// The agent who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct AgentAuth(pub(crate) Session);

/// The agent with the role `admin` who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct AdminAuth(pub(crate) Session);

/// Who makes a call that takes sessions and API tokens.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// An agent, signed in.
    Agent(Agent),
    /// A program of the shop.
    Token(ApiToken),
}

impl Caller {
    /// By which its calls are counted.
    pub(crate) fn id(&self) -> uuid::Uuid {
        match self {
            Self::Agent(agent) => agent.id,
            Self::Token(token) => token.id,
        }
    }

    /// As it is audited.
    pub(crate) fn principal(&self) -> Principal {
        match self {
            Self::Agent(agent) => Principal::Agent(agent.id),
            Self::Token(token) => Principal::Token(token.id),
        }
    }

    /// The name that others see.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Agent(agent) => &agent.display_name,
            Self::Token(token) => &token.name,
        }
    }

    /// As it writes.
    pub(crate) fn into_sender(self) -> Sender {
        match self {
            Self::Agent(agent) => Sender::Agent {
                id: agent.id,
                display_name: agent.display_name,
            },
            Self::Token(token) => Sender::Token { name: token.name },
        }
    }
}

macro_rules! extract_from_extensions {
    ($($caller:ty),*) => {$(
        impl<S: Sync> FromRequestParts<S> for $caller {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                let caller = parts.extensions.remove::<Self>();
                caller.ok_or_else(|| AuthError::Missing.into())
            }
        }
    )*};
}
extract_from_extensions!(VisitorAuth, AgentAuth, AdminAuth, Caller);
