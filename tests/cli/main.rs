//! The real binary from the outside: its command line, its output and exit codes,
//! and commands beside a running server.

#[path = "../common/mod.rs"]
mod common;

mod acme;
mod agents;
mod audit;
mod backup;
mod bus_tls;
mod cluster;
mod demo;
mod doctor;
mod erase;
mod health;
mod import_django;
mod jobs_of_admins;
mod mail;
mod mail_tokens;
mod manuals;
mod metrics;
mod notes;
mod passed_sockets;
mod postgres;
mod process;
mod refused_databases;
mod renewal_info;
mod secrets;
mod serve;
mod tls;
mod transfer;
mod usage;
