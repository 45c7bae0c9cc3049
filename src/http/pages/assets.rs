//! The front ends' files, compiled in: `/widget.js` and what it and the pages load.

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::problem::Problem;
use crate::protocol::ErrorCode;

/// A file with its compressed forms.
struct File {
    /// Below `/`; those in `assets/` carry a hash of their content in the name.
    path: &'static str,
    /// Of the content.
    hash: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

#[cfg(feature = "front-ends")]
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/front_ends.rs"));
#[cfg(not(feature = "front-ends"))]
static FILES: &[File] = &[];

/// A year: the name changes with the content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept, but asked for again before each use; an unchanged file costs a 304.
const ASK_AGAIN: &str = "no-cache";

/// The widget and every hashed file. Any shop's page may load them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(
            "/widget.js",
            get(async |headers: HeaderMap| public(file("widget.js"), ASK_AGAIN, &headers)),
        )
        .route("/assets/{name}", get(asset))
        .route(
            "/favicon.ico",
            get(async |headers: HeaderMap| public(current("icon-.svg"), ASK_AGAIN, &headers)),
        )
}

/// A page with its content security policy, or `None` in a build without front ends.
pub(super) fn page(path: &str, csp: &'static str, headers: &HeaderMap) -> Option<Response> {
    let mut response = answer(file(path)?, ASK_AGAIN, headers);
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(csp),
    );
    Some(response)
}

/// A page's text, for whoever has to fill something in.
pub(super) fn text(path: &str) -> Option<&'static str> {
    std::str::from_utf8(file(path)?.plain).ok()
}

async fn asset(name: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    // What is not UTF-8 names no file.
    let Ok(Path(name)) = name else {
        return public(None, ASK_AGAIN, &headers);
    };
    if let Some(file) = file(&format!("assets/{name}")) {
        return public(Some(file), FOR_EVER, &headers);
    }
    // A page that was open over an upgrade asks for a file of the build before.
    public(current(&name), ASK_AGAIN, &headers)
}

fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// The file that has this one's name but for the hash.
fn current(name: &str) -> Option<&'static File> {
    let (stem, extension) = parts(name)?;
    FILES.iter().find(|file| {
        file.path
            .strip_prefix("assets/")
            .and_then(parts)
            .is_some_and(|known| known == (stem, extension))
    })
}

/// `chat-1a2b3c4d.js` is (`chat`, `js`).
fn parts(name: &str) -> Option<(&str, &str)> {
    let (name, extension) = name.rsplit_once('.')?;
    let (stem, _hash) = name.rsplit_once('-')?;
    Some((stem, extension))
}

fn public(file: Option<&'static File>, cache: &'static str, headers: &HeaderMap) -> Response {
    let Some(file) = file else {
        return if FILES.is_empty() {
            Problem::new(
                ErrorCode::NotFound,
                "this server was built without its front ends",
            )
        } else {
            Problem::not_found()
        }
        .into_response();
    };
    let mut response = answer(file, cache, headers);
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

fn answer(file: &'static File, cache: &'static str, headers: &HeaderMap) -> Response {
    let (encoding, body) = match accepted(headers) {
        Encoding::Brotli => (Some("br"), file.brotli),
        Encoding::Gzip => (Some("gzip"), file.gzip),
        Encoding::Plain => (None, file.plain),
    };
    // Each form has a tag of its own, as RFC 9110 wants.
    let etag = format!("\"{}-{}\"", file.hash, encoding.unwrap_or("plain"));
    let fresh = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .any(|tag| matches!(tag.trim().trim_start_matches("W/"), known if known == etag || known == "*"));
    let common = [
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept-encoding"),
    ];
    if fresh {
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

/// The smallest form that the client takes. A form with `q=0` is refused; other weights do
/// not matter, since all forms are made already.
fn accepted(headers: &HeaderMap) -> Encoding {
    let takes = |wanted: &str| {
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
    if takes("br") {
        Encoding::Brotli
    } else if takes("gzip") {
        Encoding::Gzip
    } else {
        Encoding::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> Encoding {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        accepted(&headers)
    }

    #[test]
    fn the_smallest_form_that_the_client_takes_is_sent() {
        assert_eq!(accepting("gzip, deflate, br, zstd"), Encoding::Brotli);
        assert_eq!(accepting("br;q=0, gzip;q=0.5"), Encoding::Gzip);
        assert_eq!(accepting("br; q=0.0, GZIP"), Encoding::Gzip);
        assert_eq!(accepting("gzip;q=0"), Encoding::Plain);
        assert_eq!(accepting("identity"), Encoding::Plain);
        assert_eq!(accepted(&HeaderMap::new()), Encoding::Plain);
    }

    #[test]
    fn a_name_is_known_without_its_hash() {
        assert_eq!(parts("chat-1a2b3c4d.js"), Some(("chat", "js")));
        assert_eq!(
            parts("cast-iron-pan-1a2b3c4d.svg"),
            Some(("cast-iron-pan", "svg"))
        );
        assert_eq!(parts("page.css"), None);
    }
}
