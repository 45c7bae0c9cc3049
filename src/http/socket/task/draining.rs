//! The draining phase: the server shuts down.

use std::collections::VecDeque;
use std::time::Duration;

use super::SocketTask;
use crate::actors::Event;
use crate::http::socket::closing::EndReason;
use crate::http::socket::wire::Wire;
use crate::protocol::{CloseCode, ServerFrame, encode};

/// How long a draining socket waits for the outcomes of its writes.
const WRITES_TIMEOUT: Duration = Duration::from_secs(3);

impl SocketTask {
    /// Sends `going_away` and waits for the outcomes of the writes that the client has sent.
    pub(super) async fn drain(
        &mut self,
        wire: &mut Wire,
        events: &mut VecDeque<Event>,
    ) -> EndReason {
        let reconnect_within_ms = self.state.config.socket.reconnect_window_ms;
        self.frames.push(encode(&ServerFrame::GoingAway {
            reconnect_within_ms,
        }));
        let outbox = self.joiner.outbox.clone();
        let finished = tokio::time::timeout(WRITES_TIMEOUT, async {
            loop {
                self.send(wire).await?;
                if self.pending.is_empty() {
                    return Ok::<(), EndReason>(());
                }
                outbox.recv(events).await?;
                self.handle_events(events, wire).await?;
            }
        })
        .await;
        match finished {
            Ok(Err(reason)) => reason,
            Ok(Ok(())) | Err(_) => CloseCode::Draining.into(),
        }
    }
}
