//! Which web pages may use the server.
//!
//! Origins are compared as strings, exactly as browsers write them. The server's own come from the
//! configuration or the listen address, never from a request's `Host`.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, header};

use crate::config::ServerConfig;
use crate::doctor::FOREIGN_ORIGIN;

/// Origins whose refusal is logged: anybody can send any.
const LOGGED_MAX: usize = 16;
/// Characters of an origin that is logged.
const LOGGED_CHARS_MAX: usize = 200;

/// The origins of the server itself and of the allowed shops.
#[derive(Debug)]
pub(crate) struct Origins {
    own: Vec<String>,
    allowed: Vec<String>,
    /// Those whose refusal was logged, each once.
    logged: Mutex<Vec<String>>,
}

/// What a request's `Origin` means to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginCheck {
    /// There is none: not a browser, or a browser's plain navigation.
    Absent,
    /// The server's own pages.
    Own,
    /// Any other page. Also `null` and unreadable values.
    Foreign,
}

impl Origins {
    /// Takes the configuration and the bound address.
    pub(crate) fn new(config: &ServerConfig, local_addr: SocketAddr) -> Self {
        let scheme = match config.tls {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        };
        let origin = |host: &str| scheme.origin(host, local_addr.port());
        let own = match &config.public_url {
            Some(url) => vec![url.origin().ascii_serialization()],
            None if local_addr.ip().is_loopback() => {
                let mut own = vec![origin(&socket_host(local_addr))];
                for host in ["127.0.0.1", "localhost", "[::1]"] {
                    let origin = origin(host);
                    if !own.contains(&origin) {
                        own.push(origin);
                    }
                }
                own
            }
            None => vec![origin(&socket_host(local_addr))],
        };
        Self {
            own,
            allowed: config.allowed_origins.clone(),
            logged: Mutex::default(),
        }
    }

    /// The base of the server's own links: scheme, host and port, without a slash.
    pub(crate) fn base_url(&self) -> &str {
        &self.own[0]
    }

    /// The origins of the server's own pages; the first one is in its links.
    pub(crate) fn own(&self) -> &[String] {
        &self.own
    }

    /// Whether the own origin is https. It decides how the cookie is set.
    pub(crate) fn is_https(&self) -> bool {
        self.base_url().starts_with("https://")
    }

    /// Whether the request comes from one of the own pages, a foreign page, or no page.
    pub(crate) fn own_origin(&self, headers: &HeaderMap) -> OriginCheck {
        match origin_of(headers) {
            None => OriginCheck::Absent,
            Some(Some(origin)) if self.own.iter().any(|own| own == origin) => OriginCheck::Own,
            Some(_) => OriginCheck::Foreign,
        }
    }

    /// Whether the visitors' calls are open to the request: it comes from no page, one of the own,
    /// or one of `server.allowed_origins`.
    pub(crate) fn visitor_origin_allowed(&self, headers: &HeaderMap) -> bool {
        match self.own_origin(headers) {
            OriginCheck::Absent | OriginCheck::Own => true,
            OriginCheck::Foreign => origin_of(headers).flatten().is_some_and(|origin| {
                let is_allowed = self.allowed.iter().any(|allowed| allowed == origin);
                if !is_allowed {
                    self.log_refusal(origin);
                }
                is_allowed
            }),
        }
    }

    /// Logs an origin that is refused for the first time. A browser hides the reason from the page, so
    /// the chat there can only be offline.
    fn log_refusal(&self, origin: &str) {
        let is_page = origin.starts_with("https://") || origin.starts_with("http://");
        if !is_page || origin.len() > LOGGED_CHARS_MAX || origin == FOREIGN_ORIGIN {
            return;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() >= LOGGED_MAX || logged.iter().any(|known| known == origin) {
            return;
        }
        logged.push(origin.to_owned());
        drop(logged);
        tracing::warn!(
            "a page of {origin} asked for the chat and was refused; if it is a page of the shop, add \
             it to server.allowed_origins"
        );
    }
}

/// The request's `Origin`: absent, unreadable (`Some(None)`), or a text. Two of them count as
/// unreadable.
fn origin_of(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return Some(None);
    }
    Some(first.to_str().ok())
}

fn socket_host(addr: SocketAddr) -> String {
    match addr {
        SocketAddr::V4(addr) => addr.ip().to_string(),
        SocketAddr::V6(addr) => format!("[{}]", addr.ip()),
    }
}

/// How the server itself is spoken to.
#[derive(Clone, Copy)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// Browsers leave out the default port.
    fn origin(self, host: &str, port: u16) -> String {
        match (self, port) {
            (Self::Http, 80) => format!("http://{host}"),
            (Self::Http, port) => format!("http://{host}:{port}"),
            (Self::Https, 443) => format!("https://{host}"),
            (Self::Https, port) => format!("https://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn config(public_url: Option<&str>, allowed: &[&str]) -> ServerConfig {
        ServerConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            public_url: public_url.map(|url| url.parse().expect("a URL")),
            allowed_origins: allowed.iter().map(|&origin| origin.to_owned()).collect(),
            trusted_proxies: Vec::new(),
            drain_timeout_ms: 10_000,
            max_connections: 0,
            stall_timeout_ms: 60_000,
            stalled_bytes: 1 << 25,
            tls: None,
            http_listen: None,
        }
    }

    fn origins(public_url: Option<&str>, listen: &str, allowed: &[&str]) -> Origins {
        Origins::new(
            &config(public_url, allowed),
            listen.parse().expect("an address"),
        )
    }

    fn from(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ORIGIN,
            HeaderValue::from_str(origin).expect("a header"),
        );
        headers
    }

    #[test]
    fn on_loopback_each_of_its_names_is_own() {
        let origins = origins(None, "127.0.0.1:8001", &[]);
        for own in [
            "http://127.0.0.1:8001",
            "http://localhost:8001",
            "http://[::1]:8001",
        ] {
            assert_eq!(origins.own_origin(&from(own)), OriginCheck::Own, "{own}");
        }
        assert_eq!(origins.own_origin(&HeaderMap::new()), OriginCheck::Absent);
        assert!(!origins.is_https());
    }

    #[test]
    fn anything_but_an_exact_match_is_foreign() {
        let origins = origins(
            Some("https://chat.example.com/"),
            "127.0.0.1:8001",
            &["https://shop.example.com"],
        );
        assert_eq!(origins.base_url(), "https://chat.example.com");
        assert!(origins.is_https());
        for foreign in [
            "null",
            "",
            "http://127.0.0.1:8001",
            "http://chat.example.com",
            "https://chat.example.com:8443",
            "https://CHAT.example.com",
            "https://chat.example.com.evil.example",
            "https://evilchat.example.com",
            "https://chat.example.com/",
        ] {
            assert_eq!(
                origins.own_origin(&from(foreign)),
                OriginCheck::Foreign,
                "{foreign}"
            );
            assert!(!origins.visitor_origin_allowed(&from(foreign)), "{foreign}");
        }
        let shop = from("https://shop.example.com");
        assert!(origins.visitor_origin_allowed(&shop));
        assert_eq!(origins.own_origin(&shop), OriginCheck::Foreign);
        let mut two = from("https://chat.example.com");
        two.append(
            header::ORIGIN,
            HeaderValue::from_static("https://shop.example.com"),
        );
        assert_eq!(origins.own_origin(&two), OriginCheck::Foreign);
        assert!(!origins.visitor_origin_allowed(&two));
    }

    #[test]
    fn each_refused_origin_is_logged_once_and_not_without_end() {
        let origins = origins(None, "127.0.0.1:8001", &["https://shop.example"]);
        let logged = || origins.logged.lock().expect("no panic").clone();
        for origin in [
            "https://shop.example",
            "http://127.0.0.1:8001",
            "null",
            FOREIGN_ORIGIN,
            &format!("https://{}", "a".repeat(LOGGED_CHARS_MAX)),
        ] {
            origins.visitor_origin_allowed(&from(origin));
        }
        assert_eq!(logged(), [""; 0]);
        for _ in 0..2 {
            origins.visitor_origin_allowed(&from("https://other.example"));
        }
        assert_eq!(logged(), ["https://other.example"]);
        for number in 0..100 {
            origins.visitor_origin_allowed(&from(&format!("https://{number}.example")));
        }
        assert_eq!(logged().len(), LOGGED_MAX);
    }

    #[test]
    fn with_tls_the_own_origin_is_https() {
        let with_tls = |listen: &str| {
            let mut config = config(None, &[]);
            config.tls = Some(crate::config::TlsConfig::Files {
                cert: "cert.pem".into(),
                key: "key.pem".into(),
            });
            Origins::new(&config, listen.parse().expect("an address"))
        };
        let origins = with_tls("127.0.0.1:8443");
        assert!(origins.is_https());
        let own = |origin| origins.own_origin(&from(origin)) == OriginCheck::Own;
        assert!(own("https://127.0.0.1:8443") && own("https://localhost:8443"));
        assert!(!own("http://127.0.0.1:8443") && !own("http://localhost:8443"));
        assert_eq!(with_tls("192.0.2.1:443").base_url(), "https://192.0.2.1");
    }

    #[test]
    fn beyond_loopback_only_the_listen_address_is_own() {
        let origins = origins(None, "192.0.2.1:80", &[]);
        assert_eq!(origins.base_url(), "http://192.0.2.1");
        assert_eq!(
            origins.own_origin(&from("http://localhost")),
            OriginCheck::Foreign
        );
    }
}
