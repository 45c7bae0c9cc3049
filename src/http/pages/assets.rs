//! The front ends' files, compiled into the binary: `/widget.js`, the pages and what they load.

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::problem::Problem;
use crate::protocol::ErrorCode;

/// A file in each encoding.
struct File {
    /// Relative to `/`. A name in `assets/` contains a hash of the content.
    path: &'static str,
    /// Of the content, for its `ETag`.
    hash: &'static str,
    plain: &'static [u8],
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
const REVALIDATE: &str = "no-cache";

/// The widget and every file with a hash. Any origin may load them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(
            "/widget.js",
            get(async |headers: HeaderMap| public(file("widget.js"), REVALIDATE, &headers)),
        )
        .route("/assets/{name}", get(asset))
        .route(
            "/favicon.ico",
            get(async |headers: HeaderMap| public(same_name("icon-.svg"), REVALIDATE, &headers)),
        )
}

/// The response with a page and its content security policy; `None` in a build without front ends.
pub(super) fn page_response(
    path: &str,
    csp: &'static str,
    headers: &HeaderMap,
) -> Option<Response> {
    let mut response = encoded_response(file(path)?, REVALIDATE, headers);
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(csp),
    );
    Some(response)
}

/// What every `ETag` of the widget begins with.
pub(crate) fn widget_hash() -> Option<&'static str> {
    Some(file("widget.js")?.hash)
}

/// A file's text, for pages that are filled in at run time.
pub(super) fn text(path: &str) -> Option<&'static str> {
    std::str::from_utf8(file(path)?.plain).ok()
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
    public(same_name(&name), REVALIDATE, &headers)
}

fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
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
fn public(file: Option<&'static File>, cache: &'static str, headers: &HeaderMap) -> Response {
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
    let mut response = encoded_response(file, cache, headers);
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

/// The response with a file in the best encoding, or 304.
fn encoded_response(file: &'static File, cache: &'static str, headers: &HeaderMap) -> Response {
    let (encoding, body) = match best_encoding(headers) {
        Encoding::Brotli => (Some("br"), file.brotli),
        Encoding::Gzip => (Some("gzip"), file.gzip),
        Encoding::Plain => (None, file.plain),
    };
    // RFC 9110, 8.8.3.3: each encoding has its own tag.
    let etag = format!("\"{}-{}\"", file.hash, encoding.unwrap_or("plain"));
    let is_unchanged = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .any(|tag| {
            let tag = tag.trim().trim_start_matches("W/");
            tag == etag || tag == "*"
        });
    let common = [
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept-encoding"),
    ];
    if is_unchanged {
        return (StatusCode::NOT_MODIFIED, common, [(header::ETAG, etag)]).into_response();
    }
    let mut response = (
        common,
        [(header::CONTENT_TYPE, content_type(file.path))],
        [(header::ETAG, etag)],
        body,
    )
        .into_response();
    if let Some(encoding) = encoding {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
    Plain,
}

/// The smallest encoding that the client accepts. `q=0` refuses one; other weights do not matter,
/// since every encoding exists already.
fn best_encoding(headers: &HeaderMap) -> Encoding {
    let accepts = |wanted: &str| {
        headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|list| list.to_str().ok())
            .flat_map(|list| list.split(','))
            .any(|item| {
                let (name, weight) = item.split_once(';').unwrap_or((item, ""));
                let refused = weight
                    .trim()
                    .strip_prefix("q=")
                    .is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32));
                name.trim().eq_ignore_ascii_case(wanted) && !refused
            })
    };
    if accepts("br") {
        Encoding::Brotli
    } else if accepts("gzip") {
        Encoding::Gzip
    } else {
        Encoding::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(value: &'static str) -> Encoding {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        best_encoding(&headers)
    }

    #[test]
    fn the_smallest_accepted_encoding_is_chosen() {
        assert_eq!(chosen("gzip, deflate, br, zstd"), Encoding::Brotli);
        assert_eq!(chosen("br;q=0, gzip;q=0.5"), Encoding::Gzip);
        assert_eq!(chosen("br; q=0.0, GZIP"), Encoding::Gzip);
        assert_eq!(chosen("gzip;q=0"), Encoding::Plain);
        assert_eq!(chosen("identity"), Encoding::Plain);
        assert_eq!(best_encoding(&HeaderMap::new()), Encoding::Plain);
    }

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
