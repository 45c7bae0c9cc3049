//! What a doctor has seen. Everything is optional: what is absent was not tried.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was seen from the outside of the proxy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Observations {
    /// The origin that was tried: scheme, host and port, as browsers write it.
    pub origin: String,
    /// The response header `Server`, which names the proxy.
    pub server_header: Option<String>,
    /// Why the server could not be reached.
    pub unreachable: Option<String>,
    /// The certificate, of an https URL. A browser does not show it to pages.
    pub certificate: Option<Certificate>,
    /// A WebSocket with the own origin and the subprotocol `shoptalk.v1`.
    pub upgrade: Option<UpgradeProbe>,
    /// A WebSocket that offers only an unknown subprotocol, which the server refuses.
    pub unknown_subprotocol: Option<UpgradeProbe>,
    /// A WebSocket from a foreign page, which the server refuses. A browser cannot try it.
    pub foreign_origin: Option<UpgradeProbe>,
    /// What the server saw of a request with a forged `X-Forwarded-For`.
    pub seen: Option<Seen>,
    /// Why the server did not report what it saw.
    pub unseen: Option<String>,
    /// The `Origin` that this request was sent with.
    pub sent_origin: Option<String>,
    /// The doctor's own address and port on that connection. A browser does not know it.
    pub local_address: Option<String>,
    /// When the frames of the doctor's socket arrived, in milliseconds after the first.
    pub ticks_ms: Option<Vec<u64>>,
    /// A socket on which nothing was sent.
    pub quiet: Option<QuietProbe>,
    /// The response to `/widget.js`.
    pub widget: Option<WidgetProbe>,
    /// A request with a large body.
    pub body: Option<BodyProbe>,
    /// A comparison of the clocks.
    pub clock: Option<ClockProbe>,
}

/// A certificate as a client judges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Certificate {
    /// Why it was refused.
    pub refused: Option<String>,
    /// How long it is valid, if it was accepted and can be read.
    pub validity: Option<Validity>,
}

/// How long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Validity {
    /// Seconds from now on; 0 when it has expired.
    pub left_s: u64,
    /// Seconds in all.
    pub whole_s: u64,
}

impl Validity {
    /// From the first and the last second of a certificate and the present time, all in seconds
    /// since 1970.
    pub fn at(now: i64, not_before: i64, not_after: i64) -> Self {
        let positive = |seconds: i64| u64::try_from(seconds).unwrap_or(0);
        Self {
            left_s: positive(not_after.saturating_sub(now)),
            whole_s: positive(not_after.saturating_sub(not_before)),
        }
    }
}

/// An attempt to open a WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct UpgradeProbe {
    /// Whether it opened.
    pub opened: bool,
    /// The status of the response. A browser does not show it to pages.
    pub status: Option<u16>,
    /// The subprotocol in the response.
    pub subprotocol: Option<String>,
    /// The detail of the server's refusal, if it was the server that refused.
    pub refusal: Option<String>,
}

/// What the server saw of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Seen {
    /// Such as `HTTP/1.1`.
    pub http_version: String,
    /// Address and port of the TCP connection's other end.
    pub peer: String,
    /// Whether that is one of `server.trusted_proxies`.
    pub peer_is_trusted: bool,
    /// Whether that is an address of the same machine.
    pub peer_is_loopback: bool,
    /// The client's address, by which limits count.
    pub client: String,
    /// The addresses in `X-Forwarded-For`, from left to right.
    pub forwarded_for: Vec<String>,
    /// Whether any header says that the request was forwarded.
    pub is_forwarded: bool,
    /// The header `X-Forwarded-Proto`.
    pub forwarded_proto: Option<String>,
    /// The header `Origin`.
    pub origin: Option<String>,
    /// The origins of the server's own pages, from `server.public_url` or the listen address.
    pub own_origins: Vec<String>,
    /// Whether `server.public_url` is set.
    pub has_public_url: bool,
    /// The `ETag` of the widget without its encoding, to compare with what a browser gets.
    pub widget: Option<String>,
    /// The server's clock, in milliseconds since 1970.
    pub now_ms: i64,
}

/// A socket on which nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct QuietProbe {
    /// How long it was to be quiet.
    pub wanted_s: u64,
    /// How long it stayed open.
    pub lasted_s: u64,
    /// Whether it was cut before the server's last frame came.
    pub was_cut: bool,
}

/// The response to `/widget.js`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct WidgetProbe {
    /// The status.
    pub status: u16,
    /// The header `Cache-Control`, several joined by commas.
    pub cache_control: Option<String>,
    /// The header `Expires`.
    pub expires: Option<String>,
    /// The header `Age`: the seconds for which a cache has had it.
    pub age: Option<String>,
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The header `Access-Control-Allow-Origin`, several joined by commas.
    pub allow_origin: Option<String>,
}

/// A request with a large body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BodyProbe {
    /// Bytes that were sent.
    pub bytes: usize,
    /// The status of the response.
    pub status: u16,
    /// Whether the server itself responded, rather than a proxy.
    pub is_from_server: bool,
}

/// Both clocks at about the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ClockProbe {
    /// The server's, in milliseconds since 1970.
    pub server_ms: i64,
    /// The doctor's, halfway through the request.
    pub local_ms: i64,
    /// How long the request took.
    pub round_trip_ms: i64,
}
