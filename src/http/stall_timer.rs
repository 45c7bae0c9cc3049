//! How long a write to a peer has been waiting.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

/// Runs while a write waits for a peer that takes nothing. At other times it holds no timer, since
/// most connections never need one.
#[derive(Default)]
pub(crate) struct StallTimer(Option<Pin<Box<Sleep>>>);

impl StallTimer {
    /// The peer has taken something.
    pub(crate) fn stop(&mut self) {
        self.0 = None;
    }

    /// The peer takes nothing. Ready once that has lasted for `timeout`.
    pub(crate) fn poll_elapsed(
        &mut self,
        context: &mut Context<'_>,
        timeout: Duration,
    ) -> Poll<()> {
        self.0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)))
            .as_mut()
            .poll(context)
    }
}
