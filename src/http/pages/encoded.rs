//! A file in each encoding, and the response with the best of them.

use std::io::Read;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::read::GzDecoder;

/// A file in each encoding that there is of it.
#[derive(Clone)]
pub(super) struct Encoded {
    /// Its name, which says the type.
    pub(super) path: &'static str,
    /// Of the content, for its `ETag`.
    pub(super) hash: String,
    pub(super) gzip: Bytes,
    pub(super) brotli: Option<Bytes>,
}

impl Encoded {
    /// The file itself. Nearly all clients take it compressed, so it is kept in no other form.
    pub(super) fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        // It was compressed by the build or by this process.
        GzDecoder::new(&self.gzip[..])
            .read_to_end(&mut plain)
            .expect("a whole gzip file");
        plain
    }

    /// The response with the file in the best encoding, or 304.
    pub(super) fn response(self, cache: &'static str, headers: &HeaderMap) -> Response {
        let (encoding, packed) = match (best_encoding(headers), &self.brotli) {
            (Encoding::Brotli, Some(brotli)) => (Some("br"), Some(brotli)),
            // Whoever reads Brotli reads gzip.
            (Encoding::Brotli, None) | (Encoding::Gzip, _) => (Some("gzip"), Some(&self.gzip)),
            (Encoding::Plain, _) => (None, None),
        };
        // RFC 9110, 8.8.3.3: each encoding has its own tag.
        let etag = format!("\"{}-{}\"", self.hash, encoding.unwrap_or("plain"));
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
        let body = match packed {
            Some(packed) => packed.clone(),
            None => self.plain().into(),
        };
        let mut response = (
            common,
            [(header::CONTENT_TYPE, content_type(self.path))],
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
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
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
/// since compressed files exist already.
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
}
