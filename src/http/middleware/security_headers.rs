//! Headers that restrict what browsers do with a response.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// API responses need neither scripts nor frames.
const API_CSP: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// For a month, browsers use nothing but https at this host. Other hosts of the domain are not
/// ours to decide about.
const HSTS: &str = "max-age=2592000";

/// Adds the headers that the handler has not set: a page has a content security policy of its own.
pub(super) fn add(path: &str, hsts: bool, headers: &mut HeaderMap) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    default(header::CONTENT_SECURITY_POLICY, API_CSP);
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "no-referrer");
    default(header::X_FRAME_OPTIONS, "DENY");
    default(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    default(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if hsts {
        default(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if path.starts_with("/api/") {
        default(header::CACHE_CONTROL, "no-store");
    }
}
