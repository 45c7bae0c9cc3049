use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::chat::Side;
use crate::chat::limits::FRAME_BYTES;
use crate::protocol::CloseCode;

/// An idle socket costs its buffers, so they are small; a frame that needs more
/// gets it for as long as it is there.
const READ_BUFFER_BYTES: usize = 512;
/// Bytes that are gathered before they are written out; taken only when used.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// The same for a console, which is sent many rooms' states at once.
const CONSOLE_WRITE_BUFFER_BYTES: usize = 32 * 1024;
/// Above the contract's limit, which is checked by hand so that the close code
/// can be told; below what would let one peer take the memory of many.
const LIBRARY_FRAME_BYTES: usize = 2 * FRAME_BYTES;
/// A page of 128 KiB and what else one turn brings must fit.
const WRITE_BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// A peer that takes not a byte for this long while there is something to take does not read.
const WRITE_STALL: Duration = Duration::from_secs(8);
/// A peer that does not even take the close frame.
const CLOSE_WRITE: Duration = Duration::from_secs(5);
/// How long the peer may take to answer the close frame.
const CLOSE_READ: Duration = Duration::from_secs(2);

/// A WebSocket with the limits of the contract.
pub(super) struct Wire {
    stream: WebSocketStream<Patient<TokioIo<Upgraded>>>,
    /// What follows on the wire is no longer frames.
    broken: bool,
}

/// What came in.
pub(super) enum Incoming {
    /// A frame to act on.
    Text(Utf8Bytes),
    /// A sign of life below the protocol.
    Alive,
    /// Something after which the socket closes with this code.
    Fatal(CloseCode),
    /// The peer has closed or is gone.
    Gone,
}

/// Why frames could not be sent.
pub(super) enum SendError {
    /// The peer is gone.
    Gone,
    /// The peer takes nothing.
    Stalled,
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => Self::Stalled,
            _ => Self::Gone,
        }
    }
}

/// A stream whose writes fail with [`TimedOut`](io::ErrorKind::TimedOut) when the peer takes
/// nothing for [`WRITE_STALL`]. The clock is there only while a write waits.
struct Patient<S> {
    stream: S,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S: Unpin> Patient<S> {
    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_STALL)));
        ready!(stall.as_mut().poll(context));
        self.stall = None;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watched(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
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
            Side::Agent => CONSOLE_WRITE_BUFFER_BYTES,
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(write_buffer_bytes)
            .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
            .max_message_size(Some(LIBRARY_FRAME_BYTES))
            .max_frame_size(Some(LIBRARY_FRAME_BYTES));
        let patient = Patient {
            stream: TokioIo::new(upgraded),
            stall: None,
        };
        let stream = WebSocketStream::from_raw_socket(patient, Role::Server, Some(config)).await;
        Self {
            stream,
            broken: false,
        }
    }

    /// The next thing from the peer. Cancel safe.
    pub(super) async fn recv(&mut self) -> Incoming {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) if text.len() > FRAME_BYTES => {
                Incoming::Fatal(CloseCode::FrameTooLarge)
            }
            Some(Ok(Message::Binary(bytes))) if bytes.len() > FRAME_BYTES => {
                Incoming::Fatal(CloseCode::FrameTooLarge)
            }
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Fatal(CloseCode::NotThisProtocol),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Incoming::Alive,
            Some(Ok(Message::Close(_))) | None => Incoming::Gone,
            Some(Err(error)) => {
                self.broken = true;
                match error {
                    Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                        Incoming::Fatal(CloseCode::FrameTooLarge)
                    }
                    Error::Utf8(_) => Incoming::Fatal(CloseCode::BadUtf8),
                    Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Incoming::Gone,
                    Error::Protocol(_) => Incoming::Fatal(CloseCode::BadFraming),
                    _ => Incoming::Gone,
                }
            }
        }
    }

    /// Sends frames with one flush, however long a slow line takes, as long as it takes some.
    pub(super) async fn send(&mut self, frames: &mut Vec<Utf8Bytes>) -> Result<(), SendError> {
        for frame in frames.drain(..) {
            self.stream.feed(Message::Text(frame)).await?;
        }
        Ok(self.stream.flush().await?)
    }

    /// Closes with a code, and reads on until the peer has seen it: a connection
    /// dropped with unread bytes in it is reset, and the code lost with it.
    pub(super) async fn close(mut self, code: CloseCode) {
        let frame = CloseFrame {
            code: WireCloseCode::from(code.as_u16()),
            reason: code.reason().into(),
        };
        let sent = async {
            self.stream.send(Message::Close(Some(frame))).await?;
            self.stream.flush().await
        };
        if !matches!(tokio::time::timeout(CLOSE_WRITE, sent).await, Ok(Ok(()))) {
            return;
        }
        let _ = tokio::time::timeout(CLOSE_READ, async {
            if !self.broken {
                while let Some(Ok(_)) = self.stream.next().await {}
            } else {
                discard(self.stream.get_mut()).await;
            }
        })
        .await;
    }

    /// Answers the peer's own close frame and ends the connection, as the server should. What
    /// the peer has sent after its close is read away, so that it cannot reset the answer.
    pub(super) async fn finish(mut self) {
        let _ = tokio::time::timeout(CLOSE_READ, async {
            // The answer was made when the close was read; the error says that it is out.
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
