//! Plain pages that the server writes itself: their frame, policy and style sheet.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A plain page loads nothing but its style sheet.
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

/// The body of a page that this build does not have.
pub(super) const NO_FRONT_ENDS: &str = "<h1>No front ends</h1>\
    <p>This server was built without front ends (<code>--no-default-features</code>). Build it \
    with default features, or use <a href=\"/api/docs\">the API</a>.</p>";

/// A page with this title and body, both HTML.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/assets/page.css\"></head>\
         <body>{body}</body></html>"
    )
}

/// The response with a page.
pub(crate) fn html_response(page: String) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, PAGE_CSP),
        ],
        page,
    )
        .into_response()
}

/// The response with the style sheet.
pub(super) async fn style_sheet() -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        STYLE,
    )
        .into_response()
}
