//! Discards request bodies that a handler has refused unread.
//!
//! Otherwise the server would have to close the connection with unread bytes in it, and a client
//! that sends its whole request before it reads would see a reset instead of the refusal.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// How much of a body is discarded; beyond that the connection is closed.
const MAX_DRAINED_BYTES: usize = 1024 * 1024;
/// How long the rest of a body may take to arrive.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads and discards what the handler has left of the body. If that is too much, or takes too
/// long, the response announces that the connection is closed.
pub(crate) async fn drain_body(mut request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // The client waits for 100 Continue: it has sent no body yet, and must not begin.
    let expects_continue = request.headers().contains_key(header::EXPECT);
    let (return_to, returned) = oneshot::channel();
    let body = std::mem::take(request.body_mut());
    *request.body_mut() = Body::new(ReturnedBody {
        body,
        return_to: Some(return_to),
    });
    let mut response = next.run(request).await;
    let is_drained = match returned.await {
        Ok(body) if body.is_end_stream() => true,
        Ok(_) if expects_continue => false,
        Ok(body) => tokio::time::timeout(DRAIN_TIMEOUT, discard_rest(body))
            .await
            .unwrap_or(false),
        Err(_) => false,
    };
    if !is_drained {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Returns whether the body ended within the bounds.
async fn discard_rest(mut body: Body) -> bool {
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > MAX_DRAINED_BYTES {
            return false;
        }
    }
    true
}

/// A body that is returned through a channel when the handler drops it.
struct ReturnedBody {
    body: Body,
    return_to: Option<oneshot::Sender<Body>>,
}

impl HttpBody for ReturnedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ReturnedBody {
    fn drop(&mut self) {
        if let Some(return_to) = self.return_to.take() {
            let _ = return_to.send(std::mem::take(&mut self.body));
        }
    }
}
