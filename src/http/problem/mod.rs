//! Every refused request gets the same body: RFC 9457 `application/problem+json`.
//!
//! `type` is `/problems/<code>`, a stable name for programs; `title` is the same for people;
//! `detail` has what is wrong and what to do. `conversions` turns the errors of the layers below
//! into problems; internal causes are logged there and not sent to the client.

mod conversions;

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::Summary;
use crate::chat::limits::Violation;
use crate::protocol::ErrorCode;

/// The media type of every error.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The wait that a refusal suggests when nothing better is known.
const RETRY_SOON_MS: u64 = 1_000;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The stable code; it decides the status.
    pub(crate) code: ErrorCode,
    /// What is wrong and what to do.
    pub(crate) detail: String,
    /// The invalid fields.
    pub(crate) errors: Vec<FieldError>,
    /// How long to wait before the next attempt.
    pub(crate) retry_after_ms: Option<u64>,
    /// An extra response header, its name in lower case.
    pub(crate) header: Option<(&'static str, &'static str)>,
    /// The room as it is now, when somebody else has changed it first.
    pub(crate) summary: Option<Box<Summary>>,
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
    /// The code for people.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// The stable code for programs.
    #[schema(example = "invalid")]
    #[cfg_attr(test, ts(as = "ErrorCode"))]
    code: &'a str,
    /// What is wrong and what to do.
    detail: &'a str,
    /// The invalid fields.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(required = false)]
    #[cfg_attr(test, ts(optional, as = "Option<&[FieldError]>"))]
    errors: &'a [FieldError],
    /// The room as it is now, when somebody else has changed it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    #[cfg_attr(test, ts(optional))]
    summary: Option<&'a Summary>,
}

impl Problem {
    /// A problem with this code and no field errors.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_ms: None,
            header: None,
            summary: None,
        }
    }

    /// Fields that violate their rules; there must be at least one.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        let errors = violations.into_iter().map(|violation| FieldError {
            field: violation.field.to_owned(),
            message: violation.message,
        });
        Self::invalid_fields(errors.collect())
    }

    /// As [`Problem::invalid`], with fields of any name.
    pub(crate) fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let detail = errors
            .iter()
            .map(|error| format!("{} {}", error.field, error.message))
            .collect::<Vec<_>>()
            .join("; ");
        Self {
            errors,
            ..Self::new(ErrorCode::Invalid, detail)
        }
    }

    /// One field that violates its rule.
    pub(crate) fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self {
            detail: format!("{field} {message}"),
            errors: vec![FieldError { field, message }],
            ..Self::new(ErrorCode::Invalid, "")
        }
    }

    /// It does not exist, or is not visible to the caller.
    pub(crate) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "not found")
    }

    /// No room with this id that the caller may see.
    pub(crate) fn no_such_room() -> Self {
        Self::new(ErrorCode::NotFound, "no such room")
    }

    /// Credentials are missing or not valid.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unauthorized, detail)
    }

    /// The caller is known but not allowed to do this.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, detail)
    }

    /// The server is shutting down.
    pub(crate) fn draining() -> Self {
        Self {
            retry_after_ms: Some(RETRY_SOON_MS),
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
            format!("{method} is not supported here; see the Allow header"),
        )
    }

    /// A bug of the server. The caller logs the cause, which is not sent.
    pub(crate) fn internal() -> Self {
        Self::new(
            ErrorCode::Internal,
            "internal error; the server's log has the cause",
        )
    }

    /// Temporarily overloaded: the client should try again in a second.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self {
            retry_after_ms: Some(RETRY_SOON_MS),
            ..Self::new(ErrorCode::Busy, detail)
        }
    }
}

fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BadFrame => "Not JSON",
        ErrorCode::Invalid => "Invalid field",
        ErrorCode::Unauthorized => "Credentials required",
        ErrorCode::BadCredentials => "Wrong user name or password",
        ErrorCode::Forbidden => "Not allowed",
        ErrorCode::NotFound => "Not found",
        ErrorCode::MethodNotAllowed => "Method not allowed",
        ErrorCode::Conflict => "Conflicts with stored data",
        ErrorCode::Gone => "No longer available",
        ErrorCode::TooLarge => "Too large",
        ErrorCode::UnsupportedMediaType => "Unsupported media type",
        ErrorCode::RateLimited => "Too many requests",
        ErrorCode::Internal => "Internal server error",
        ErrorCode::Busy => "Busy",
        ErrorCode::StorageUnavailable => "Storage unavailable",
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
            summary: self.summary.as_deref(),
        })
        .expect("a problem is plain JSON")
    }

    /// The value of `Retry-After`, in seconds rounded up.
    fn retry_after_s(&self) -> Option<u64> {
        let wait_ms = match (self.code, self.retry_after_ms) {
            (ErrorCode::RateLimited, None) => Some(RETRY_SOON_MS),
            (_, wait) => wait,
        };
        wait_ms.map(|wait_ms| wait_ms.div_ceil(1_000).max(1))
    }

    /// The whole HTTP/1.1 response as bytes, for a connection that is closed before a request
    /// was read.
    pub(crate) fn to_http1_response(&self) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn rate_limited(wait_ms: u64) -> Problem {
        Problem {
            retry_after_ms: Some(wait_ms),
            ..Problem::new(ErrorCode::RateLimited, "")
        }
    }

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
                "type": "/problems/invalid", "title": "Invalid field", "status": 400,
                "code": "invalid", "detail": "seq must be at most 7",
                "errors": [{"field": "seq", "message": "must be at most 7"}],
            })
        );
        let (_, json) = body(Problem::not_found()).await;
        assert_eq!(json.get("errors"), None);
    }

    #[tokio::test]
    async fn retry_after_is_in_whole_seconds_rounded_up() {
        let (response, _) = body(rate_limited(1_001)).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "2");
        let (response, _) = body(Problem::new(ErrorCode::RateLimited, "")).await;
        assert_eq!(response.headers()["retry-after"], "1");
        let (response, _) = body(Problem::unauthorized("")).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }

    #[test]
    fn a_problem_can_be_sent_before_any_request_is_read() {
        let written = rate_limited(1_001).to_http1_response();
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
    async fn internal_causes_are_not_sent_to_the_client() {
        let cause = crate::persistence::StoreError::Unavailable("disk /dev/sdx1 full".into());
        let (response, json) = body(cause.into()).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!json.to_string().contains("sdx1"), "{json}");
    }
}
