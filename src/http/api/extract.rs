//! What comes in with a request, checked, with every mistake named; and JSON going out.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::chat::limits::{self, BadContent, Violation};
use crate::chat::parse_uuid;
use crate::http::client_addr::client_ip_of;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::protocol::ErrorCode;

/// A body that comes in more slowly is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest number that JSON readers and the store both know.
const MAX_NUMBER: u64 = i64::MAX as u64;

/// A JSON answer.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "bug: a response cannot be encoded as JSON");
                Problem::internal().into_response()
            }
        }
    }
}

/// A request's JSON body.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        match UnreadBody::from_request(request, state).await {
            Ok(body) => body.json().await.map(Self),
        }
    }
}

/// A request's JSON body, for a handler that has something to ask before it reads and parses
/// what may be 128 KiB: whether the caller may call at all.
#[derive(Debug)]
pub(crate) struct UnreadBody {
    headers: HeaderMap,
    body: Body,
}

impl FromRequest<AppState> for UnreadBody {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        Ok(Self { headers, body })
    }
}

impl UnreadBody {
    /// Reads the body.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let bytes = read_body(self.body).await?;
        parse_body(&self.headers, &bytes)
    }
}

async fn read_body(body: Body) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, collect(body)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            ErrorCode::BadFrame,
            format!("the body did not come within {} s", BODY_TIMEOUT.as_secs()),
        )),
    }
}

async fn collect(mut body: Body) -> Result<Bytes, Problem> {
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Problem::new(ErrorCode::BadFrame, "the body could not be read"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if kept.len() + data.len() > limits::FRAME_BYTES {
            return Err(Problem::new(
                ErrorCode::TooLarge,
                format!("a body may have at most {} bytes", limits::FRAME_BYTES),
            ));
        }
        kept.extend_from_slice(&data);
    }
    Ok(kept.freeze())
}

fn parse_body<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        // Where every field is optional, nothing is as good as {}.
        let nothing = serde_json::Value::Object(serde_json::Map::new());
        return serde_json::from_value(nothing).map_err(|_| {
            Problem::new(
                ErrorCode::BadFrame,
                "the body is empty; a JSON object is needed",
            )
        });
    }
    if !is_json(headers) {
        return Err(Problem::new(
            ErrorCode::UnsupportedMediaType,
            "send the body as Content-Type: application/json",
        ));
    }
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(
            ErrorCode::BadFrame,
            format!("the body is not JSON: {error}"),
        )
    })?;
    if !value.is_object() {
        return Err(Problem::invalid_field("body", "must be a JSON object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        wrong_type(&path, &error.into_inner().to_string())
    })
}

/// serde's «invalid type: integer `5`, expected a string» in the words of a form.
fn wrong_type(path: &str, message: &str) -> Problem {
    if let Some(field) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
    {
        return Problem::invalid_field(field, "is missing");
    }
    let expected = match message.rsplit_once("expected ") {
        Some((_, "u64")) => format!("must be a whole number from 0 to {MAX_NUMBER}"),
        Some((_, expected)) => format!("must be {expected}"),
        None => "is not what is expected here".to_owned(),
    };
    Problem::invalid_field(path, expected)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The id in the path. What is no UUID names nothing, so it is «not found».
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathId(pub(crate) Uuid);

impl FromRequestParts<AppState> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .ok()
            .and_then(|Path(text)| parse_uuid(&text))
            .map(Self)
            .ok_or_else(Problem::not_found)
    }
}

/// The client's address, as far as it can be trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientIp(pub(crate) std::net::IpAddr);

impl FromRequestParts<AppState> for ClientIp {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(client_ip_of(
            &parts.extensions,
            &parts.headers,
            &state.config.server.trusted_proxies,
        )))
    }
}

/// The parameters behind `?`. Unknown ones are ignored, empty ones count as absent.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl FromRequestParts<AppState> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query().unwrap_or("")))
    }
}

impl Query {
    fn parse(query: &str) -> Self {
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The parameter's text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The parameter as a whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let given = self.0.iter().find(|(key, _)| key == name);
        let Some((_, text)) = given else {
            return Ok(None);
        };
        text.parse::<u64>()
            .ok()
            .filter(|number| *number <= MAX_NUMBER && !text.starts_with('+'))
            .map(Some)
            .ok_or_else(|| {
                Problem::invalid_field(
                    name,
                    format!("must be a whole number from 0 to {MAX_NUMBER}"),
                )
            })
    }

    /// The parameter parsed from one of its known words.
    pub(crate) fn word<T: std::str::FromStr<Err = String>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|message: String| Problem::invalid_field(name, message))
            })
            .transpose()
    }

    /// `limit`: 1 to 200, 50 when left out.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let Some(limit) = self.number("limit")? else {
            return Ok(limits::PAGE_ITEMS_DEFAULT);
        };
        usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=limits::PAGE_ITEMS).contains(limit))
            .ok_or_else(|| {
                Problem::invalid_field("limit", format!("must be 1 to {}", limits::PAGE_ITEMS))
            })
    }

    /// `cursor`, as an earlier page gave it.
    pub(crate) fn cursor(&self) -> Option<String> {
        self.text("cursor").map(str::to_owned)
    }
}

/// Checks a message's content.
pub(crate) fn check_content(content: &str) -> Result<(), Problem> {
    limits::check_content(content).map_err(|bad| match bad {
        BadContent::TooLarge => Problem::new(
            ErrorCode::TooLarge,
            format!(
                "content must have at most {} characters",
                limits::CONTENT_CHARS
            ),
        ),
        BadContent::Invalid(violation) => Problem::invalid(vec![violation]),
    })
}

/// Checks a seq in a body: beyond what the store can count there is nothing.
pub(crate) fn check_seq(seq: u64) -> Result<u64, Problem> {
    if seq <= MAX_NUMBER {
        Ok(seq)
    } else {
        Err(Problem::invalid_field(
            "seq",
            format!("must be a whole number from 0 to {MAX_NUMBER}"),
        ))
    }
}

/// Runs several checks and refuses with all that failed.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    /// Notes a failed check; a failed one counts as the type's empty value until
    /// [`finish`](Self::finish) refuses.
    pub(crate) fn take<T: Default>(&mut self, checked: Result<T, Violation>) -> T {
        checked.unwrap_or_else(|violation| {
            self.0.push(violation);
            T::default()
        })
    }

    /// Refuses when any check failed.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.0))
        }
    }
}

/// For `Option<Option<T>>` fields: tells `null` (`Some(None)`) from «not there» (`None`,
/// with `#[serde(default)]`).
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Post {
        id: String,
        seq: Option<u64>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Optional {
        name: Option<String>,
    }

    fn json_headers(content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers
    }

    fn refuse(content_type: &'static str, body: &str) -> (ErrorCode, Vec<String>) {
        let problem = parse_body::<Post>(&json_headers(content_type), body.as_bytes())
            .expect_err("it is refused");
        let fields = problem.errors.into_iter().map(|error| error.field);
        (problem.code, fields.collect())
    }

    #[test]
    fn mistakes_in_a_body_are_told_apart() {
        let json = "application/json";
        assert_eq!(refuse(json, "{").0, ErrorCode::BadFrame);
        assert_eq!(refuse(json, "").0, ErrorCode::BadFrame);
        assert_eq!(
            refuse("text/plain", r#"{"id":"a"}"#).0,
            ErrorCode::UnsupportedMediaType
        );
        assert_eq!(
            refuse(json, "[]"),
            (ErrorCode::Invalid, vec!["body".into()])
        );
        assert_eq!(refuse(json, "{}"), (ErrorCode::Invalid, vec!["id".into()]));
        assert_eq!(
            refuse(json, r#"{"id":7}"#),
            (ErrorCode::Invalid, vec!["id".into()])
        );
        assert_eq!(
            refuse(json, r#"{"id":"a","seq":-1}"#),
            (ErrorCode::Invalid, vec!["seq".into()])
        );
        let problem =
            parse_body::<Post>(&json_headers(json), br#"{"id":7}"#).expect_err("it is refused");
        assert_eq!(problem.detail, "id must be a string");
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.shop+json",
        ] {
            assert!(
                parse_body::<Post>(&json_headers(good), br#"{"id":"a","new":1}"#).is_ok(),
                "{good}"
            );
        }
        assert_eq!(
            parse_body::<Optional>(&HeaderMap::new(), b""),
            Ok(Optional { name: None })
        );
    }

    #[test]
    fn limits_are_one_to_two_hundred() {
        let limit = |query| Query::parse(query).limit().ok();
        assert_eq!(limit(""), Some(50));
        assert_eq!(limit("limit=1"), Some(1));
        assert_eq!(limit("limit=200&x=y"), Some(200));
        for wrong in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1.5",
            "limit=+5",
            "limit=%2B5",
            "limit=99999999999999999999",
        ] {
            assert_eq!(limit(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_body_has_a_limit() {
        let body = |bytes: usize| Body::from(vec![b' '; bytes]);
        assert!(read_body(body(limits::FRAME_BYTES)).await.is_ok());
        let problem = read_body(body(limits::FRAME_BYTES + 1))
            .await
            .expect_err("it is too large");
        assert_eq!(problem.code, ErrorCode::TooLarge);
    }
}
