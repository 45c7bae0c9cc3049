//! The one way in which a request is refused: RFC 9457 `application/problem+json`.
//!
//! `type` is `/problems/<code>`, a stable name for programs; `title` says the same to
//! people; `detail` says what to do. Causes are logged here and never told.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::limits::Violation;
use crate::http::auth::identity::IdentityError;
use crate::http::limits::RetryAfterMs;
use crate::passwords::HashError;
use crate::persistence::{Refusal, StoreError, WriteError};
use crate::protocol::ErrorCode;

/// The media type of every error.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The stable word, which decides the status.
    pub(crate) code: ErrorCode,
    /// What is wrong and what to do.
    pub(crate) detail: String,
    /// The fields at fault.
    pub(crate) errors: Vec<FieldError>,
    /// How long to wait before the next try.
    pub(crate) retry_after_ms: Option<u64>,
    /// A header that belongs to the refusal, its name in lower case.
    pub(crate) header: Option<(&'static str, &'static str)>,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct FieldError {
    /// The field as the caller named it.
    pub(crate) field: String,
    /// What is wrong and what would be right.
    pub(crate) message: String,
}

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// `/problems/` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The code in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// The stable word that programs look at.
    #[schema(example = "invalid")]
    #[cfg_attr(test, ts(as = "ErrorCode"))]
    code: &'a str,
    /// What is wrong and what to do.
    detail: &'a str,
    /// The fields at fault.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(required = false)]
    #[cfg_attr(test, ts(optional, as = "Option<&[FieldError]>"))]
    errors: &'a [FieldError],
}

impl Problem {
    /// A refusal with `code`.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_ms: None,
            header: None,
        }
    }

    /// Fields that break their rules. There must be at least one.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        let detail = violations
            .iter()
            .map(|violation| format!("{} {}", violation.field, violation.message))
            .collect::<Vec<_>>()
            .join("; ");
        Self {
            errors: violations
                .into_iter()
                .map(|violation| FieldError {
                    field: violation.field.to_owned(),
                    message: violation.message,
                })
                .collect(),
            ..Self::new(ErrorCode::Invalid, detail)
        }
    }

    /// One field that breaks its rule.
    pub(crate) fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self {
            detail: format!("{field} {message}"),
            errors: vec![FieldError { field, message }],
            ..Self::new(ErrorCode::Invalid, "")
        }
    }

    /// No such thing, or not the caller's.
    pub(crate) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "there is no such thing here")
    }

    /// No room with this id that the caller may see.
    pub(crate) fn no_such_room() -> Self {
        Self::new(ErrorCode::NotFound, "there is no such room")
    }

    /// No credentials, or none that count.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unauthorized, detail)
    }

    /// Known, but not allowed.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, detail)
    }

    /// The server is shutting down.
    pub(crate) fn draining() -> Self {
        Self {
            retry_after_ms: Some(1_000),
            ..Self::new(
                ErrorCode::Draining,
                "the server is restarting; try again in a moment",
            )
        }
    }

    /// The route exists, with other methods.
    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        Self::new(
            ErrorCode::MethodNotAllowed,
            format!("{method} is not possible here; the Allow header says what is"),
        )
    }
}

fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BadFrame => "Not JSON",
        ErrorCode::Invalid => "A field breaks its rules",
        ErrorCode::Unauthorized => "Credentials are needed",
        ErrorCode::BadCredentials => "Wrong user name or password",
        ErrorCode::Forbidden => "Not allowed",
        ErrorCode::NotFound => "Not found",
        ErrorCode::MethodNotAllowed => "Wrong method",
        ErrorCode::Conflict => "Contradicts what is stored",
        ErrorCode::Gone => "No longer there",
        ErrorCode::TooLarge => "Too large",
        ErrorCode::UnsupportedMediaType => "Not sent as JSON",
        ErrorCode::RateLimited => "Too many requests",
        ErrorCode::Internal => "A fault of the server",
        ErrorCode::Busy => "Busy",
        ErrorCode::StorageUnavailable => "The storage is unavailable",
        ErrorCode::Draining => "Restarting",
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.http_status()).expect("codes have real statuses")
    }

    fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&ProblemBody {
            kind: format!("/problems/{}", self.code.as_str()),
            title: title(self.code),
            status: self.code.http_status(),
            code: self.code.as_str(),
            detail: &self.detail,
            errors: &self.errors,
        })
        .expect("a problem is plain JSON")
    }

    /// What `Retry-After` says, if there is anything to wait for.
    fn retry_after_s(&self) -> Option<u64> {
        let wait_ms = match (self.code, self.retry_after_ms) {
            (ErrorCode::RateLimited, None) => Some(1_000),
            (_, wait) => wait,
        };
        wait_ms.map(|wait_ms| wait_ms.div_ceil(1_000).max(1))
    }

    /// The whole answer as it goes over the wire, for a connection that ends with it before any
    /// request was read.
    pub(crate) fn as_http1(&self) -> Vec<u8> {
        let body = self.body();
        let wait = self
            .retry_after_s()
            .map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
             {wait}Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             Connection: close\r\n\r\n",
            self.status(),
            body.len(),
        );
        [head.into_bytes(), body].concat()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some((name, value)) = self.header {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self {
                retry_after_ms: Some(1_000),
                ..Self::new(ErrorCode::Busy, "too much is being written; try again")
            },
            StoreError::Unavailable(_)
            | StoreError::Full
            | StoreError::Closed
            | StoreError::Corrupt(_) => {
                tracing::warn!(%error, "a request met an unavailable storage");
                let detail = match error {
                    StoreError::Full => "the server's disk is full; free some space there",
                    StoreError::Corrupt(_) => {
                        "the server's database is damaged; stop it and restore a backup"
                    }
                    _ => "the storage does not work at the moment; /readyz says why",
                };
                Self::new(ErrorCode::StorageUnavailable, detail)
            }
            StoreError::Internal(_) => {
                tracing::error!(%error, "a request met a bug in the storage");
                Self::new(
                    ErrorCode::Internal,
                    "the server made a mistake; its log says more",
                )
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NotFound => Self::not_found(),
            Refusal::BadToken => Self::unauthorized(detail),
            Refusal::Blocked => Self::forbidden(detail),
            Refusal::Conflict | Refusal::UsernameTaken | Refusal::LastAdmin => {
                Self::new(ErrorCode::Conflict, detail)
            }
            Refusal::PastHead(past) => {
                Self::invalid_field("seq", format!("must be at most {}", past.head))
            }
            Refusal::BadCursor => Self::invalid_field("cursor", "is not one that this list gave"),
            Refusal::SetupNotNeeded => Self::new(ErrorCode::Gone, detail),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<RetryAfterMs> for Problem {
    fn from(RetryAfterMs(wait_ms): RetryAfterMs) -> Self {
        Self {
            retry_after_ms: Some(wait_ms),
            ..Self::new(
                ErrorCode::RateLimited,
                "too many requests; wait as long as Retry-After says",
            )
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        Self::unauthorized(error.to_string())
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self {
                retry_after_ms: Some(1_000),
                ..Self::new(ErrorCode::Busy, error.to_string())
            },
            HashError::Damaged => {
                tracing::error!(%error, "a password could not be compared");
                Self::new(ErrorCode::StorageUnavailable, error.to_string())
            }
            HashError::Failed(_) => {
                tracing::error!(%error, "a password could not be hashed or compared");
                Self::new(
                    ErrorCode::Internal,
                    "the server made a mistake; its log says more",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn body(problem: Problem) -> (Response<()>, serde_json::Value) {
        let (parts, body) = problem.into_response().into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        (
            Response::from_parts(parts, ()),
            serde_json::from_slice(&bytes).expect("JSON"),
        )
    }

    #[tokio::test]
    async fn a_problem_has_the_documented_shape() {
        let (response, json) = body(Problem::invalid_field("seq", "must be at most 7")).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(
            json,
            serde_json::json!({
                "type": "/problems/invalid", "title": "A field breaks its rules", "status": 400,
                "code": "invalid", "detail": "seq must be at most 7",
                "errors": [{"field": "seq", "message": "must be at most 7"}],
            })
        );
        let (_, json) = body(Problem::not_found()).await;
        assert_eq!(json.get("errors"), None);
    }

    #[tokio::test]
    async fn waits_are_told_in_whole_seconds_rounded_up() {
        let (response, _) = body(Problem::from(RetryAfterMs(1_001))).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "2");
        let (response, _) = body(Problem::new(ErrorCode::RateLimited, "")).await;
        assert_eq!(response.headers()["retry-after"], "1");
        let (response, _) = body(Problem::unauthorized("")).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }

    #[test]
    fn a_problem_can_be_written_without_a_request() {
        let written = Problem::from(RetryAfterMs(1_001)).as_http1();
        let written = String::from_utf8(written).expect("text");
        let (head, body) = written.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nRetry-After: 2\r\n"), "{head}");
        let length = format!("\r\nContent-Length: {}\r\n", body.len());
        assert!(head.contains(&length), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["code"], "rate_limited");
    }

    #[tokio::test]
    async fn causes_stay_inside() {
        let cause = StoreError::Unavailable("disk /dev/sdx1 full".into());
        let (response, json) = body(cause.into()).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!json.to_string().contains("sdx1"), "{json}");
    }
}
