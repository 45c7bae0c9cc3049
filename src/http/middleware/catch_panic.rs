//! A handler that panics gets the response of an internal error.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::http::problem::Problem;

pub(crate) fn panic_response(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("(no message)");
    tracing::error!(panic = message, "bug: a handler panicked");
    Problem::internal().into_response()
}
