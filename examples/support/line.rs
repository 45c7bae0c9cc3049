use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{number, text};

/// Why a line has ended.
pub(crate) enum Ended {
    /// Connect again, after a wait.
    Lost {
        why: String,
        going_away: Option<Duration>,
        flooded: bool,
    },
    /// Connecting again would end the same way.
    Refused(String),
    /// We are done.
    Quit,
}

impl Ended {
    pub(crate) fn lost(why: impl Into<String>) -> Self {
        Self::Lost {
            why: why.into(),
            going_away: None,
            flooded: false,
        }
    }
}

/// One WebSocket: JSON objects in, JSON objects out.
pub(crate) struct Line {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard_at: Instant,
    patience: Duration,
    going_away: Option<Duration>,
}

impl Line {
    /// Past a ping and this, silence means that the line is dead.
    const GRACE: Duration = Duration::from_secs(10);

    /// Opens the socket at `path` of the server at `base` and says `hello`.
    pub(crate) async fn open(base: &str, path: &str, hello: &Value) -> Result<Self, Ended> {
        let address = ws_address(base, path).map_err(|error| Ended::Refused(error.to_string()))?;
        let mut request = address
            .into_client_request()
            .map_err(|error| Ended::Refused(error.to_string()))?;
        request.headers_mut().insert(
            "Sec-WebSocket-Protocol",
            tungstenite::http::HeaderValue::from_static("shoptalk.v1"),
        );
        let (socket, _) = timeout(Self::GRACE, connect_async(request))
            .await
            .map_err(|_| Ended::lost("no answer"))?
            .map_err(why_not_opened)?;
        let mut line = Self {
            socket,
            heard_at: Instant::now(),
            patience: Self::GRACE * 2,
            going_away: None,
        };
        line.send(hello).await?;
        Ok(line)
    }

    /// Call at each `welcome`, with its `ping_interval_ms`.
    pub(crate) fn welcomed(&mut self, ping_interval_ms: u64) {
        // Pings vary by a fifth.
        self.patience =
            Duration::from_millis(ping_interval_ms + ping_interval_ms / 5) + Self::GRACE;
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: &Value) -> Result<(), Ended> {
        let sending = self.socket.send(Message::text(frame.to_string()));
        match timeout(Self::GRACE, sending).await {
            Ok(Ok(())) => Ok(()),
            // The reason may be waiting on the other direction: a close frame that we have
            // not read yet.
            Ok(Err(error)) => Err(self.reason_of_the_end(error.to_string()).await),
            Err(_) => Err(Ended::lost("the server does not read")),
        }
    }

    /// The next frame. May be dropped at any await without losing one.
    pub(crate) async fn next(&mut self) -> Result<Value, Ended> {
        loop {
            let deadline = self.heard_at + self.patience;
            let received = timeout_at(deadline, self.socket.next())
                .await
                .map_err(|_| self.lost("nothing heard for too long"))?;
            self.heard_at = Instant::now();
            match received {
                Some(Ok(Message::Text(json))) => {
                    let Ok(frame) = serde_json::from_str::<Value>(&json) else {
                        return Err(self.lost("the server sent something that is not JSON"));
                    };
                    if text(&frame, "type") == "going_away" {
                        let within_ms = number(&frame, "reconnect_within_ms");
                        self.going_away = Some(Duration::from_millis(within_ms));
                    }
                    return Ok(frame);
                }
                Some(Ok(Message::Close(Some(close)))) => {
                    return Err(self.closed(close.code.into(), &close.reason));
                }
                Some(Ok(Message::Close(None))) | None => return Err(self.lost("closed")),
                // WebSocket's own pings are answered by the library.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.lost(&error.to_string())),
            }
        }
    }

    /// Says goodbye and waits a moment for the answer, so that nothing sent is lost.
    pub(crate) async fn close(mut self) {
        let _ = timeout(Duration::from_secs(2), async {
            let _ = self.socket.close(None).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        })
        .await;
    }

    async fn reason_of_the_end(&mut self, otherwise: String) -> Ended {
        let reading = timeout(Duration::from_secs(1), async {
            loop {
                if let Err(ended) = self.next().await {
                    return ended;
                }
            }
        });
        match reading.await {
            Ok(ended) => ended,
            Err(_) => Ended::lost(otherwise),
        }
    }

    fn closed(&self, code: u16, reason: &str) -> Ended {
        let why = format!("{code} {}", super::harmless(reason));
        match code {
            4500.. | 1009 | 1002 | 1007 => Ended::Refused(why),
            _ => Ended::Lost {
                why,
                going_away: self.going_away,
                flooded: code == 4013,
            },
        }
    }

    fn lost(&self, why: &str) -> Ended {
        Ended::Lost {
            why: why.to_owned(),
            going_away: self.going_away,
            flooded: false,
        }
    }
}

fn ws_address(base: &str, path: &str) -> Result<String> {
    let authority = base
        .strip_prefix("http://")
        .context("--url begins with http:// (these examples speak no TLS)")?;
    Ok(format!("ws://{}{path}", authority.trim_end_matches('/')))
}

/// An answer that says «not you» or «not so» ends it; «too many» and a server that is
/// shutting down or not there yet do not.
fn why_not_opened(error: tungstenite::Error) -> Ended {
    match error {
        tungstenite::Error::Http(answer)
            if answer.status().is_client_error() && answer.status() != 429 =>
        {
            Ended::Refused(format!("the socket was answered {}", answer.status()))
        }
        other => Ended::lost(other.to_string()),
    }
}
