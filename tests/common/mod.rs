//! What the tests share: a server for each test, and clients that connect to it over real sockets
//! and know the outside contract only.

// Each test binary uses its own part of this.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod accounts;
mod balancer;
mod database;
mod described;
mod jwt;
mod push_service;
mod raw;
mod rest;
mod server;
mod shop_server;
mod smtp;
mod socket;
mod tls;

use std::time::Duration;

pub use accounts::{Agent, PASSWORD, Visitor};
pub use database::HeldWrites;
pub use jwt::{IDENTITY_SECRET, OTHER_SECRET, in_seconds, jwt, unsigned_jwt};
pub use push_service::{Device, PushService, Rung};
pub use raw::RawSocket;
pub use rest::{Response, Rest, keys, next_page, results};
pub use serde_json::{Value, json};
pub use server::{Nodes, TestServer};
pub use shop_server::ShopServer;
pub use shoptalk_local_servers::{
    left_out_on_postgres, left_out_on_several_nodes, postgres_is_tested,
};
pub use smtp::{ReceivedMail, SmtpSink, SmtpStep, SmtpTls};
pub use socket::{RefusedUpgrade, Socket};
pub use tls::{Authority, Pair, TlsClient};

/// How long a test waits for what must come: long enough for the slowest machine, since a
/// test that waits for what it expects is as fast as the server. No result depends on it.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// A fresh id for a message.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Tries again until the condition holds, and fails at the deadline.
pub async fn eventually<F>(what: &str, mut condition: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let attempts = async {
        while !condition().await {
            // Without a pause, asking would slow down what is waited for.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, attempts)
        .await
        .unwrap_or_else(|_| panic!("it never came true: {what}"));
}

/// The seqs of messages, in the order in which they came.
pub fn seqs(messages: &Value) -> Vec<u64> {
    messages
        .as_array()
        .expect("a list of messages")
        .iter()
        .map(|message| message["seq"].as_u64().expect("a seq"))
        .collect()
}
