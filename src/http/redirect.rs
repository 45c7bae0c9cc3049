//! The plain listener beside TLS: it redirects to the server's own URL, and answers authorities
//! that validate a name.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::normalize_path::NormalizePath;

use super::connections::Service;
use super::problem::Problem;
use crate::tls::HttpChallenges;

/// How long browsers may remember a redirect, so that a changed `public_url` is noticed.
const CACHE: &str = "max-age=3600";

/// Redirects everything to the same path below `base_url`, whatever host was asked for.
pub(crate) fn redirect(base_url: String, challenges: HttpChallenges) -> Service {
    let challenge = async move |Path(token): Path<String>| -> Response {
        match challenges.get(&token) {
            Some(response) => (
                [(header::CONTENT_TYPE, "application/octet-stream")],
                response,
            )
                .into_response(),
            None => Problem::not_found().into_response(),
        }
    };
    let router = Router::new()
        .route("/.well-known/acme-challenge/{token}", get(challenge))
        .fallback(async move |uri: Uri| to_https(&base_url, &uri));
    NormalizePath::trim_trailing_slash(router)
}

fn to_https(base_url: &str, uri: &Uri) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // `OPTIONS *` has no path.
    let path = if path.starts_with('/') { path } else { "/" };
    let location = format!("{base_url}{path}");
    (
        StatusCode::PERMANENT_REDIRECT,
        [
            (header::LOCATION, location.as_str()),
            (header::CACHE_CONTROL, CACHE),
        ],
    )
        .into_response()
}
