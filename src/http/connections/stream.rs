//! A connection's stream that notices when its peer stops reading.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::slot::ConnectionSlot;
use crate::http::stall_timer::StallTimer;

/// A stream whose writes fail with [`TimedOut`](io::ErrorKind::TimedOut) when the peer has taken
/// nothing for the configured time, or when another connection has taken its place.
pub(super) struct WatchedStream<S> {
    stream: S,
    slot: ConnectionSlot,
    timer: StallTimer,
}

impl<S: Unpin> WatchedStream<S> {
    pub(super) fn new(stream: S, slot: ConnectionSlot) -> Self {
        Self {
            stream,
            slot,
            timer: StallTimer::default(),
        }
    }

    fn check_stall<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let timed_out = || Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        if written.is_ready() || self.slot.info().is_websocket() {
            self.timer.stop();
            return match self.slot.peer_reads() {
                Ok(()) => written,
                Err(_) => timed_out(),
            };
        }
        if self.slot.peer_stalls(context.waker()).is_err() {
            return timed_out();
        }
        let stall_timeout = self.slot.stall_timeout();
        ready!(self.timer.poll_elapsed(context, stall_timeout));
        self.slot.note_timeout();
        timed_out()
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_stall(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.check_stall(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// A TCP stream has nothing to flush, so this says nothing about the peer.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
