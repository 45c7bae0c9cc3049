//! The REST API: `/api/chat/` for visitors, `/api/admin/` for agents, and its description.

pub(super) mod admin;
pub(super) mod extract;
pub(super) mod health;
pub(super) mod messages;
pub(super) mod openapi;
#[cfg(test)]
mod typescript;
pub(super) mod visitor;
