//! One WebSocket: typed frames in and out, without a reconnect.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use shoptalk::protocol::{
    AgentServerFrame, CloseCode, SUBPROTOCOL, VisitorServerFrame, decode_agent_server_frame,
    decode_visitor_server_frame,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

/// How long the close handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How to open a socket.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    /// Headers of the upgrade. The default offers the subprotocol `shoptalk.v1`.
    pub headers: HeaderMap,
    /// Bounds the connect and the upgrade together. 10 s by default.
    pub connect_timeout: Duration,
}

impl Default for SocketOptions {
    fn default() -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(SUBPROTOCOL),
        );
        Self {
            headers,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl SocketOptions {
    /// No subprotocol and no other header.
    #[must_use]
    pub fn bare() -> Self {
        Self {
            headers: HeaderMap::new(),
            ..Self::default()
        }
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// If `value` is not a valid header value.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("visible ASCII");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }
}

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not valid.
    #[error("{0} is not a server's address; it must be http:// and a host")]
    Address(String),
    /// The connection failed, or ended during the upgrade.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The server did not respond in time.
    #[error("no response within {0:?}")]
    Timeout(Duration),
    /// The upgrade was refused.
    #[error("the upgrade was refused with {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body, a problem document in JSON.
        body: String,
    },
}

impl ConnectError {
    /// Whether a later attempt may succeed: the server may be unreachable, drain, or limit this
    /// address only for a while.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Address(_) => false,
            Self::Unreachable(_) | Self::Timeout(_) => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
        }
    }
}

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// A close frame was received.
    #[error("closed with {code}: {reason}")]
    Code {
        /// The code; see `shoptalk::protocol::CloseCode`.
        code: u16,
        /// A text for people.
        reason: String,
    },
    /// The connection ended without a close code.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server sent something that is not a frame of this protocol.
    #[error("the server sent something that is not a frame of the protocol: {0}")]
    BadFrame(String),
}

impl Closed {
    /// The close code, if there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Code { code, .. } => Some(*code),
            Self::Lost(_) | Self::BadFrame(_) => None,
        }
    }

    /// Whether the contract allows a client to reconnect.
    #[must_use]
    pub fn may_reconnect(&self) -> bool {
        match self {
            Self::Code { code, .. } => CloseCode::may_reconnect(*code),
            Self::Lost(_) | Self::BadFrame(_) => true,
        }
    }
}

/// What [`Socket::receive`] decodes text into.
pub trait Incoming: Sized {
    /// Decodes one text frame.
    ///
    /// # Errors
    ///
    /// If the text is not a frame of this type.
    fn decode(text: &str) -> Result<Self, serde_json::Error>;
}

impl Incoming for VisitorServerFrame {
    fn decode(text: &str) -> Result<Self, serde_json::Error> {
        decode_visitor_server_frame(text)
    }
}

impl Incoming for AgentServerFrame {
    fn decode(text: &str) -> Result<Self, serde_json::Error> {
        decode_agent_server_frame(text)
    }
}

/// The JSON as it is, for tests and bridges.
impl Incoming for serde_json::Value {
    fn decode(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// The bytes below a socket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One WebSocket to a server. It sends no hello, does not reply to `ping` frames and does not
/// reconnect; [`Visitor`](crate::Visitor) and [`Agent`](crate::Agent) do.
pub struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    subprotocol: Option<String>,
    closed: Option<Closed>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Socket")
            .field("subprotocol", &self.subprotocol)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl Socket {
    /// Connects to `path` of the server at `base`, such as `http://127.0.0.1:8001`.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] has the reason, and whether to try again.
    pub async fn connect(
        base: &str,
        path: &str,
        options: SocketOptions,
    ) -> Result<Self, ConnectError> {
        let address = || ConnectError::Address(base.to_owned());
        let authority = base.strip_prefix("http://").ok_or_else(address)?;
        let authority = authority.trim_end_matches('/');
        let uri: tokio_tungstenite::tungstenite::http::Uri = format!("ws://{authority}{path}")
            .parse()
            .map_err(|_| address())?;
        let host = uri.host().ok_or_else(address)?.trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(80);
        let connecting = async {
            let stream = TcpStream::connect((host, port))
                .await
                .map_err(|error| ConnectError::Unreachable(error.to_string()))?;
            // Frames are small and must not be delayed. If this fails, it costs latency only.
            let _ = stream.set_nodelay(true);
            Self::upgrade(stream, &uri.to_string(), options.headers).await
        };
        timeout(options.connect_timeout, connecting)
            .await
            .map_err(|_| ConnectError::Timeout(options.connect_timeout))?
    }

    /// Upgrades a stream that is connected already, such as one with TLS. `url` is where it is
    /// connected to, with the path of the socket: `wss://chat.example.com/ws/admin/chat/`. The
    /// timeout is the caller's, and so are certificates.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] has the reason.
    pub async fn upgrade(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        url: &str,
        headers: HeaderMap,
    ) -> Result<Self, ConnectError> {
        let mut request = url
            .into_client_request()
            .map_err(|_| ConnectError::Address(url.to_owned()))?;
        request.headers_mut().extend(headers);
        let stream: Box<dyn Stream> = Box::new(stream);
        let (stream, response) = tokio_tungstenite::client_async(request, stream)
            .await
            .map_err(|error| match error {
                WsError::Http(response) => ConnectError::Refused {
                    status: response.status().as_u16(),
                    body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default())
                        .into_owned(),
                },
                error => ConnectError::Unreachable(error.to_string()),
            })?;
        let subprotocol = response.headers().get("sec-websocket-protocol");
        let subprotocol = subprotocol.and_then(|value| value.to_str().ok());
        Ok(Self {
            stream,
            subprotocol: subprotocol.map(str::to_owned),
            closed: None,
        })
    }

    /// The subprotocol that the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Sends a frame: a `VisitorHello`, `VisitorFrame`, `AgentHello` or `AgentFrame` of
    /// `shoptalk::protocol`, or any other value that serializes to JSON.
    ///
    /// # Errors
    ///
    /// If the connection has ended. [`receive`](Self::receive) may still return the close code.
    ///
    /// # Panics
    ///
    /// If `frame` cannot be serialized to JSON. The frames of the protocol always can.
    pub async fn send(&mut self, frame: &impl Serialize) -> Result<(), Closed> {
        let text = serde_json::to_string(frame).expect("the frame is plain JSON");
        self.send_message(Message::text(text)).await
    }

    /// Sends any WebSocket message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_message(&mut self, message: Message) -> Result<(), Closed> {
        self.stream
            .send(message)
            .await
            .map_err(|error| Closed::Lost(error.to_string()))
    }

    /// Receives the next frame. Cancel safe.
    ///
    /// # Errors
    ///
    /// How the socket ended; the same at each further call.
    pub async fn receive<F: Incoming>(&mut self) -> Result<F, Closed> {
        let text = self.receive_text().await?;
        F::decode(&text).map_err(|error| {
            let closed = Closed::BadFrame(error.to_string());
            self.closed.insert(closed).clone()
        })
    }

    /// Receives the text of the next frame. Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive); a binary frame is a [`Closed::BadFrame`].
    pub async fn receive_text(&mut self) -> Result<Utf8Bytes, Closed> {
        if let Some(closed) = &self.closed {
            return Err(closed.clone());
        }
        let closed = loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => {
                    let closed = match frame {
                        Some(frame) => Closed::Code {
                            code: frame.code.into(),
                            reason: frame.reason.to_string(),
                        },
                        None => Closed::Lost("closed without a code".to_owned()),
                    };
                    self.closed = Some(closed.clone());
                    // One more read sends the reply to the close frame.
                    let _ = timeout(CLOSE_TIMEOUT, self.stream.next()).await;
                    break closed;
                }
                Some(Ok(Message::Binary(_))) => {
                    break Closed::BadFrame("a binary frame".to_owned());
                }
                // The library replies to pings of WebSocket itself.
                Some(Ok(_)) => {}
                Some(Err(error)) => break Closed::Lost(error.to_string()),
                None => {
                    break Closed::Lost("the server closed it without a close frame".to_owned());
                }
            }
        };
        Err(self.closed.insert(closed).clone())
    }

    /// Sends a close frame and waits up to 2 s for the server's, so that everything sent before
    /// arrives.
    pub async fn close(mut self) {
        let closing = async {
            let _ = self.stream.close(None).await;
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }
}
