//! What wraps every handler.

pub(super) mod access;
pub(super) mod drain_body;
pub(super) mod edge;
