//! The settings, and where they come from.
//!
//! `config/default.toml` explains every key and is compiled in. A file, the environment and flags
//! override it, in this order. A new key goes into `config/default.toml`, the structs here and in
//! `raw.rs`, `validate.rs` (`ranges.rs` for a number) and `describe.rs`. Sections of plain numbers
//! have one struct for both.

mod cards;
mod describe;
mod error;
mod file;
mod keys;
mod load;
mod mail;
mod ranges;
mod raw;
mod text;
mod tls;
mod validate;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use cards::CardsConfig;
pub use error::ConfigError;
pub use mail::{MailLogin, MailProof, MailSecurity, MailServer};
pub use tls::{AcmeConfig, TlsConfig};

/// What the command line's flags override.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// Every setting. `config/default.toml` explains each key.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Config {
    pub server: ServerConfig,
    pub storage: StorageConfig,
    pub cluster: ClusterConfig,
    pub backup: BackupConfig,
    pub retention: RetentionConfig,
    pub identity: IdentityConfig,
    pub import: ImportConfig,
    pub mail: MailConfig,
    pub push: PushConfig,
    /// `None`: there are no cards.
    pub cards: Option<CardsConfig>,
    pub alerts: AlertsConfig,
    pub metrics: MetricsConfig,
    pub limits: LimitsConfig,
    pub rooms: RoomsConfig,
    pub socket: SocketConfig,
    pub log: LogConfig,
    /// Variables that lack an underscore, so they set nothing, and what was probably meant.
    pub ignored_variables: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    /// Scheme, host and port only, such as `https://chat.example.com`.
    pub public_url: Option<url::Url>,
    /// Exact origins, as a browser writes them.
    pub allowed_origins: Vec<String>,
    pub trusted_proxies: Vec<ipnet::IpNet>,
    pub drain_timeout_ms: u64,
    /// 0 allows as many as the limit of open files.
    pub max_connections: usize,
    pub stall_timeout_ms: u64,
    pub stalled_bytes: usize,
    /// `None`: plain HTTP, for loopback or behind a proxy that terminates TLS.
    pub tls: Option<TlsConfig>,
    /// Where plain HTTP is redirected to https.
    pub http_listen: Option<SocketAddr>,
}

#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct StorageConfig {
    /// The PostgreSQL database, if there is one.
    pub url: Option<String>,
    pub data_dir: PathBuf,
    pub synchronous: crate::persistence::Synchronous,
    pub queue_items: usize,
    pub batch_items: usize,
    pub readers: u32,
}

#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ClusterConfig {
    /// The bus between nodes, if there is one.
    pub nats_url: Option<String>,
    pub name: String,
}

#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct BackupConfig {
    /// 0 makes none.
    pub every_ms: u64,
    pub directory: PathBuf,
    pub min_free_bytes: u64,
    /// Public keys, each as `age1…`.
    pub recipients: Vec<age::x25519::Recipient>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RetentionConfig {
    /// 0 keeps all.
    pub closed_days: u64,
    /// 0 keeps all.
    pub spam_days: u64,
}

/// A value that `Debug`, logs and `shoptalk check` never show.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("(secret)")
    }
}

#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct IdentityConfig {
    pub secrets: Vec<Secret>,
}

#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct ImportConfig {
    pub session_secret: Option<Secret>,
}

#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct MailConfig {
    /// The relay that takes outgoing mail. `None`: the server sends none.
    pub smtp: Option<MailServer>,
    /// The mailbox that replies arrive in.
    pub imap: Option<MailServer>,
    pub from: Option<lettre::message::Mailbox>,
    /// `None`: as admins set it.
    pub after_ms: Option<u64>,
    pub hook_token: Option<Secret>,
}

#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct AlertsConfig {
    /// Addresses without names.
    pub mail_to: Vec<String>,
    /// `None`: as admins set it.
    pub escalate_ms: Option<u64>,
    /// `None`: as admins set it.
    pub mail_ms: Option<u64>,
}

#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PushConfig {
    /// A `mailto:` or `https:` URL; `None` stands for `server.public_url`.
    pub subject: Option<String>,
    pub allow_private: bool,
}

#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct MetricsConfig {
    pub token: Option<Secret>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LimitsConfig {
    pub enabled: bool,
    pub posts_per_second: u32,
    pub posts_burst: u32,
    pub calls_per_second: u32,
    pub calls_burst: u32,
    pub logins_per_15_min: u32,
    pub rooms_per_minute: u32,
    pub rooms_burst: u32,
    pub rooms_per_minute_by_visitor: u32,
    pub rooms_burst_by_visitor: u32,
    pub hellos_per_second: u32,
    pub hellos_burst: u32,
    pub connections_per_address: usize,
    pub sockets_per_address: usize,
    pub sockets_per_visitor: usize,
    pub sockets_per_agent: usize,
    pub frames_per_second: u32,
    pub frames_burst: u32,
    pub frame_bytes_per_second: u32,
    pub frame_bytes_burst: u32,
    /// See `FrameLimiter` for what counts.
    pub flood_warnings: u32,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RoomsConfig {
    pub idle_timeout_ms: u64,
    pub presence_grace_ms: u64,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SocketConfig {
    pub hello_timeout_ms: u64,
    pub ping_interval_ms: u64,
    pub pong_timeout_ms: u64,
    pub post_timeout_ms: u64,
    pub reconnect_window_ms: u64,
    pub outbox_items: usize,
    pub outbox_bytes: usize,
}

#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct LogConfig {
    /// A level, or levels by target: `info`, `shoptalk=debug,warn`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Config {
    /// How to open the store. A server locks the directory (`exclusive`), the tools beside it do
    /// not.
    pub fn store_options(&self, exclusive: bool) -> crate::persistence::StoreOptions {
        crate::persistence::StoreOptions {
            backup_dir: self.backup.directory.clone(),
            backup_recipients: self.backup.recipients.clone(),
            ..self.storage.options(exclusive)
        }
    }
}

impl StorageConfig {
    /// As [`Config::store_options`], with the settings of backups that are the default.
    pub fn options(&self, exclusive: bool) -> crate::persistence::StoreOptions {
        crate::persistence::StoreOptions {
            url: self.url.clone(),
            data_dir: self.data_dir.clone(),
            backup_dir: self.data_dir.join("backups"),
            backup_recipients: Vec::new(),
            still_upgrading: || {},
            synchronous: self.synchronous,
            exclusive,
            queue_items: self.queue_items,
            batch_items: self.batch_items,
            readers: self.readers,
            rules: Default::default(),
        }
    }
}
