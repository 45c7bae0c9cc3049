//! The REST API: `/api/chat/` for visitors, `/api/admin/` for agents, health and metrics.
//!
//! `visitor` and `admin` have a file per resource, each with its requests, responses and handlers;
//! `messages` is what both share. `extract` checks what handlers take from a request. `calls` has
//! their routes and, apart from them, what documents them; `openapi` puts each together, `docs_page`
//! renders the document, and `typescript` writes the front ends' types. Who may make a call is in `middleware::access`.

mod admin;
mod calls;
mod docs_page;
mod extract;
mod health;
mod hooks;
mod messages;
mod openapi;
mod transcripts;
#[cfg(test)]
mod typescript;
mod visitor;

pub(crate) use self::admin::tags::take_off_deleted as take_off_deleted_tags;
#[cfg(feature = "test-hooks")]
pub use self::openapi::api_description;
pub(crate) use self::openapi::routes;
