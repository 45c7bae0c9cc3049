//! The last phase of a socket: why it ends, and the close handshake.

use super::wire::{SendError, Wire};
use crate::http::state::AppState;
use crate::protocol::CloseCode;

/// Why a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The server closes it with this code.
    Close(CloseCode),
    /// The peer has closed it or is gone.
    PeerGone,
}

impl From<SendError> for EndReason {
    fn from(error: SendError) -> Self {
        match error {
            SendError::PeerGone => Self::PeerGone,
            SendError::Stalled => CloseCode::OutboxFull.into(),
        }
    }
}

impl From<CloseCode> for EndReason {
    fn from(code: CloseCode) -> Self {
        Self::Close(code)
    }
}

/// Closes the connection.
pub(super) async fn close(state: AppState, wire: Wire, reason: EndReason) {
    tracing::debug!(?reason, "socket closes");
    match reason {
        EndReason::Close(code) => {
            if code == CloseCode::OutboxFull {
                state.metrics.outbox_overflowed();
            }
            wire.close(code).await;
        }
        EndReason::PeerGone => wire.finish_close().await,
    }
}
