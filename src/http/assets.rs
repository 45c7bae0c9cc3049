//! Pages and files for browsers.
//!
//! The widget and the console are not built yet; what stands in for them says so.

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::AppState;

/// What an own page may do: show itself with the served style sheet, nothing else.
const PAGE_CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent)}
body{max-width:60rem;margin:0 auto;padding:2rem 1rem;font:16px/1.55 system-ui,sans-serif}
h1,h2,h3{line-height:1.25}h2{margin-top:3rem;text-transform:capitalize}
small{font-weight:normal;opacity:.7}
article{border-top:1px solid var(--line);padding:.5rem 0 1rem}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}td{padding:.25rem .75rem .25rem 0;vertical-align:top}
tr+tr td{border-top:1px solid var(--line)}
";

/// The start page, the console's place, the widget's place and the style sheet.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(async || html(page("Shoptalk", START))))
        .route(
            "/admin/chat",
            get(async || html(page("Shoptalk console", CONSOLE))),
        )
        .route(
            "/admin/setup",
            get(async || html(page("Shoptalk setup", SETUP))),
        )
        .route("/assets/page.css", get(style))
        .route("/widget.js", get(widget))
}

/// An own page with the given body, which must be HTML already.
pub(super) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/assets/page.css\"></head>\
         <body>{body}</body></html>"
    )
}

/// An answer that is a page.
pub(super) fn html(page: String) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, PAGE_CSP),
        ],
        page,
    )
        .into_response()
}

async fn style() -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        STYLE,
    )
        .into_response()
}

/// Any shop's page may load the widget.
async fn widget() -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "cross-origin",
            ),
        ],
        "// Shoptalk: the storefront's widget is not built yet. The API is documented at /api/docs.\n",
    )
        .into_response()
}

const START: &str = "<h1>Shoptalk</h1>\
    <p>Live chat for a shop: visitors ask, agents answer, and no message is lost or doubled.</p>\
    <ul><li>The API and the sockets are open: see <a href=\"/api/docs\">the calls and their \
    shapes</a>.</li>\
    <li>To hold a conversation, run the two terminal clients beside this server: \
    <code>cargo run --example customer -- --name Ann</code> and \
    <code>cargo run --example agent -- --username NAME</code>.</li>\
    <li>The storefront's widget and <a href=\"/admin/chat\">the console</a> will be pages of \
    this server.</li></ul>";

const CONSOLE: &str = "<h1>Console</h1>\
    <p>The console is not built yet. Until then agents work through the terminal client, \
    <code>cargo run --example agent -- --username NAME</code>, or through <a href=\"/api/docs\">the API</a>.</p>";

const SETUP: &str = "<h1>Setup</h1>\
    <p>To make the first admin, send the code that stands behind the <code>#</code> of this \
    page's address to <code>POST /api/admin/setup</code>, with a <code>username</code> and a \
    <code>password</code> of at least 8 bytes; or run <code>shoptalk agent add NAME --role \
    admin</code> on the server.</p>";
