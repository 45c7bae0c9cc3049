//! Broken settings, as changes of the shipped configurations.

use crate::proxy::Kind;

pub(crate) struct Broken {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What is replaced in the shipped file.
    pub(crate) change: &'static [(&'static str, &'static str)],
    /// The titles of the problems that the doctor finds, in its order.
    pub(crate) found: &'static [&'static str],
    /// Whether the server trusts the proxy, and the doctor the certificate.
    pub(crate) trusts_proxy: bool,
    pub(crate) trusts_ca: bool,
    pub(crate) wrong_public_url: bool,
}

const fn broken(
    name: &'static str,
    kind: Kind,
    change: &'static [(&'static str, &'static str)],
    found: &'static [&'static str],
) -> Broken {
    Broken {
        name,
        kind,
        change,
        found,
        trusts_proxy: true,
        trusts_ca: true,
        wrong_public_url: false,
    }
}

pub(crate) const BROKEN: &[Broken] = &[
    broken(
        "no upgrade",
        Kind::Nginx,
        &[
            ("proxy_set_header Upgrade $http_upgrade;", ""),
            ("proxy_set_header Connection $connection_upgrade;", ""),
        ],
        &["WebSocket upgrade"],
    ),
    broken(
        "HTTP/1.0 to the server",
        Kind::Nginx,
        &[("proxy_http_version 1.1;", "proxy_http_version 1.0;")],
        &["WebSocket upgrade", "HTTP version"],
    ),
    broken(
        "the client's X-Forwarded-For",
        Kind::Nginx,
        &[(
            "X-Forwarded-For $remote_addr",
            "X-Forwarded-For $http_x_forwarded_for",
        )],
        &["Forged address"],
    ),
    broken(
        "no X-Forwarded-For",
        Kind::Nginx,
        &[("X-Forwarded-For $remote_addr", "X-Forwarded-For \"\"")],
        &["Client address"],
    ),
    broken(
        "a short read timeout",
        Kind::Nginx,
        &[("proxy_read_timeout 1h", "proxy_read_timeout 2s")],
        &["Quiet socket"],
    ),
    broken(
        "small bodies",
        Kind::Nginx,
        &[("client_max_body_size 1m", "client_max_body_size 16k")],
        &["Body size"],
    ),
    broken(
        "expires on everything",
        Kind::Nginx,
        &[("location / {", "location / { expires 7d;")],
        &["Widget cache"],
    ),
    broken(
        "a cache",
        Kind::Nginx,
        &[
            (
                "map $http",
                "proxy_cache_path cache keys_zone=chat:1m; map $http",
            ),
            (
                "location / {",
                "location / { proxy_cache chat; proxy_cache_valid 1h; proxy_ignore_headers Cache-Control; add_header Age 7;",
            ),
        ],
        &["Widget cache"],
    ),
    broken(
        "no Origin",
        Kind::Nginx,
        &[("location / {", "location / { proxy_set_header Origin \"\";")],
        &["Origin"],
    ),
    broken(
        "no subprotocol",
        Kind::Nginx,
        &[(
            "location / {",
            "location / { proxy_set_header Sec-WebSocket-Protocol \"\";",
        )],
        &["WebSocket subprotocol"],
    ),
    broken(
        "a doubled CORS header",
        Kind::Nginx,
        &[(
            "location / {",
            "location / { add_header Access-Control-Allow-Origin *;",
        )],
        &["Widget cache"],
    ),
    broken(
        "the client's X-Forwarded-For",
        Kind::Caddy,
        &[(
            "reverse_proxy 127.0.0.1:8001",
            "reverse_proxy 127.0.0.1:8001 {\nheader_up X-Forwarded-For {http.request.header.X-Forwarded-For}\n}",
        )],
        &["Forged address"],
    ),
    broken(
        "another Origin",
        Kind::Caddy,
        &[(
            "reverse_proxy 127.0.0.1:8001",
            "reverse_proxy 127.0.0.1:8001 {\nheader_up Origin https://localhost\n}",
        )],
        &["Origin"],
    ),
    broken(
        "small bodies",
        Kind::Caddy,
        &[(
            "reverse_proxy",
            "request_body {\nmax_size 16KB\n}\nreverse_proxy",
        )],
        &["Body size"],
    ),
    broken(
        "no upgrade",
        Kind::Apache,
        &[(" upgrade=websocket", "")],
        &["WebSocket upgrade"],
    ),
    broken(
        "HTTP/1.0 to the server",
        Kind::Apache,
        &[(
            "ProxyTimeout",
            "SetEnv force-proxy-request-1.0 1\nProxyTimeout",
        )],
        &["WebSocket upgrade", "HTTP version"],
    ),
    broken(
        "no X-Forwarded-For",
        Kind::Apache,
        &[("ProxyTimeout", "ProxyAddHeaders Off\nProxyTimeout")],
        &["Client address"],
    ),
    broken(
        // Since 2.4.71 at the latest, the longer one of both timeouts counts for a tunnel.
        "short timeouts",
        Kind::Apache,
        &[("ProxyTimeout 3600", "Timeout 2\n    ProxyTimeout 2")],
        &["Quiet socket"],
    ),
    broken(
        "a short tunnel",
        Kind::Haproxy,
        &[("timeout tunnel 1h", "timeout tunnel 2s")],
        &["Quiet socket"],
    ),
    broken(
        "no X-Forwarded-For",
        Kind::Haproxy,
        &[(
            "http-request set-header X-Forwarded-For %[src]",
            "http-request del-header X-Forwarded-For",
        )],
        &["Client address"],
    ),
    broken(
        "no subprotocol in the response",
        Kind::Haproxy,
        &[(
            "default_backend",
            "http-response del-header Sec-WebSocket-Protocol\ndefault_backend",
        )],
        &["WebSocket subprotocol"],
    ),
    broken(
        "Cache-Control of its own",
        Kind::Haproxy,
        &[(
            "default_backend",
            "http-response set-header Cache-Control max-age=3600\ndefault_backend",
        )],
        &["Widget cache"],
    ),
    Broken {
        trusts_proxy: false,
        ..broken("an untrusted proxy", Kind::Nginx, &[], &["Client address"])
    },
    Broken {
        trusts_ca: false,
        ..broken(
            "a certificate that nobody trusts",
            Kind::Nginx,
            &[],
            &["Certificate"],
        )
    },
    Broken {
        wrong_public_url: true,
        ..broken(
            "another public URL",
            Kind::Nginx,
            &[],
            &["Public URL", "Origin"],
        )
    },
];
