//! The console's session cookie.

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;

use crate::persistence::SESSION_LIFETIME;

/// The session token in the request's cookie.
pub(super) fn session_token(headers: &HeaderMap, is_https: bool) -> Option<String> {
    CookieJar::from_headers(headers)
        .get(name(is_https))
        .map(|cookie| cookie.value().to_owned())
}

/// The `Set-Cookie` value that stores a session token, or removes it when `token` is `None`.
pub(super) fn set_cookie(token: Option<&str>, is_https: bool) -> String {
    let max_age_s = token.map_or(0, |_| SESSION_LIFETIME.as_secs());
    format!(
        "{}={}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{}",
        name(is_https),
        token.unwrap_or(""),
        if is_https { "; Secure" } else { "" },
    )
}

/// With the prefix `__Host-` neither other hosts nor plain http can set the cookie; it needs TLS.
fn name(is_https: bool) -> &'static str {
    if is_https {
        "__Host-shoptalk_session"
    } else {
        "shoptalk_session"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_hardened_where_there_is_tls() {
        assert_eq!(
            set_cookie(Some("sta_x"), true),
            "__Host-shoptalk_session=sta_x; Path=/; Max-Age=2592000; HttpOnly; \
             SameSite=Strict; Secure"
        );
        assert_eq!(
            set_cookie(None, false),
            "shoptalk_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
        );
    }
}
