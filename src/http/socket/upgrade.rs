//! The HTTP handshake of a WebSocket (RFC 6455, 4.2).

use axum::body::Body;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::http::problem::Problem;
use crate::protocol::SUBPROTOCOL;

/// The only WebSocket version in use.
const VERSION: &str = "13";

/// A valid handshake request.
pub(super) struct Handshake {
    upgrade: OnUpgrade,
    accept_key: String,
    /// Whether the client offered subprotocols, so that the response must name one.
    name_subprotocol: bool,
}

impl Handshake {
    /// Checks the request. The connection can be used once the response is sent.
    pub(super) fn check(request: &mut Request<Body>) -> Result<Self, Problem> {
        let headers = request.headers();
        let is_upgrade =
            has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, "websocket");
        if !is_upgrade {
            return Err(Problem::invalid_field(
                "Upgrade",
                "must be websocket: this URL accepts WebSocket connections only",
            ));
        }
        if one(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
            // RFC 6455, 4.4: the response names the supported version.
            return Err(Problem {
                header: Some(("sec-websocket-version", VERSION)),
                ..Problem::invalid_field("Sec-WebSocket-Version", "must be 13")
            });
        }
        let Some(key) = one(headers, &SEC_WEBSOCKET_KEY) else {
            return Err(Problem::invalid_field(
                "Sec-WebSocket-Key",
                "must be sent exactly once",
            ));
        };
        let accept_key = derive_accept_key(key.as_bytes());
        let offered: Vec<&str> = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).collect();
        if !offered.is_empty() && !offered.contains(&SUBPROTOCOL) {
            return Err(Problem::invalid_field(
                "Sec-WebSocket-Protocol",
                "offers no subprotocol that is supported; use shoptalk.v1",
            ));
        }
        let name_subprotocol = !offered.is_empty();
        let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Err(Problem::invalid_field(
                "Upgrade",
                "is not possible on this connection",
            ));
        };
        Ok(Self {
            upgrade,
            accept_key,
            name_subprotocol,
        })
    }

    /// The response, and the connection once it is sent.
    pub(super) fn accept(self) -> (Response<Body>, OnUpgrade) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let accept_key = HeaderValue::from_str(&self.accept_key).expect("base64 is a header value");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept_key);
        if self.name_subprotocol {
            headers.insert(
                SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(SUBPROTOCOL),
            );
        }
        (response, self.upgrade)
    }
}

/// The header's value, if there is exactly one.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;

    fn request(protocols: Option<&str>) -> Request<Body> {
        let mut request = Request::builder()
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(protocols) = protocols {
            request = request.header("sec-websocket-protocol", protocols);
        }
        request.body(Body::empty()).expect("a request")
    }

    #[test]
    fn unknown_subprotocols_are_refused() {
        let refusal = Handshake::check(&mut request(Some("graphql-ws, chat")))
            .err()
            .expect("refused");
        assert_eq!(refusal.code, ErrorCode::Invalid);
        assert!(refusal.detail.contains("subprotocol"), "{}", refusal.detail);
    }

    #[test]
    fn another_version_is_refused_with_the_supported_one() {
        for versions in [vec!["8"], vec![], vec!["13", "13"]] {
            let mut request = request(None);
            request.headers_mut().remove(SEC_WEBSOCKET_VERSION);
            for version in versions {
                let version = HeaderValue::from_static(version);
                request.headers_mut().append(SEC_WEBSOCKET_VERSION, version);
            }
            let refusal = Handshake::check(&mut request).err().expect("refused");
            assert_eq!(refusal.code, ErrorCode::Invalid);
            assert_eq!(refusal.header, Some(("sec-websocket-version", "13")));
        }
    }

    #[test]
    fn a_plain_request_is_refused() {
        let refusal = Handshake::check(&mut Request::new(Body::empty()))
            .err()
            .expect("refused");
        assert!(refusal.detail.contains("WebSocket"), "{}", refusal.detail);
    }
}
