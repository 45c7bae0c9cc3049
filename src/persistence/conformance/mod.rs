//! What every store does alike. `SHOPTALK_TEST_STORE=postgres` runs it on PostgreSQL.

mod agents;
mod alerts;
mod api_tokens;
mod desk;
pub(crate) mod erasures;
mod followers;
mod imports;
mod lists;
mod mail;
mod notes;
mod push;
mod ratings;
mod redactions;
mod replies;
mod reports;
mod retention;
mod room_changes;
mod search;
mod settings;
mod suggestions;
mod visitor_facts;
