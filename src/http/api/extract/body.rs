//! JSON request bodies and responses.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::{DeserializeOwned, Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::checks::whole_number_expected;
use crate::chat::{limits, parse_uuid};
use crate::http::problem::Problem;
use crate::protocol::ErrorCode;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON response.
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

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match DeferredJson::from_request(request, state).await {
            Ok(body) => body.read().await.map(Self),
        }
    }
}

/// A JSON body that the handler reads itself, after its first checks: a body that is refused anyway
/// is not received and parsed.
#[derive(Debug)]
pub(crate) struct DeferredJson {
    headers: HeaderMap,
    body: Body,
}

impl<S: Sync> FromRequest<S> for DeferredJson {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        Ok(Self { headers, body })
    }
}

impl DeferredJson {
    /// Receives and parses the body.
    pub(crate) async fn read<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let bytes = receive(self.body, limits::FRAME_BYTES).await?;
        parse(&self.headers, &bytes)
    }
}

/// A body of any type that the handler reads itself, after its first checks.
#[derive(Debug)]
pub(crate) struct DeferredBody {
    pub(crate) headers: HeaderMap,
    body: Body,
}

impl<S: Sync> FromRequest<S> for DeferredBody {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        Ok(Self { headers, body })
    }
}

impl DeferredBody {
    /// Receives the body, of `max_bytes` at most.
    pub(crate) async fn read(self, max_bytes: usize) -> Result<Bytes, Problem> {
        receive(self.body, max_bytes).await
    }
}

async fn receive(body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, receive_within_limit(body, max_bytes)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            ErrorCode::BadFrame,
            format!(
                "the body did not arrive within {} s",
                BODY_TIMEOUT.as_secs()
            ),
        )),
    }
}

async fn receive_within_limit(mut body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    let mut received = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| Problem::new(ErrorCode::BadFrame, "the body could not be received"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if received.len() + data.len() > max_bytes {
            return Err(Problem::new(
                ErrorCode::TooLarge,
                format!("a body may have at most {max_bytes} bytes"),
            ));
        }
        received.extend_from_slice(&data);
    }
    Ok(received.freeze())
}

fn parse<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        // If every field is optional, no body is the same as {}.
        let empty = serde_json::Value::Object(serde_json::Map::new());
        return serde_json::from_value(empty).map_err(|_| {
            Problem::new(ErrorCode::BadFrame, "the body is empty; send a JSON object")
        });
    }
    if !is_json(headers) {
        return Err(Problem::new(
            ErrorCode::UnsupportedMediaType,
            "send the body with Content-Type: application/json",
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
        field_problem(&path, &error.into_inner().to_string())
    })
}

/// Turns serde's message, like "invalid type: integer `5`, expected a string", into one about a
/// field.
fn field_problem(path: &str, message: &str) -> Problem {
    if let Some(field) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
    {
        // The path is that of the object that lacks it.
        let field = match path {
            "." => field.to_owned(),
            parent => format!("{parent}.{field}"),
        };
        return Problem::invalid_field(field, "is missing");
    }
    let expected = match message.rsplit_once("expected ") {
        Some((_, "u64")) => whole_number_expected(),
        Some((_, "i64")) => "must be a whole number".to_owned(),
        Some((_, "a sequence")) => "must be a list".to_owned(),
        Some((_, expected)) if expected.starts_with("struct ") => {
            "must be a JSON object".to_owned()
        }
        Some((_, expected)) => format!("must be {expected}"),
        None => "has the wrong type".to_owned(),
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

/// Deserializes an `Option<Option<T>>` field so that `null` is `Some(None)` and an absent field,
/// with `#[serde(default)]`, is `None`.
pub(crate) fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}

/// An id in a body, in the one form that the protocol allows; the `Uuid` of serde takes others, too.
struct Id(Uuid);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = parse_uuid(&text).map(Self);
        id.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"a hyphenated UUID"))
    }
}

/// As [`nullable`], of an id.
pub(crate) fn nullable_id<'de, D>(deserializer: D) -> Result<Option<Option<Uuid>>, D::Error>
where
    D: Deserializer<'de>,
{
    let id = Option::<Id>::deserialize(deserializer)?;
    Ok(Some(id.map(|Id(id)| id)))
}

/// A list of ids, or null.
pub(crate) fn ids<'de, D>(deserializer: D) -> Result<Option<Vec<Uuid>>, D::Error>
where
    D: Deserializer<'de>,
{
    let ids = Option::<Vec<Id>>::deserialize(deserializer)?;
    Ok(ids.map(|ids| ids.into_iter().map(|Id(id)| id).collect()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

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
        let problem =
            parse::<Post>(&json_headers(content_type), body.as_bytes()).expect_err("it is refused");
        let fields = problem.errors.into_iter().map(|error| error.field);
        (problem.code, fields.collect())
    }

    #[test]
    fn each_mistake_in_a_body_has_its_code_and_field() {
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
            parse::<Post>(&json_headers(json), br#"{"id":7}"#).expect_err("it is refused");
        assert_eq!(problem.detail, "id must be a string");
    }

    #[test]
    fn a_mistake_inside_another_object_has_its_whole_path_and_no_word_of_this_program() {
        #[derive(Debug, Deserialize)]
        struct Order {
            #[expect(dead_code, reason = "only its mistakes matter")]
            by: Person,
        }
        #[derive(Debug, Deserialize)]
        struct Person {
            #[expect(dead_code, reason = "only its mistakes matter")]
            name: String,
            #[expect(dead_code, reason = "only its mistakes matter")]
            age: i64,
            #[expect(dead_code, reason = "only its mistakes matter")]
            #[serde(default, deserialize_with = "ids")]
            friends: Option<Vec<Uuid>>,
        }
        for (by, detail) in [
            (r#"{"age":7}"#, "by.name is missing"),
            (r#"{"name":"x","age":"7"}"#, "by.age must be a whole number"),
            ("7", "by must be a JSON object"),
            (
                r#"{"name":"x","age":7,"friends":7}"#,
                "by.friends must be a list",
            ),
            (
                r#"{"name":"x","age":7,"friends":["0190d5a87c3e7c568f6b0a1b2c3d4e5f"]}"#,
                "by.friends[0] must be a hyphenated UUID",
            ),
        ] {
            let body = format!(r#"{{"by":{by}}}"#);
            let problem = parse::<Order>(&json_headers("application/json"), body.as_bytes())
                .expect_err("it is refused");
            assert_eq!(problem.detail, detail, "{body}");
        }
    }

    #[test]
    fn json_media_types_are_accepted() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.shop+json",
        ] {
            assert!(
                parse::<Post>(&json_headers(good), br#"{"id":"a","new":1}"#).is_ok(),
                "{good}"
            );
        }
        assert_eq!(
            parse::<Optional>(&HeaderMap::new(), b""),
            Ok(Optional { name: None })
        );
    }

    #[tokio::test]
    async fn a_body_has_a_limit() {
        let body = |bytes: usize| Body::from(vec![b' '; bytes]);
        assert!(
            receive(body(limits::FRAME_BYTES), limits::FRAME_BYTES)
                .await
                .is_ok()
        );
        let problem = receive(body(limits::FRAME_BYTES + 1), limits::FRAME_BYTES)
            .await
            .expect_err("it is too large");
        assert_eq!(problem.code, ErrorCode::TooLarge);
    }
}
