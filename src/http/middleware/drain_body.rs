//! Bodies of calls that were refused before anybody read them. Left alone, they end the
//! connection, and the answer may be lost on the way: a client that sends before it listens would
//! see a reset instead of what it did wrong.

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

/// So much is read and thrown away; after more than that the connection ends.
const DISCARD_BYTES: usize = 1024 * 1024;
/// For so long it is waited for.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads what a handler has left of the body, or says that the connection ends.
pub(crate) async fn discard(mut request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Who asks before sending has sent nothing yet, and shall not begin.
    let asks_first = request.headers().contains_key(header::EXPECT);
    let (give_back, given_back) = oneshot::channel();
    let body = std::mem::take(request.body_mut());
    *request.body_mut() = Body::new(Lent {
        body,
        give_back: Some(give_back),
    });
    let mut response = next.run(request).await;
    let is_read = match given_back.await {
        Ok(body) if body.is_end_stream() => true,
        Ok(_) if asks_first => false,
        Ok(body) => tokio::time::timeout(DISCARD_TIMEOUT, read_to_end(body))
            .await
            .unwrap_or(false),
        Err(_) => false,
    };
    if !is_read {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether the end came within the bounds.
async fn read_to_end(mut body: Body) -> bool {
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > DISCARD_BYTES {
            return false;
        }
    }
    true
}

/// A body that comes back when the handler lets go of it.
struct Lent {
    body: Body,
    give_back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
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

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            let _ = give_back.send(std::mem::take(&mut self.body));
        }
    }
}
