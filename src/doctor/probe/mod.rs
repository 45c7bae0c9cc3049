//! How the command collects observations: HTTP/1.1 requests and WebSockets, each on a connection of
//! its own.

mod connection;
mod exchange;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AGE, CACHE_CONTROL, ETAG, EXPIRES, HeaderMap, HeaderName,
    SEC_WEBSOCKET_PROTOCOL, SERVER,
};
use hyper::{Method, Request, Response};
use tokio_tungstenite::tungstenite::Message;
use url::Url;
use uuid::Uuid;

pub use self::connection::{ProbeError, Target};
use self::exchange::{Exchanged, WebSocket};
use super::observations::{
    BodyProbe, Certificate, ClockProbe, Observations, QuietProbe, Seen, UpgradeProbe, WidgetProbe,
};
use super::{BODY_BYTES, FOREIGN_ORIGIN, FORGED_ADDRESS, TICKS};
use crate::protocol::SUBPROTOCOL;

/// How long the frames of the doctor's socket may take.
const TICKS_TIMEOUT: Duration = Duration::from_secs(15);
/// How much later than asked for the last frame of a quiet socket may be.
const QUIET_GRACE: Duration = Duration::from_secs(15);

/// Tries everything that takes no patience. `code` opens what the server reports to nobody else;
/// without it, `why_no_code` says why.
pub async fn observe(target: &Target, code: Result<&str, &str>) -> Observations {
    let mut seen = Observations {
        origin: target.origin(),
        ..Observations::default()
    };
    let request = target.request(Method::GET, "/widget.js");
    match target.exchange(request, Vec::new()).await {
        Ok(Exchanged {
            response, validity, ..
        }) => {
            seen.widget = Some(widget(&response));
            seen.server_header = header(response.headers(), SERVER);
            seen.certificate = target.is_https().then_some(Certificate {
                refused: None,
                validity,
            });
        }
        Err(ProbeError::Certificate(refused)) => {
            seen.certificate = Some(Certificate {
                refused: Some(refused),
                validity: None,
            });
            return seen;
        }
        Err(error) => {
            seen.unreachable = Some(error.to_string());
            return seen;
        }
    }
    let own = seen.origin.clone();
    seen.upgrade = Some(try_upgrade(target, &own, SUBPROTOCOL).await);
    seen.unknown_subprotocol = Some(try_upgrade(target, &own, "unknown.v0").await);
    seen.foreign_origin = Some(try_upgrade(target, FOREIGN_ORIGIN, SUBPROTOCOL).await);
    seen.body = try_body(target).await.ok();
    match code {
        Ok(code) => {
            ask_server(target, code, &mut seen).await;
            seen.ticks_ms = Some(match open_doctor_socket(target, code).await {
                Ok(mut socket) => arrival_times(&mut socket).await,
                Err(_) => Vec::new(),
            })
            .filter(|_| seen.upgrade.as_ref().is_some_and(|upgrade| upgrade.opened));
        }
        Err(why) => seen.unseen = Some(why.to_owned()),
    }
    seen
}

/// Keeps a socket quiet for `seconds`, and calls `progress` with each that has passed. `None` if
/// no socket can be opened.
pub async fn keep_quiet(
    target: &Target,
    code: &str,
    seconds: u64,
    mut progress: impl FnMut(u64),
) -> Option<QuietProbe> {
    let mut socket = open_doctor_socket(target, code).await.ok()?;
    arrival_times(&mut socket).await;
    let started = Instant::now();
    let request = format!(r#"{{"type":"quiet","seconds":{seconds}}}"#);
    futures_util::SinkExt::send(&mut socket, Message::text(request))
        .await
        .ok()?;
    let deadline = Duration::from_secs(seconds) + QUIET_GRACE;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let was_cut = loop {
        tokio::select! {
            arrived = socket.next() => match arrived {
                Some(Ok(Message::Text(_))) => break false,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break true,
            },
            _ = ticks.tick() => {
                if started.elapsed() > deadline {
                    break true;
                }
                progress(started.elapsed().as_secs().min(seconds));
            }
        }
    };
    Some(QuietProbe {
        wanted_s: seconds,
        lasted_s: started.elapsed().as_secs(),
        was_cut,
    })
}

/// What is of interest in the response to `/widget.js`.
fn widget(response: &Response<()>) -> WidgetProbe {
    let headers = response.headers();
    WidgetProbe {
        status: response.status().as_u16(),
        cache_control: header(headers, CACHE_CONTROL),
        expires: header(headers, EXPIRES),
        age: header(headers, AGE),
        etag: header(headers, ETAG),
        allow_origin: header(headers, ACCESS_CONTROL_ALLOW_ORIGIN),
    }
}

/// Opens a visitor's socket to a room that does not exist: it opens, since nobody has said hello.
async fn try_upgrade(target: &Target, origin: &str, subprotocol: &str) -> UpgradeProbe {
    let path = format!("/ws/chat/{}/", Uuid::new_v4());
    let request = target
        .upgrade_request(&path, subprotocol)
        .header("origin", origin);
    match target.exchange(request, Vec::new()).await {
        Ok(Exchanged { response, body, .. }) => UpgradeProbe {
            opened: response.status() == 101,
            status: Some(response.status().as_u16()),
            subprotocol: header(response.headers(), SEC_WEBSOCKET_PROTOCOL),
            refusal: refusal(&response, &body),
        },
        Err(_) => UpgradeProbe::default(),
    }
}

/// Sends a large body that is no JSON: the server refuses it and changes nothing.
async fn try_body(target: &Target) -> Result<BodyProbe, ProbeError> {
    let request = target
        .request(Method::POST, "/api/chat/rooms/")
        .header("content-type", "application/json");
    let exchanged = target.exchange(request, vec![b'x'; BODY_BYTES]).await?;
    Ok(BodyProbe {
        bytes: BODY_BYTES,
        status: exchanged.response.status().as_u16(),
        is_from_server: refusal(&exchanged.response, &exchanged.body).is_some(),
    })
}

/// Asks the server what it sees of a request with a forged address.
async fn ask_server(target: &Target, code: &str, seen: &mut Observations) {
    let request = target
        .request(Method::POST, "/api/admin/doctor/seen/")
        .header("authorization", format!("Bearer {code}"))
        .header("x-forwarded-for", FORGED_ADDRESS.to_string());
    let (sent, sent_at) = (now_ms(), Instant::now());
    let exchanged = match target.exchange(request, Vec::new()).await {
        Ok(exchanged) => exchanged,
        Err(error) => {
            seen.unseen = Some(error.to_string());
            return;
        }
    };
    let round_trip_ms = i64::try_from(sent_at.elapsed().as_millis()).unwrap_or(i64::MAX);
    match serde_json::from_slice::<Seen>(&exchanged.body) {
        Ok(server) if exchanged.response.status().is_success() => {
            seen.clock = Some(ClockProbe {
                server_ms: server.now_ms,
                local_ms: sent + round_trip_ms / 2,
                round_trip_ms,
            });
            seen.local_address = Some(exchanged.local_address.to_string());
            seen.seen = Some(server);
        }
        _ => {
            let status = exchanged.response.status();
            seen.unseen = Some(match refusal(&exchanged.response, &exchanged.body) {
                Some(refusal) => format!("{status}: {refusal}"),
                None => format!(
                    "{status}, and not from this server; is it another one, or does the proxy block /api/admin/doctor/?"
                ),
            });
        }
    }
    // An own origin that the server does not know would be refused before it reports anything, so
    // what becomes of the header is asked for by itself.
    let own = seen.origin.clone();
    let request = target
        .request(Method::POST, "/api/admin/doctor/seen/")
        .header("authorization", format!("Bearer {code}"))
        .header("origin", &own);
    if let (Ok(exchanged), Some(server)) =
        (target.exchange(request, Vec::new()).await, &mut seen.seen)
        && let Ok(again) = serde_json::from_slice::<Seen>(&exchanged.body)
    {
        server.origin = again.origin;
        seen.sent_origin = Some(own);
    }
}

async fn open_doctor_socket(target: &Target, code: &str) -> Result<WebSocket, ProbeError> {
    let request = target
        .upgrade_request("/ws/admin/doctor/", SUBPROTOCOL)
        .header("authorization", format!("Bearer {code}"));
    target.open_socket(request).await
}

/// When the first frames arrive, in milliseconds after the first of them.
async fn arrival_times(socket: &mut WebSocket) -> Vec<u64> {
    let mut times: Vec<Instant> = Vec::new();
    let _ = tokio::time::timeout(TICKS_TIMEOUT, async {
        while times.len() < TICKS {
            match socket.next().await {
                Some(Ok(Message::Text(_))) => times.push(Instant::now()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
    })
    .await;
    let Some(first) = times.first().copied() else {
        return Vec::new();
    };
    times
        .iter()
        .map(|time| u64::try_from((*time - first).as_millis()).unwrap_or(u64::MAX))
        .collect()
}

/// The detail of a problem (RFC 9457), which only the server sends.
fn refusal(response: &Response<()>, body: &[u8]) -> Option<String> {
    let kind = header(response.headers(), hyper::header::CONTENT_TYPE)?;
    if !kind.starts_with("application/problem+json") {
        return None;
    }
    let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(problem["detail"].as_str()?.to_owned())
}

/// A header's values, joined by commas.
fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

impl Target {
    /// A request's first lines.
    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.host_header())
            .header(
                "user-agent",
                concat!("shoptalk-doctor/", env!("CARGO_PKG_VERSION")),
            )
    }

    /// The first lines of a WebSocket's handshake.
    fn upgrade_request(&self, path: &str, subprotocol: &str) -> hyper::http::request::Builder {
        self.request(Method::GET, path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            // The server does not look at its content, and nobody caches a 101.
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", subprotocol)
    }
}

/// The URL's scheme, host and port, without the default port.
fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}
