//! The OpenAPI document, made from the handlers, and the routes that it documents.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, ResponseBuilder};

use super::calls::{Calls, calls};
use super::{admin, docs_page, health, hooks, visitor};
use crate::chat::Right;
use crate::http::middleware::ACCESS_TABLE;
use crate::http::pages::{html_response, page};
use crate::http::problem::{FieldError, ProblemBody};
use crate::http::state::AppState;
use crate::protocol::ErrorCode;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Shoptalk",
        description = "Live chat for a shop. Errors are RFC 9457 problems; a trailing slash is \
                       optional everywhere; times are RFC 3339 in UTC.",
        license(name = "MIT", identifier = "MIT"),
    ),
    tags(
        (name = "visitor", description = "The customer's side. Credentials: a visitor's token or a signed identity, as Bearer"),
        (name = "agent", description = "The shop's side. Credentials: a session token as Bearer, or the console's cookie"),
        (name = "operation", description = "For operators"),
    ),
    components(schemas(ProblemBody<'_>, FieldError)),
)]
struct Base;

/// The OpenAPI document.
pub(crate) fn document() -> OpenApi {
    let mut document = calls().document(Base::openapi());
    add_security(&mut document);
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            add_errors(path, operation);
        }
    }
    for (method, path, access) in ACCESS_TABLE {
        if let Some(right) = access.right() {
            let item = document.paths.paths.get_mut(*path);
            let operation = item.and_then(|item| operation_of(item, method));
            add_right(operation, right);
        }
    }
    document
}

/// The OpenAPI document as JSON, as a server replies it.
#[cfg(feature = "test-hooks")]
pub fn api_description() -> String {
    serde_json::to_string(&document()).expect("the document is plain JSON")
}

/// Every route of the API, `/api/openapi.json` and `/api/docs`.
pub(crate) fn routes() -> Router<AppState> {
    calls()
        .into_router()
        .route(
            "/api/openapi.json",
            get(async || {
                (
                    [(header::CONTENT_TYPE, "application/json")],
                    RENDERED.json.clone(),
                )
            }),
        )
        .route(
            "/api/docs",
            get(async || html_response(RENDERED.html.clone())),
        )
}

fn calls() -> Calls {
    Calls::default()
        .add(calls!(health::healthz))
        .add(calls!(health::readyz))
        .add(calls!(health::metrics))
        .add(calls!(hooks::mail))
        .merge(visitor::calls())
        .merge(admin::calls())
}

/// The document in both forms.
struct Rendered {
    json: Bytes,
    html: String,
}

/// Rendered at the first request, since most servers never get one.
static RENDERED: LazyLock<Rendered> = LazyLock::new(|| {
    let document = serde_json::to_value(document()).expect("the document is plain JSON");
    Rendered {
        json: document.to_string().into(),
        html: page("Shoptalk API", &docs_page::render(&document)),
    }
});

fn add_security(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let mut bearer = |name: &str, description: &str| {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description))
            .build();
        components.add_security_scheme(name, SecurityScheme::Http(scheme));
    };
    bearer("visitor", "a visitor's token, or an identity JWT");
    bearer("agent", "the session token of a sign-in");
    bearer("token", "an API token, whose rights name what it may do");
    bearer("hook", "`mail.hook_token`");
    let cookie = ApiKeyValue::with_description(
        "shoptalk_session",
        "the console's cookie; unsafe calls need the server's own Origin. If that is https, the \
         name begins with __Host-",
    );
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn operation_of<'i>(item: &'i mut PathItem, method: &str) -> Option<&'i mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "PUT" => item.put.as_mut(),
        "POST" => item.post.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

/// Adds the right that an API token needs for a call.
fn add_right(operation: Option<&mut Operation>, right: Right) {
    let Some(operation) = operation else { return };
    let requirement = SecurityRequirement::new("token", [right.as_str()]);
    operation.security.get_or_insert_default().push(requirement);
    let description = operation.description.get_or_insert_default();
    if !description.is_empty() {
        description.push_str("\n\n");
    }
    description.push_str(&format!("API tokens need the right `{}`.", right.as_str()));
}

/// Errors of a single call, by its operation id. Those that follow from what a call takes are added
/// by [`codes_by_shape`].
const OWN_ERRORS: &[(&str, &[ErrorCode])] = &[
    ("post_own_message", &[ErrorCode::Conflict]),
    ("set_up", &[ErrorCode::Gone]),
    ("post_message", &[ErrorCode::Conflict]),
    ("suggest_message", &[ErrorCode::Conflict]),
    ("add_note", &[ErrorCode::Conflict]),
    ("mail_own_transcript", &[ErrorCode::Conflict]),
    ("rate_own_room", &[ErrorCode::Conflict]),
    ("mail_transcript", &[ErrorCode::Conflict]),
    ("receive_mail", &[ErrorCode::NotFound]),
    ("make_token", &[ErrorCode::Conflict]),
    ("end_named_token", &[ErrorCode::NotFound]),
    ("add_agent", &[ErrorCode::Conflict]),
    ("change_agent", &[ErrorCode::Conflict]),
    ("change_settings", &[ErrorCode::Conflict]),
    ("change_room", &[ErrorCode::Conflict]),
    ("add_tag", &[ErrorCode::Conflict]),
    ("change_tag", &[ErrorCode::Conflict]),
    ("add_reply", &[ErrorCode::Conflict]),
    ("change_reply", &[ErrorCode::Conflict]),
    ("start_job", &[ErrorCode::Conflict]),
    ("get_job_file", &[ErrorCode::Gone]),
    ("readyz", &[ErrorCode::StorageUnavailable]),
    ("metrics", &[ErrorCode::Unauthorized, ErrorCode::Forbidden]),
];

/// Adds the errors of a call to its responses.
fn add_errors(path: &str, operation: &mut Operation) {
    let mut codes = codes_by_shape(path, operation);
    let id = operation.operation_id.as_deref();
    for (_, own) in OWN_ERRORS.iter().filter(|(own, _)| Some(*own) == id) {
        codes.extend(*own);
    }
    for code in codes {
        let response = ResponseBuilder::new()
            .description(format!("`{}`", code.as_str()))
            .content(
                "application/problem+json",
                Content::new(Some(Ref::from_schema_name("Problem"))),
            )
            .build();
        operation
            .responses
            .responses
            .entry(code.http_status().to_string())
            .or_insert(response.into());
    }
}

/// The errors that follow from what a call takes: credentials, an id, a body.
fn codes_by_shape(path: &str, operation: &Operation) -> Vec<ErrorCode> {
    let has_body = operation.request_body.is_some();
    let mut codes = Vec::new();
    if path.starts_with("/api/") {
        codes.extend([
            ErrorCode::Unauthorized,
            ErrorCode::Forbidden,
            ErrorCode::RateLimited,
            ErrorCode::StorageUnavailable,
        ]);
        if operation.parameters.is_some() || has_body {
            codes.push(ErrorCode::Invalid);
        }
    }
    if path.contains('{') {
        codes.push(ErrorCode::NotFound);
    }
    if has_body {
        codes.extend([ErrorCode::TooLarge, ErrorCode::UnsupportedMediaType]);
    }
    codes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::Method;
    use serde_json::Value;

    use crate::http::api::docs_page::{entries, text};
    use crate::http::middleware::{ACCESS_TABLE, Access, access};

    fn document() -> Value {
        serde_json::to_value(super::document()).expect("plain JSON")
    }

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                    found.push(target.to_owned());
                }
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_of_the_document_resolves() {
        let document = document();
        assert!(text(&document["openapi"]).starts_with("3.1"));
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn every_call_documents_its_errors_and_credentials() {
        let document = document();
        for (path, item) in entries(&document["paths"]) {
            for (method, operation) in entries(item) {
                if path.starts_with("/api/") {
                    assert!(operation["responses"]["401"].is_object(), "{method} {path}");
                    assert!(operation["security"].is_array(), "{method} {path}");
                }
                assert!(!text(&operation["summary"]).is_empty(), "{method} {path}");
            }
        }
    }

    /// Generated clients have a function for each operation, named after its id.
    #[test]
    fn every_call_has_a_unique_id_and_every_response_a_description() {
        let document = document();
        let mut ids = Vec::new();
        for (path, item) in entries(&document["paths"]) {
            for (method, operation) in entries(item) {
                ids.push(text(&operation["operationId"]));
                for (status, response) in entries(&operation["responses"]) {
                    let description = text(&response["description"]);
                    assert!(!description.is_empty(), "{method} {path} {status}");
                }
            }
        }
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id is used twice: {ids:?}");
        assert!(!ids[0].is_empty());
    }

    #[test]
    fn every_error_of_a_single_call_is_documented_there() {
        let document = document();
        let mut left: Vec<_> = super::OWN_ERRORS.to_vec();
        for (_, item) in entries(&document["paths"]) {
            for (_, operation) in entries(item) {
                let id = text(&operation["operationId"]);
                for (_, codes) in left.extract_if(.., |(own, _)| *own == id) {
                    for code in codes {
                        let status = code.http_status().to_string();
                        assert!(operation["responses"][&status].is_object(), "{id} {status}");
                    }
                }
            }
        }
        assert!(left.is_empty(), "no such call: {left:?}");
    }

    #[test]
    fn the_access_table_and_the_document_agree() {
        let document = document();
        let mut documented = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let method: Method = method.to_uppercase().parse().expect("a method");
                documented.insert((method.to_string(), path.clone()));
                let access = access(&method, path).unwrap_or_else(|| panic!("{method} {path}"));
                let security = operation["security"].to_string();
                let agrees = match access {
                    Access::Visitor => security == r#"[{"visitor":[]}]"#,
                    Access::Agent | Access::Admin | Access::Doctor => {
                        security == r#"[{"agent":[]},{"cookie":[]}]"#
                    }
                    Access::AgentOrToken(right) | Access::AdminOrToken(right) => {
                        let right = right.as_str();
                        security
                            == format!(
                                r#"[{{"agent":[]}},{{"cookie":[]}},{{"token":["{right}"]}}]"#
                            )
                    }
                    Access::Everyone => !security.contains("agent"),
                };
                assert!(
                    agrees,
                    "{method} {path}: {access:?}, but documented {security}"
                );
            }
        }
        for (method, path, _) in ACCESS_TABLE {
            let is_the_document = path.ends_with("openapi.json") || path.ends_with("docs");
            assert!(
                is_the_document || documented.contains(&((*method).to_owned(), (*path).to_owned())),
                "{method} {path} is not documented"
            );
        }
    }
}
