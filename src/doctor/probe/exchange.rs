//! One request and its response, or the WebSocket that it becomes.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Response;
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::connection::{Connected, ProbeError, Target};
use crate::doctor::Validity;

/// How long a response may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of a response that are read; the widget is the largest that is of interest.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// A socket of the doctor's.
pub(super) type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// A response.
pub(super) struct Exchanged {
    pub(super) response: Response<()>,
    pub(super) body: Bytes,
    /// The own end of the connection.
    pub(super) local_address: SocketAddr,
    /// How long the certificate is valid, of a connection with TLS.
    pub(super) validity: Option<Validity>,
}

impl Target {
    /// Sends a request on a connection of its own, and reads the response.
    pub(super) async fn exchange(
        &self,
        request: Builder,
        body: Vec<u8>,
    ) -> Result<Exchanged, ProbeError> {
        let Connected {
            stream,
            local_address,
            validity,
        } = self.connect().await?;
        let exchange = async {
            let response = send(stream, request, body).await?;
            let (head, body) = response.into_parts();
            // A switched protocol has no body; one that is too long is of no interest.
            let body = if head.status == 101 {
                Bytes::new()
            } else {
                let collected = Limited::new(body, BODY_BYTES_MAX).collect().await;
                collected.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes)
            };
            Ok(Exchanged {
                response: Response::from_parts(head, ()),
                body,
                local_address,
                validity,
            })
        };
        tokio::time::timeout(RESPONSE_TIMEOUT, exchange)
            .await
            .map_err(|_| ProbeError::Timeout(RESPONSE_TIMEOUT))?
    }

    /// Sends a handshake and returns the socket.
    pub(super) async fn open_socket(&self, request: Builder) -> Result<WebSocket, ProbeError> {
        let stream = self.connect().await?.stream;
        let open = async {
            let mut response = send(stream, request, Vec::new()).await?;
            if response.status() != 101 {
                return Err(ProbeError::Status(response.status().as_u16()));
            }
            let upgraded = hyper::upgrade::on(&mut response).await?;
            Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await)
        };
        tokio::time::timeout(RESPONSE_TIMEOUT, open)
            .await
            .map_err(|_| ProbeError::Timeout(RESPONSE_TIMEOUT))?
    }
}

async fn send(
    stream: Box<dyn super::connection::Stream>,
    request: Builder,
    body: Vec<u8>,
) -> Result<Response<hyper::body::Incoming>, ProbeError> {
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| ProbeError::Url(error.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the connection, which ends with the response.
    tokio::spawn(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}
