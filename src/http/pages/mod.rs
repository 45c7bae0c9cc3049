//! The pages for people: `/`, the console, and the frame of the plain ones.

pub(super) mod assets;
pub(super) mod embedding;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::http::state::AppState;

/// What the console may do: its own files, its own server, pictures that it draws itself.
const CONSOLE_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; font-src 'self'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'none'";

/// What the sample shop may do: as little as the widget in it needs.
const SHOP_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'";

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

/// What `/` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartPage {
    /// What this server is and where its parts are.
    Plain,
    /// A shop to try the widget in.
    Shop,
}

/// The start page, the console and the style sheet of the plain pages.
pub(crate) fn routes(start: StartPage) -> Router<AppState> {
    Router::new()
        .route("/", get(move |headers| start_page(start, headers)))
        .route("/admin", get(async || Redirect::permanent("/admin/chat")))
        .route("/admin/chat", get(console))
        .route("/admin/setup", get(console))
        .route("/assets/page.css", get(style))
}

async fn start_page(start: StartPage, headers: HeaderMap) -> Response {
    match start {
        StartPage::Shop => assets::page("shop.html", SHOP_CSP, &headers),
        StartPage::Plain => None,
    }
    .unwrap_or_else(|| html(page("Shoptalk", START)))
}

async fn console(headers: HeaderMap) -> Response {
    assets::page("console.html", CONSOLE_CSP, &headers)
        .unwrap_or_else(|| html(page("Shoptalk console", NO_FRONT_ENDS)))
}

/// An own page with the given body, which must be HTML already.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/assets/page.css\"></head>\
         <body>{body}</body></html>"
    )
}

/// An answer that is a page.
pub(crate) fn html(page: String) -> Response {
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

const START: &str = "<h1>Shoptalk</h1>\
    <p>This is a chat server: visitors ask on the shop's pages, agents answer in the console, \
    and no message is lost or doubled.</p>\
    <ul><li>Agents: <a href=\"/admin/chat\">the console</a>.</li>\
    <li>Shops: one tag puts the chat on a page, \
    <code>&lt;script async src=\"…/widget.js\"&gt;&lt;/script&gt;</code>. A page of another \
    origin must be named in <code>server.allowed_origins</code>.</li>\
    <li>Developers: <a href=\"/api/docs\">the calls and their shapes</a>.</li></ul>";

const NO_FRONT_ENDS: &str = "<h1>Console</h1>\
    <p>This server was built without its pages (<code>--no-default-features</code>). Build it \
    with them, or work through <a href=\"/api/docs\">the API</a>.</p>";
