use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{number, text};

/// Posts that are not confirmed yet, with the ids they were given when they were written.
///
/// One is on its way at a time. That keeps the order of writing even when the server asks
/// to slow down in the middle, and is quick enough for a keyboard.
#[derive(Default)]
pub(crate) struct Outbox {
    posts: VecDeque<Value>,
    under_way: bool,
    not_before: Option<Instant>,
}

impl Outbox {
    pub(crate) fn push(&mut self, post: Value) {
        self.posts.push_back(post);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// Waits until a post can be sent, for ever if there is none.
    pub(crate) async fn ready(&self) {
        if self.under_way || self.posts.is_empty() {
            return std::future::pending().await;
        }
        if let Some(at) = self.not_before {
            tokio::time::sleep_until(at).await;
        }
    }

    /// The post to send now. It stays here until [`acked`](Self::acked).
    pub(crate) fn send(&mut self) -> Value {
        self.under_way = true;
        self.not_before = None;
        self.posts.front().cloned().unwrap_or_default()
    }

    /// The connection is new: whatever was under way may or may not have arrived. It is
    /// sent again with the same id, and stored once.
    pub(crate) fn start_again(&mut self) {
        self.under_way = false;
    }

    /// An `ack` came: the message is on disk, its text can be forgotten.
    pub(crate) fn acked(&mut self, ack: &Value) {
        if self.is_first(ack) {
            self.posts.pop_front();
            self.under_way = false;
        }
    }

    /// An `error` came. A retryable one keeps the post; with another one it is given up,
    /// and its text returned.
    pub(crate) fn refused(&mut self, error: &Value) -> Option<String> {
        if !self.is_first(error) {
            return None;
        }
        self.under_way = false;
        if error["retryable"] == true {
            let wait_ms = number(error, "retry_after_ms").max(500);
            self.not_before = Some(Instant::now() + Duration::from_millis(wait_ms));
            return None;
        }
        let post = self.posts.pop_front()?;
        Some(text(&post, "content").to_owned())
    }

    fn is_first(&self, answer: &Value) -> bool {
        self.posts
            .front()
            .is_some_and(|post| post["id"] == answer["id"])
    }
}
