//! What wraps every handler, from the outside in:
//!
//! 1. [`observe`]: an id, a log line, a metric, and the security headers of the response.
//! 2. [`drain_body`]: a body that a handler has refused unread is read, so that the client gets the
//!    refusal.
//! 3. [`guard`]: refuses requests while draining and those of foreign pages; CORS.
//! 4. [`panic_response`]: a handler that panics gets a response.
//! 5. [`run_to_completion`]: a handler that changes something finishes even if the client hangs up.
//! 6. [`enforce_access`]: the table of who may call what.

mod access;
mod catch_panic;
mod drain_body;
mod guard;
mod observe;
mod run_to_completion;
mod security_headers;

#[cfg(test)]
pub(crate) use self::access::{Access, access};
pub(crate) use self::access::{TABLE as ACCESS_TABLE, enforce_access};
pub(crate) use self::catch_panic::panic_response;
pub(crate) use self::drain_body::drain_body;
pub(crate) use self::guard::guard;
pub(crate) use self::observe::observe;
pub(crate) use self::run_to_completion::run_to_completion;
