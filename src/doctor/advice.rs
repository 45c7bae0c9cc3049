//! The lines of four proxies' configurations that a finding is about. `deploy/proxies` has them in
//! their place.

use serde::Serialize;
use utoipa::ToSchema;

use super::check::Check;

/// A proxy whose configuration is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Proxy {
    /// nginx.
    Nginx,
    /// Caddy.
    Caddy,
    /// Apache's httpd with mod_proxy.
    Apache,
    /// HAProxy, which adds no header that names it.
    Haproxy,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nginx, Self::Caddy, Self::Apache, Self::Haproxy];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
            Self::Apache => "Apache",
            Self::Haproxy => "HAProxy",
        }
    }

    /// The proxy that the response header `Server` names.
    pub fn named_by(server_header: &str) -> Option<Self> {
        let header = server_header.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|proxy| header.starts_with(&proxy.name().to_ascii_lowercase()))
    }
}

/// The lines for one proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Advice {
    /// Which proxy.
    pub proxy: Proxy,
    /// Its name for people.
    pub name: String,
    /// The lines to add, or what to remove.
    pub lines: String,
}

/// The advice for a check: of `known` alone if the proxy is known, otherwise of all.
pub(super) fn advice(check: Check, known: Option<Proxy>) -> Vec<Advice> {
    Proxy::ALL
        .into_iter()
        .filter(|proxy| known.is_none_or(|known| known == *proxy))
        .filter_map(|proxy| {
            let lines = lines(check, proxy)?;
            Some(Advice {
                proxy,
                name: proxy.name().to_owned(),
                lines: lines.to_owned(),
            })
        })
        .collect()
}

fn lines(check: Check, proxy: Proxy) -> Option<&'static str> {
    use Proxy::{Apache, Caddy, Haproxy, Nginx};
    Some(match (check, proxy) {
        (Check::Upgrade | Check::HttpVersion, Nginx) => {
            "proxy_http_version 1.1;\n\
             proxy_set_header Upgrade $http_upgrade;\n\
             proxy_set_header Connection $connection_upgrade;   # with the map of deploy/proxies/nginx.conf"
        }
        (Check::Upgrade, Caddy) => {
            "reverse_proxy 127.0.0.1:8001   # for all paths; remove header_up lines for Upgrade and Connection"
        }
        (Check::HttpVersion, Caddy) => {
            "remove `versions` from the transport of reverse_proxy, or write: versions 1.1"
        }
        (Check::Upgrade, Apache) => "ProxyPass / http://127.0.0.1:8001/ upgrade=websocket",
        (Check::HttpVersion, Apache) => {
            "remove: SetEnv force-proxy-request-1.0 1 (and proxy-nokeepalive)"
        }
        (Check::Upgrade, Haproxy) => {
            "mode http   # and no http-request or http-response rule that removes Upgrade or Connection"
        }
        (Check::HttpVersion, Haproxy) => {
            "mode http   # and no `proto` other than h1 on the server line"
        }
        (Check::Subprotocol, Nginx) => {
            "remove: proxy_set_header Sec-WebSocket-Protocol …; and proxy_hide_header Sec-WebSocket-Protocol;"
        }
        (Check::Subprotocol, Caddy) => {
            "remove header_up and header_down lines for Sec-WebSocket-Protocol"
        }
        (Check::Subprotocol, Apache) => {
            "remove: RequestHeader and Header directives for Sec-WebSocket-Protocol"
        }
        (Check::Subprotocol, Haproxy) => {
            "remove http-request and http-response rules for Sec-WebSocket-Protocol"
        }
        (Check::Origin, Nginx) => "remove: proxy_set_header Origin …;",
        (Check::Origin, Caddy) => "remove header_up lines for Origin",
        (Check::Origin, Apache) => "remove: RequestHeader … Origin",
        (Check::Origin, Haproxy) => "remove http-request rules for the header Origin",
        (Check::ForgedAddress | Check::ClientAddress, Nginx) => {
            "proxy_set_header X-Forwarded-For $remote_addr;"
        }
        (Check::ForgedAddress | Check::ClientAddress, Caddy) => {
            "remove header_up lines for X-Forwarded-For; Caddy sets it by itself"
        }
        (Check::ForgedAddress | Check::ClientAddress, Apache) => {
            "RequestHeader unset X-Forwarded-For early\nProxyAddHeaders On"
        }
        (Check::ForgedAddress | Check::ClientAddress, Haproxy) => {
            "http-request set-header X-Forwarded-For %[src]"
        }
        (Check::Buffering, Nginx) => "proxy_buffering off;",
        (Check::Buffering, Caddy) => "flush_interval -1   # inside reverse_proxy",
        (Check::Buffering, Apache) => {
            "ProxyPass / http://127.0.0.1:8001/ upgrade=websocket flushpackets=on"
        }
        (Check::Buffering, Haproxy) => "option http-no-delay",
        (Check::Quiet, Nginx) => "proxy_read_timeout 1h;\nproxy_send_timeout 1h;",
        (Check::Quiet, Caddy) => {
            "remove read_timeout, write_timeout and stream_timeout from reverse_proxy"
        }
        (Check::Quiet, Apache) => {
            "remove: timeout=… of ProxyPass; and with mod_proxy_wstunnel: ProxyWebsocketIdleTimeout"
        }
        (Check::Quiet, Haproxy) => "timeout tunnel 1h",
        (Check::Widget, Nginx) => {
            "remove: expires, add_header Cache-Control, add_header Access-Control-Allow-Origin, proxy_cache and proxy_hide_header in this location"
        }
        (Check::Widget, Caddy) => {
            "remove header lines for Cache-Control, Expires and Access-Control-Allow-Origin"
        }
        (Check::Widget, Apache) => {
            "remove: ExpiresActive On, CacheEnable, and Header directives for Cache-Control and Access-Control-Allow-Origin"
        }
        (Check::Widget, Haproxy) => {
            "remove http-request cache-use, and http-response rules for Cache-Control and Access-Control-Allow-Origin"
        }
        (Check::BodySize, Nginx) => "client_max_body_size 1m;",
        (Check::BodySize, Caddy) => "request_body {\n    max_size 1MB\n}",
        (Check::BodySize, Apache) => {
            "LimitRequestBody 1048576   # and SecRequestBodyLimit, with mod_security"
        }
        (Check::BodySize, Haproxy) => {
            "remove http-request deny rules on req.body_size and on the header Content-Length"
        }
        (Check::PublicUrl | Check::Reach, Nginx) => {
            "proxy_pass http://127.0.0.1:8001;   # for location /"
        }
        (Check::PublicUrl | Check::Reach, Caddy) => "reverse_proxy 127.0.0.1:8001",
        (Check::PublicUrl | Check::Reach, Apache) => {
            "ProxyPass / http://127.0.0.1:8001/ upgrade=websocket"
        }
        (Check::PublicUrl | Check::Reach, Haproxy) => "server shoptalk 127.0.0.1:8001",
        (Check::Certificate, Nginx) => {
            "ssl_certificate /…/fullchain.pem;   # with the intermediate certificates"
        }
        (Check::Certificate, Caddy) => {
            "chat.example.com {   # Caddy gets and renews its certificate"
        }
        (Check::Certificate, Apache) => {
            "SSLCertificateFile /…/fullchain.pem   # with the intermediate certificates"
        }
        (Check::Certificate, Haproxy) => {
            "bind :443 ssl crt /…/chat.pem   # certificate, intermediate certificates and key in one file"
        }
        (
            Check::Clock
            | Check::DataDirectory
            | Check::FileSystem
            | Check::Fsync
            | Check::OpenFiles
            | Check::FreeSpace
            | Check::Backup
            | Check::Database
            | Check::Bus
            | Check::MailRelay
            | Check::Mailbox
            | Check::Cards
            | Check::CardsSignature,
            _,
        ) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_the_proxy() {
        for (header, proxy) in [
            ("nginx/1.22.1", Some(Proxy::Nginx)),
            ("Caddy", Some(Proxy::Caddy)),
            ("Apache/2.4.67 (Debian)", Some(Proxy::Apache)),
            ("cloudflare", None),
        ] {
            assert_eq!(Proxy::named_by(header), proxy, "{header}");
        }
    }

    #[test]
    fn advice_is_for_the_known_proxy_or_for_all() {
        assert_eq!(advice(Check::Upgrade, None).len(), 4);
        let nginx = advice(Check::Upgrade, Some(Proxy::Nginx));
        assert!(nginx[0].lines.contains("proxy_set_header Upgrade"));
        assert_eq!(nginx.len(), 1);
        assert!(advice(Check::Fsync, None).is_empty());
    }
}
