//! The routes of the pages: `/`, the console, the style sheet of the plain pages.

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::html::{NO_FRONT_ENDS, html_response, page, style_sheet};
use super::{assets, widget};
use crate::current_settings::CurrentSettings;
use crate::http::problem::Problem;

/// The console loads its own files, calls its own server, and shows images that it draws itself. Its
/// service worker shows notifications.
const CONSOLE_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; \
    worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The sample shop may do as little as the widget needs.
const SHOP_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'";

/// The page at `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartPage {
    /// What this server is, with links to its parts.
    Plain,
    /// A sample shop with the widget.
    Shop,
}

/// All routes of pages and their files. The widget offers what it mails only if the server
/// `sends_mail`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(
    start: StartPage,
    settings: CurrentSettings,
    sends_mail: bool,
) -> Router<S> {
    Router::new()
        .route("/", get(move |headers| start_page(start, headers)))
        .route("/admin", get(async || Redirect::permanent("/admin/chat")))
        .route("/admin/chat", get(console))
        .route("/admin/setup", get(console))
        .route("/admin/{file}", get(installed))
        .route("/assets/page.css", get(style_sheet))
        .merge(assets::routes())
        .merge(widget::routes(settings, sends_mail))
}

async fn start_page(start: StartPage, headers: HeaderMap) -> Response {
    match start {
        StartPage::Shop => assets::page_response("shop.html", SHOP_CSP, &headers),
        StartPage::Plain => None,
    }
    .unwrap_or_else(|| html_response(page("Shoptalk", START)))
}

/// What makes the console installable. Below `/admin/`, so that the worker may serve the console.
async fn installed(name: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    // A path that is not UTF-8 names no file.
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    match &*name {
        "worker.js" | "manifest.webmanifest" | "icon-192.png" | "icon-512.png" => {
            assets::own_response(&name, &headers)
        }
        _ => Problem::not_found().into_response(),
    }
}

async fn console(headers: HeaderMap) -> Response {
    assets::page_response("console.html", CONSOLE_CSP, &headers)
        .unwrap_or_else(|| html_response(page("Shoptalk console", NO_FRONT_ENDS)))
}

const START: &str = "<h1>Shoptalk</h1>\
    <p>A live chat server for shops: visitors write on the shop's pages, agents reply in the \
    console.</p>\
    <ul><li>Agents: <a href=\"/admin/chat\">the console</a>.</li>\
    <li>Shops: this tag adds the chat to a page: \
    <code>&lt;script async src=\"…/widget.js\"&gt;&lt;/script&gt;</code>. The origins of other \
    sites must be listed in <code>server.allowed_origins</code>.</li>\
    <li>Developers: <a href=\"/api/docs\">the API</a>.</li></ul>";
