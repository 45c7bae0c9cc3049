//! The outside contract, checked from outside over real sockets: each module
//! holds one theme, each test starts a server of its own.

#[path = "../common/mod.rs"]
mod common;

mod admin_rooms;
mod agent_rest;
mod agent_socket;
mod audit;
mod close_codes;
mod connections;
mod drain;
mod edges;
mod errors;
mod front_ends;
mod headers;
mod lifecycle;
mod limits;
mod matrix;
mod origins;
mod presence;
mod promises;
mod races;
mod rfc6455;
mod storage;
mod visitor_identity;
mod visitor_rest;
mod visitor_sign_out;
mod visitor_socket;
