//! Handlers that change something finish even if the client hangs up.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::http::problem::Problem;

/// Runs the handler in a task of its own if the method is unsafe. What follows a commit, like
/// closing the sockets of an ended token, must not depend on whether the client still waits.
pub(crate) async fn run_to_completion(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // A task is cancelled only when the runtime shuts down.
            Err(_) => Problem::draining().into_response(),
        },
    }
}
