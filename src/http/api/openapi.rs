//! The API's description, made from the handlers, and a page that shows it to people.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{admin, health, visitor};
use crate::http::pages::{html, page};
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
        (name = "visitor", description = "The customer's side: a visitor's token or a signed identity as Bearer"),
        (name = "agent", description = "The shop's side: an agent's token as Bearer, or the console's cookie"),
        (name = "operation", description = "For those who run the server"),
    ),
    components(schemas(ProblemBody<'_>, FieldError)),
)]
struct Description;

/// The documented routes.
pub(crate) fn router() -> Router<AppState> {
    calls().split_for_parts().0
}

/// What describes them.
pub(crate) fn document() -> OpenApi {
    let mut document = calls().into_openapi();
    add_security(&mut document);
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            add_errors(path, operation);
        }
    }
    document
}

fn calls() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .merge(visitor::routes())
        .merge(admin::routes())
}

/// `/api/openapi.json` and `/api/docs`.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route(
            "/api/openapi.json",
            get(async || {
                (
                    [(header::CONTENT_TYPE, "application/json")],
                    WRITTEN.json.clone(),
                )
            }),
        )
        .route("/api/docs", get(async || html(WRITTEN.html.clone())))
}

/// Both, as they are sent.
struct Written {
    json: Bytes,
    html: String,
}

/// Few servers are ever asked for them, so they are written for the first who asks.
static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let document = serde_json::to_value(document()).expect("the document is plain JSON");
    Written {
        json: document.to_string().into(),
        html: page("Shoptalk API", &render(&document)),
    }
});

fn add_security(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let mut bearer = |name: &str, words: &str| {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(words))
            .build();
        components.add_security_scheme(name, SecurityScheme::Http(scheme));
    };
    bearer("visitor", "a visitor's token, or an identity JWT");
    bearer("agent", "the token that signing in gave");
    let cookie = ApiKeyValue::with_description(
        "shoptalk_session",
        "the console's own cookie; unsafe calls need the own Origin. Where the server's origin \
         is https, its name begins with __Host-",
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

/// Adds the errors that follow from what a call takes: credentials, an id, a body.
fn add_errors(path: &str, operation: &mut Operation) {
    let mut codes = Vec::new();
    let is_api = path.starts_with("/api/");
    if is_api {
        codes.extend([
            ErrorCode::Unauthorized,
            ErrorCode::Forbidden,
            ErrorCode::StorageUnavailable,
        ]);
        if operation.parameters.is_some() || operation.request_body.is_some() {
            codes.push(ErrorCode::Invalid);
        }
    }
    if path.contains('{') {
        codes.push(ErrorCode::NotFound);
    }
    if operation.request_body.is_some() {
        codes.extend([ErrorCode::TooLarge, ErrorCode::UnsupportedMediaType]);
    }
    let posts = operation.request_body.is_some() && path.ends_with("/messages");
    let signs_in = ["/login", "/setup", "/me"]
        .iter()
        .any(|end| path.ends_with(end));
    let opens = path == "/api/chat/rooms" && operation.request_body.is_some();
    if posts || opens || (signs_in && operation.request_body.is_some()) {
        codes.push(ErrorCode::RateLimited);
    }
    if posts || (path.contains("/agents") && operation.request_body.is_some()) {
        codes.push(ErrorCode::Conflict);
    }
    match path {
        "/api/admin/setup" => codes.push(ErrorCode::Gone),
        "/readyz" => codes.push(ErrorCode::StorageUnavailable),
        "/metrics" => codes.extend([ErrorCode::Unauthorized, ErrorCode::Forbidden]),
        _ => {}
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

/// The document as a page: each call with its parameters, body and answers, then the shapes.
fn render(document: &Value) -> String {
    let mut html = String::new();
    let _ = write!(
        html,
        "<header><h1>{} <small>{}</small></h1><p>{}</p>\
         <p>As a document: <a href=\"/api/openapi.json\">openapi.json</a></p></header>",
        text(&document["info"]["title"]),
        text(&document["info"]["version"]),
        text(&document["info"]["description"]),
    );
    for tag in array(&document["tags"]) {
        let _ = write!(
            html,
            "<section><h2>{}</h2><p>{}</p>",
            text(&tag["name"]),
            text(&tag["description"])
        );
        for (path, item) in entries(&document["paths"]) {
            for (method, operation) in entries(item) {
                if operation["tags"][0] == tag["name"] {
                    render_operation(&mut html, method, path, operation);
                }
            }
        }
        html.push_str("</section>");
    }
    html.push_str("<section><h2>Shapes</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let _ = write!(
            html,
            "<article id=\"{0}\"><h3>{0}</h3>{1}",
            escape(name),
            paragraph(&schema["description"])
        );
        render_fields(&mut html, schema);
        html.push_str("</article>");
    }
    html.push_str("</section>");
    html
}

fn render_operation(html: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        html,
        "<article><h3><code><b>{}</b> {}</code></h3><p><strong>{}</strong></p>{}",
        escape(&method.to_uppercase()),
        escape(path),
        text(&operation["summary"]),
        paragraph(&operation["description"])
    );
    let parameters = array(&operation["parameters"]);
    if !parameters.is_empty() {
        html.push_str("<table><tbody>");
        for parameter in parameters {
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                type_of(&parameter["schema"]),
                text(&parameter["description"])
            );
        }
        html.push_str("</tbody></table>");
    }
    if let Some(schema) = content_schema(&operation["requestBody"]) {
        let _ = write!(html, "<p>Takes {}</p>", type_of(schema));
    }
    html.push_str("<ul>");
    for (status, response) in entries(&operation["responses"]) {
        let _ = write!(html, "<li><code>{}</code> ", escape(status));
        match content_schema(response) {
            Some(schema) => {
                let _ = write!(
                    html,
                    "{} {}",
                    type_of(schema),
                    text(&response["description"])
                );
            }
            None => html.push_str(&text(&response["description"])),
        }
        html.push_str("</li>");
    }
    html.push_str("</ul></article>");
}

fn render_fields(html: &mut String, schema: &Value) {
    for part in array(&schema["allOf"]) {
        if part["$ref"].is_string() {
            let _ = write!(html, "<p>Everything of {}, and:</p>", type_of(part));
        } else {
            render_fields(html, part);
        }
    }
    let words = array(&schema["enum"]);
    if !words.is_empty() {
        let words = words
            .iter()
            .map(|word| format!("<code>{}</code>", text(word)));
        let _ = write!(html, "<p>{}</p>", words.collect::<Vec<_>>().join(", "));
    }
    let fields = entries(&schema["properties"]);
    if fields.is_empty() {
        return;
    }
    html.push_str("<table><tbody>");
    for (name, field) in fields {
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(name),
            type_of(field),
            text(&field["description"])
        );
    }
    html.push_str("</tbody></table>");
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let parts = array(&schema[choice]);
        if !parts.is_empty() {
            return parts.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    let name = match &schema["type"] {
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        name => text(name),
    };
    if name == "array" {
        return format!("list of {}", type_of(&schema["items"]));
    }
    match schema["format"].as_str() {
        Some(format) => format!("{name} ({})", escape(format)),
        None => name,
    }
}

fn content_schema(holder: &Value) -> Option<&Value> {
    let (_, content) = *entries(&holder["content"]).first()?;
    content.get("schema")
}

fn paragraph(value: &Value) -> String {
    match text(value) {
        words if words.is_empty() => words,
        words => format!("<p>{words}</p>"),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> Vec<(&str, &Value)> {
    value.as_object().map_or_else(Vec::new, |object| {
        object
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    })
}

/// A description: plain words with `code` between backticks.
fn text(value: &Value) -> String {
    let mut html = String::new();
    for (place, part) in value.as_str().unwrap_or("").split('`').enumerate() {
        // Every second part stands between two backticks.
        let _ = match place % 2 {
            0 => write!(html, "{}", escape(part)),
            _ => write!(html, "<code>{}</code>", escape(part)),
        };
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::Method;

    use super::*;
    use crate::http::middleware::access::{Access, TABLE, access};

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
    fn every_reference_of_the_document_leads_somewhere() {
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
    fn every_call_of_the_api_names_its_errors_and_its_credentials() {
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
    fn every_call_has_an_id_of_its_own_and_every_answer_a_description() {
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
                    Access::Agent | Access::Admin => security == r#"[{"agent":[]},{"cookie":[]}]"#,
                    Access::Everyone => !security.contains("agent"),
                };
                assert!(
                    agrees,
                    "{method} {path}: {access:?}, but documented {security}"
                );
            }
        }
        for (method, path, _) in TABLE {
            let is_the_document = path.ends_with("openapi.json") || path.ends_with("docs");
            assert!(
                is_the_document || documented.contains(&((*method).to_owned(), (*path).to_owned())),
                "{method} {path} is not documented"
            );
        }
    }

    #[test]
    fn the_page_shows_every_call_and_runs_nothing() {
        let document = document();
        let page = render(&document);
        for (path, _) in entries(&document["paths"]) {
            assert!(page.contains(&escape(path)), "{path}");
        }
        for danger in ["<script", "style=", "http://", "https://"] {
            assert!(!page.contains(danger), "{danger}");
        }
    }
}
