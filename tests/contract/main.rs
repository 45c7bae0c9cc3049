//! The outside contract, checked from outside over real sockets: each module
//! holds one theme, each test starts a server of its own.

#[path = "../common/mod.rs"]
mod common;

mod admin_rooms;
mod agent_rest;
mod agent_socket;
mod agents_only;
mod alerts;
mod api_tokens;
mod audit;
mod authorization;
mod boundary_values;
mod cards;
mod close_codes;
mod concurrency;
mod connections;
mod desk;
mod desk_history;
mod drafts;
mod drain;
mod errors;
mod front_ends;
mod headers;
mod hostile_mail;
mod ids;
mod jobs;
mod lifecycle;
mod limits;
mod lists;
mod mail;
mod mail_bounced;
mod mail_language;
mod mailbox;
mod notes;
mod origins;
mod presence;
mod promises;
mod push;
mod ratings;
mod redaction;
mod replies;
mod reports;
mod rfc6455;
mod settings;
mod storage;
mod tls;
mod visitor_identity;
mod visitor_profile;
mod visitor_rest;
mod visitor_sign_out;
mod visitor_socket;
