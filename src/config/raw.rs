//! The configuration as it is written, before it is validated.

use std::path::PathBuf;

use serde::Deserialize;

use super::text::{list, text};
use super::{LimitsConfig, RetentionConfig, RoomsConfig, SocketConfig};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) server: RawServer,
    pub(super) storage: RawStorage,
    pub(super) cluster: RawCluster,
    pub(super) backup: RawBackup,
    pub(super) retention: RetentionConfig,
    pub(super) identity: RawIdentity,
    pub(super) import: RawImport,
    pub(super) mail: RawMail,
    pub(super) push: RawPush,
    pub(super) cards: RawCards,
    pub(super) alerts: RawAlerts,
    pub(super) metrics: RawMetrics,
    pub(super) limits: LimitsConfig,
    pub(super) rooms: RoomsConfig,
    pub(super) socket: SocketConfig,
    pub(super) log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    #[serde(deserialize_with = "text")]
    pub(super) listen: String,
    #[serde(deserialize_with = "text")]
    pub(super) public_url: String,
    #[serde(deserialize_with = "list")]
    pub(super) allowed_origins: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(super) trusted_proxies: Vec<String>,
    pub(super) drain_timeout_ms: u64,
    pub(super) max_connections: usize,
    pub(super) stall_timeout_ms: u64,
    pub(super) stalled_bytes: usize,
    #[serde(deserialize_with = "text")]
    pub(super) tls_cert: String,
    #[serde(deserialize_with = "text")]
    pub(super) tls_key: String,
    #[serde(deserialize_with = "list")]
    pub(super) acme_domains: Vec<String>,
    #[serde(deserialize_with = "text")]
    pub(super) acme_contact: String,
    #[serde(deserialize_with = "text")]
    pub(super) acme_directory: String,
    #[serde(deserialize_with = "text")]
    pub(super) http_listen: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    #[serde(deserialize_with = "text")]
    pub(super) nats_url: String,
    #[serde(deserialize_with = "text")]
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStorage {
    #[serde(deserialize_with = "text")]
    pub(super) url: String,
    pub(super) data_dir: PathBuf,
    #[serde(deserialize_with = "text")]
    pub(super) synchronous: String,
    pub(super) queue_items: usize,
    pub(super) batch_items: usize,
    pub(super) readers: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBackup {
    pub(super) every_ms: u64,
    pub(super) directory: PathBuf,
    pub(super) min_free_bytes: u64,
    #[serde(deserialize_with = "list")]
    pub(super) recipients: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIdentity {
    #[serde(deserialize_with = "list")]
    pub(super) secrets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawImport {
    #[serde(deserialize_with = "text")]
    pub(super) session_secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMail {
    #[serde(deserialize_with = "text")]
    pub(super) smtp_url: String,
    #[serde(deserialize_with = "text")]
    pub(super) imap_url: String,
    #[serde(deserialize_with = "text")]
    pub(super) from: String,
    pub(super) after_ms: u64,
    #[serde(deserialize_with = "text")]
    pub(super) hook_token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlerts {
    #[serde(deserialize_with = "list")]
    pub(super) mail_to: Vec<String>,
    pub(super) escalate_ms: u64,
    pub(super) mail_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPush {
    #[serde(deserialize_with = "text")]
    pub(super) subject: String,
    pub(super) allow_private: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCards {
    #[serde(deserialize_with = "text")]
    pub(super) url: String,
    #[serde(deserialize_with = "text")]
    pub(super) secret: String,
    pub(super) allow_private: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    #[serde(deserialize_with = "text")]
    pub(super) token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    #[serde(deserialize_with = "text")]
    pub(super) filter: String,
    #[serde(deserialize_with = "text")]
    pub(super) format: String,
}
