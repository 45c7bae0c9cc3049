//! The sample page of another shop: another origin, a strict policy, one tag.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::normalize_path::NormalizePath;

use super::{NO_FRONT_ENDS, assets, html, page};
use crate::http::connections::Service;

/// What stands for the server's origin in the page's file.
const PLACEHOLDER: &str = "https://chat.example.com";

/// The page and its files, for a listener of their own. `server` is the origin of the
/// server whose widget it embeds.
pub(crate) fn embedding(server: &str) -> Service {
    let sockets = server.replacen("http", "ws", 1);
    let csp = format!(
        "default-src 'none'; script-src {server}; connect-src {server} {sockets}; \
         style-src 'self'; img-src 'self'"
    );
    let embedding_page = assets::text("embed.html")
        .map(|page| page.replace(PLACEHOLDER, server).replace("{csp}", &csp));
    let answer = async move || -> Response {
        match embedding_page {
            Some(page) => (
                [
                    (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                    (header::CONTENT_SECURITY_POLICY, csp),
                    (header::CACHE_CONTROL, "no-store".to_owned()),
                ],
                page,
            )
                .into_response(),
            None => html(page("No front ends", NO_FRONT_ENDS)),
        }
    };
    let router = Router::new()
        .route("/", get(answer))
        .merge(assets::routes());
    NormalizePath::trim_trailing_slash(router)
}
