//! The HTTP calls that come before a socket: opening a room and signing in; and those whose outcome
//! the caller waits for: closing a conversation and reopening it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shoptalk::chat::{Agent as AgentAccount, Room, RoomId, Status, Summary, Timestamp};
use shoptalk::protocol::ErrorCode;

/// How long a call may take: the server responds to a slow write after at most 10 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A server's address, and a client of its HTTP API.
#[derive(Debug, Clone)]
pub struct Server {
    base: String,
    http: reqwest::Client,
}

/// Who opens a room, and on which page. Fields that are `None` are not sent.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(default)]
pub struct OpenRoom {
    /// The name that agents see, at most 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<String>,
    /// An email address, at most 254 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<String>,
    /// A phone number, at most 40 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_phone: Option<String>,
    /// A JWT signed by the shop's back end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The page that the chat was opened on, at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
}

/// The result of [`Server::open_room`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OpenedRoom {
    /// The room, new or existing.
    pub room: Room,
    /// The database that seqs belong to.
    pub epoch: String,
    /// A new token; `None` if the room was found by the token that was sent. It is returned only
    /// once, so store it.
    pub token: Option<String>,
    /// Whether the shop is open, by its hours; servers of earlier versions do not say.
    pub open: Option<bool>,
    /// When it opens again, if it is closed and that is known.
    pub back_at: Option<Timestamp>,
}

/// The result of [`Server::sign_in`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignedIn {
    /// The session's token.
    pub token: String,
    /// Who signed in.
    pub agent: AgentAccount,
}

/// A refusal: the server's problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{status} {}: {detail}", .code.as_str())]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: ErrorCode,
    /// What is wrong and what to do, for people.
    #[serde(default)]
    pub detail: String,
    /// The wait that `Retry-After` asks for.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server refused it.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// The server was not reached, or its response did not arrive. The call may have been executed
    /// all the same.
    #[error("no response from the server: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// The response is not one of Shoptalk.
    #[error("the response with status {status} is not from Shoptalk: {body}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
}

impl CallError {
    /// The code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            Self::Unreachable(_) | Self::Unreadable { .. } => None,
        }
    }
}

impl Server {
    /// The server at `base`, such as `http://127.0.0.1:8001`.
    ///
    /// # Panics
    ///
    /// If the system cannot provide an HTTP client.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .build()
            .expect("an HTTP client");
        Self {
            base: base.trim_end_matches('/').to_owned(),
            http,
        }
    }

    /// The server's address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Opens a room, or finds the open one of `token`, a visitor's token or a signed identity.
    ///
    /// # Errors
    ///
    /// `unauthorized` if the token or the identity is wrong or has ended: call again without it.
    pub async fn open_room(
        &self,
        token: Option<&str>,
        details: &OpenRoom,
    ) -> Result<OpenedRoom, CallError> {
        self.call(Method::POST, "/api/chat/rooms/", token, details)
            .await
    }

    /// Signs an agent in.
    ///
    /// # Errors
    ///
    /// `bad_credentials`; `rate_limited` after ten tries in 15 minutes.
    pub async fn sign_in(&self, username: &str, password: &str) -> Result<SignedIn, CallError> {
        #[derive(Serialize)]
        struct Credentials<'a> {
            username: &'a str,
            password: &'a str,
        }
        let credentials = Credentials { username, password };
        self.call(Method::POST, "/api/admin/login/", None, &credentials)
            .await
    }

    /// Closes a visitor's conversation. Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// `not_found` if the token's visitor has no such room.
    pub async fn close_room(&self, token: &str, room_id: RoomId) -> Result<Room, CallError> {
        #[derive(Deserialize)]
        struct Closed {
            room: Room,
        }
        let path = format!("/api/chat/rooms/{room_id}/close/");
        let closed: Closed = self
            .call(Method::POST, &path, Some(token), &NoFields {})
            .await?;
        Ok(closed.room)
    }

    /// Closes or reopens a conversation as an agent. Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// `not_found` if there is no such room; `invalid` for `waiting`, which only a customer's
    /// message sets.
    pub async fn set_status(
        &self,
        token: &str,
        room_id: RoomId,
        status: Status,
    ) -> Result<Summary, CallError> {
        #[derive(Serialize)]
        struct Change {
            status: Status,
        }
        #[derive(Deserialize)]
        struct Changed {
            summary: Summary,
        }
        let path = format!("/api/admin/rooms/{room_id}/");
        let changed: Changed = self
            .call(Method::PATCH, &path, Some(token), &Change { status })
            .await?;
        Ok(changed.summary)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|seconds| seconds.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = response.text().await?;
        parse_response(status, retry_after, &body)
    }
}

#[derive(Serialize)]
struct NoFields {}

fn parse_response<T: DeserializeOwned>(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &str,
) -> Result<T, CallError> {
    let unreadable = |_| CallError::Unreadable {
        status: status.as_u16(),
        body: body.chars().take(200).collect(),
    };
    if status.is_success() {
        return serde_json::from_str(body).map_err(unreadable);
    }
    let problem: Problem = serde_json::from_str(body).map_err(unreadable)?;
    Err(CallError::Refused(Problem {
        retry_after,
        ..problem
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_problem_and_any_other_response_is_quoted() {
        let body = r#"{"type":"about:blank","title":"Too many","status":429,"code":"rate_limited","detail":"wait"}"#;
        let wait = Some(Duration::from_secs(3));
        let error = parse_response::<OpenedRoom>(StatusCode::TOO_MANY_REQUESTS, wait, body)
            .expect_err("a refusal");
        assert_eq!(error.to_string(), "429 rate_limited: wait");
        let CallError::Refused(problem) = error else {
            panic!("a problem");
        };
        assert_eq!(problem.retry_after, wait);
        let error = parse_response::<OpenedRoom>(StatusCode::BAD_GATEWAY, None, "<html>")
            .expect_err("a proxy's page");
        assert_eq!(error.code(), None);
        assert!(error.to_string().contains("<html>"), "{error}");
    }
}
