//! The WebSocket connection itself: frames in and out, stalled peers, the close handshake.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::chat::Side;
use crate::chat::limits::FRAME_BYTES;
use crate::http::stall_timer::StallTimer;
use crate::protocol::CloseCode;

/// An idle socket keeps its buffers, so they are small. A larger frame gets more for as long as it
/// is read.
const READ_BUFFER_BYTES: usize = 512;
/// Bytes that are collected before they are written; allocated only when used.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// The same for an agent, who is sent the states of many rooms at once.
const AGENT_WRITE_BUFFER_BYTES: usize = 32 * 1024;
/// The library's limit on a frame. It is above the contract's limit, which is checked here, because
/// the library sends no close frame; and low enough that one peer cannot take much memory.
const LIBRARY_FRAME_BYTES: usize = 2 * FRAME_BYTES;
/// Room for a page of 128 KiB and whatever else one turn sends.
const WRITE_BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// A peer that takes no byte for this long, while there is something to take, has stopped reading.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the peer may take to receive the close frame.
const CLOSE_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the peer may take to reply to the close frame.
const CLOSE_READ_TIMEOUT: Duration = Duration::from_secs(2);

/// A WebSocket connection with the contract's limits on frames and on slow peers.
pub(super) struct Wire {
    stream: WebSocketStream<StallTimeout<TokioIo<Upgraded>>>,
    /// The peer broke the framing: what follows can only be discarded.
    framing_broken: bool,
}

/// What arrives from the peer.
pub(super) enum Incoming {
    /// A frame of the chat protocol.
    Text(Utf8Bytes),
    /// A ping or pong of WebSocket itself.
    Control,
    /// A violation after which the socket is closed with this code.
    Violation(CloseCode),
    /// The peer has closed the connection or is gone.
    PeerGone,
}

/// Why frames could not be sent.
pub(super) enum SendError {
    /// The peer is gone.
    PeerGone,
    /// The peer has stopped reading.
    Stalled,
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => Self::Stalled,
            _ => Self::PeerGone,
        }
    }
}

/// A stream whose writes fail with [`TimedOut`](io::ErrorKind::TimedOut) when the peer takes
/// nothing for [`WRITE_STALL_TIMEOUT`].
struct StallTimeout<S> {
    stream: S,
    timer: StallTimer,
}

impl<S: Unpin> StallTimeout<S> {
    fn check_stall<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.timer.stop();
            return written;
        }
        ready!(self.timer.poll_elapsed(context, WRITE_STALL_TIMEOUT));
        // The close frame that follows gets a timer of its own.
        self.timer.stop();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_stall(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.check_stall(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Wire {
    pub(super) async fn new(upgraded: Upgraded, side: Side) -> Self {
        let write_buffer_bytes = match side {
            Side::Visitor => WRITE_BUFFER_BYTES,
            Side::Agent => AGENT_WRITE_BUFFER_BYTES,
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(write_buffer_bytes)
            .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
            .max_message_size(Some(LIBRARY_FRAME_BYTES))
            .max_frame_size(Some(LIBRARY_FRAME_BYTES));
        let stream = StallTimeout {
            stream: TokioIo::new(upgraded),
            timer: StallTimer::default(),
        };
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self {
            stream,
            framing_broken: false,
        }
    }

    /// Receives what arrives next. Cancel safe.
    pub(super) async fn recv(&mut self) -> Incoming {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) if text.len() > FRAME_BYTES => {
                Incoming::Violation(CloseCode::FrameTooLarge)
            }
            Some(Ok(Message::Binary(bytes))) if bytes.len() > FRAME_BYTES => {
                Incoming::Violation(CloseCode::FrameTooLarge)
            }
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Violation(CloseCode::NotThisProtocol),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Incoming::Control,
            Some(Ok(Message::Close(_))) | None => Incoming::PeerGone,
            Some(Err(error)) => {
                self.framing_broken = true;
                match error {
                    Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                        Incoming::Violation(CloseCode::FrameTooLarge)
                    }
                    Error::Utf8(_) => Incoming::Violation(CloseCode::BadUtf8),
                    Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                        Incoming::PeerGone
                    }
                    Error::Protocol(_) => Incoming::Violation(CloseCode::BadFraming),
                    _ => Incoming::PeerGone,
                }
            }
        }
    }

    /// Sends frames with one flush. A slow peer may take any time, as long as it takes some bytes.
    pub(super) async fn send(&mut self, frames: &mut Vec<Utf8Bytes>) -> Result<(), SendError> {
        for frame in frames.drain(..) {
            self.stream.feed(Message::Text(frame)).await?;
        }
        Ok(self.stream.flush().await?)
    }

    /// Closes with a code, and reads until the peer closes, too: a connection that is dropped with
    /// unread bytes is reset, and the peer may never see the code.
    pub(super) async fn close(mut self, code: CloseCode) {
        let frame = CloseFrame {
            code: WireCloseCode::from(code.as_u16()),
            reason: code.reason().into(),
        };
        let sent = async {
            self.stream.send(Message::Close(Some(frame))).await?;
            self.stream.flush().await
        };
        if !matches!(
            tokio::time::timeout(CLOSE_WRITE_TIMEOUT, sent).await,
            Ok(Ok(()))
        ) {
            return;
        }
        let _ = tokio::time::timeout(CLOSE_READ_TIMEOUT, async {
            if !self.framing_broken {
                while let Some(Ok(_)) = self.stream.next().await {}
            } else {
                discard(self.stream.get_mut()).await;
            }
        })
        .await;
    }

    /// Completes the close handshake that the peer has started. What the peer sent after its close
    /// frame is discarded, since unread bytes would reset the connection.
    pub(super) async fn finish_close(mut self) {
        let _ = tokio::time::timeout(CLOSE_READ_TIMEOUT, async {
            // The library queued the reply when it read the close frame, and returns an error once
            // it is flushed.
            let _ = self.stream.flush().await;
            let stream = self.stream.get_mut();
            if stream.shutdown().await.is_ok() {
                discard(stream).await;
            }
        })
        .await;
    }
}

async fn discard(stream: &mut (impl AsyncRead + Unpin)) {
    let mut scratch = [0_u8; 1024];
    while matches!(stream.read(&mut scratch).await, Ok(bytes) if bytes > 0) {}
}
