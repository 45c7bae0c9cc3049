//! The real binary from the outside: its command line, what it prints where, how it
//! ends, and the people it manages beside a running server.

#[path = "../common/mod.rs"]
mod common;

mod acme;
mod agents;
mod audit;
mod backup;
mod demo;
mod doctor;
mod erase;
mod health;
mod import_django;
mod manuals;
mod metrics;
mod passed_sockets;
mod process;
mod secrets;
mod serve;
mod tls;
mod transfer;
mod usage;
