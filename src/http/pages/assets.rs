//! The front ends' files, compiled into the binary: the pages and what they load.

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;

use super::encoded::Encoded;
use crate::http::problem::Problem;
use crate::protocol::ErrorCode;

/// A file, compressed.
struct File {
    /// Relative to `/`. A name in `assets/` contains a hash of the content.
    path: &'static str,
    /// Of the content, for its `ETag`.
    hash: &'static str,
    gzip: &'static [u8],
    brotli: &'static [u8],
}

#[cfg(feature = "front-ends")]
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/front_ends.rs"));
#[cfg(not(feature = "front-ends"))]
static FILES: &[File] = &[];

/// For a year: the name changes with the content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Cached, but revalidated before each use; an unchanged file costs a 304.
pub(super) const REVALIDATE: &str = "no-cache";

/// Every file with a hash. Any origin may load them.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{name}", get(asset)).route(
        "/favicon.ico",
        get(async |headers: HeaderMap| {
            let icon = same_name("icon-.svg").map(Encoded::from);
            public(icon, REVALIDATE, &headers)
        }),
    )
}

/// The response with a file of the console's own origin that browsers check for changes; in a build
/// without front ends there is none.
pub(super) fn own_response(path: &str, headers: &HeaderMap) -> Response {
    match file(path) {
        Some(file) => file.response(REVALIDATE, headers),
        None => Problem::not_found().into_response(),
    }
}

/// The response with a page and its content security policy; `None` in a build without front ends.
pub(super) fn page_response(
    path: &str,
    csp: &'static str,
    headers: &HeaderMap,
) -> Option<Response> {
    let mut response = file(path)?.response(REVALIDATE, headers);
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(csp),
    );
    Some(response)
}

/// A file's text, for what is filled in at run time.
pub(super) fn text(path: &str) -> Option<String> {
    String::from_utf8(file(path)?.plain()).ok()
}

impl From<&'static File> for Encoded {
    fn from(file: &'static File) -> Self {
        Self {
            path: file.path,
            hash: file.hash.to_owned(),
            gzip: Bytes::from_static(file.gzip),
            brotli: Some(Bytes::from_static(file.brotli)),
        }
    }
}

async fn asset(name: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    // A path that is not UTF-8 names no file.
    let Ok(Path(name)) = name else {
        return public(None, REVALIDATE, &headers);
    };
    if let Some(file) = file(&format!("assets/{name}")) {
        return public(Some(file), IMMUTABLE, &headers);
    }
    // A page that was loaded before an upgrade asks for a file of the previous build.
    public(same_name(&name).map(Encoded::from), REVALIDATE, &headers)
}

/// A file of the build.
pub(super) fn file(path: &str) -> Option<Encoded> {
    FILES
        .iter()
        .find(|file| file.path == path)
        .map(Encoded::from)
}

/// The file with this name, whatever its hash.
fn same_name(name: &str) -> Option<&'static File> {
    let (stem, extension) = split_hash(name)?;
    FILES.iter().find(|file| {
        file.path
            .strip_prefix("assets/")
            .and_then(split_hash)
            .is_some_and(|parts| parts == (stem, extension))
    })
}

/// Name and extension without the hash: `chat-1a2b3c4d.js` gives (`chat`, `js`).
fn split_hash(name: &str) -> Option<(&str, &str)> {
    let (name, extension) = name.rsplit_once('.')?;
    let (stem, _hash) = name.rsplit_once('-')?;
    Some((stem, extension))
}

/// The response with a file that any origin may load.
pub(super) fn public(file: Option<Encoded>, cache: &'static str, headers: &HeaderMap) -> Response {
    let Some(file) = file else {
        return if FILES.is_empty() {
            Problem::new(
                ErrorCode::NotFound,
                "this server was built without front ends",
            )
        } else {
            Problem::not_found()
        }
        .into_response();
    };
    let mut response = file.response(cache, headers);
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_split_off_a_name() {
        assert_eq!(split_hash("chat-1a2b3c4d.js"), Some(("chat", "js")));
        assert_eq!(
            split_hash("cast-iron-pan-1a2b3c4d.svg"),
            Some(("cast-iron-pan", "svg"))
        );
        assert_eq!(split_hash("page.css"), None);
    }
}
