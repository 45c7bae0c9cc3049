//! Turns the configuration as written into [`Config`], or says what is wrong.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use url::Url;

use super::error::ConfigError;
use super::ranges::check_ranges;
use super::raw::{
    Raw, RawBackup, RawCluster, RawIdentity, RawImport, RawPush, RawServer, RawStorage,
};
use super::{
    BackupConfig, ClusterConfig, Config, IdentityConfig, ImportConfig, LogConfig, LogFormat,
    MetricsConfig, Overrides, PushConfig, Secret, ServerConfig, StorageConfig,
};
use super::{cards, mail, tls};
use crate::persistence::Synchronous;

/// Bytes of a secret that signs identities, session tokens or requests, at least.
const SECRET_BYTES_MIN: usize = 32;

impl Raw {
    /// Checks every value against its key's rules.
    pub(super) fn check(self, overrides: Overrides) -> Result<Config, ConfigError> {
        check_ranges(&self)?;
        let storage = storage(self.storage, overrides.data_dir)?;
        Ok(Config {
            server: server(self.server, overrides.listen)?,
            cluster: cluster(self.cluster, &storage)?,
            backup: backup(self.backup, &storage.data_dir)?,
            storage,
            identity: identity(self.identity)?,
            import: import(self.import)?,
            mail: mail::mail(self.mail)?,
            push: push(self.push)?,
            cards: cards::cards(self.cards)?,
            alerts: mail::alerts(self.alerts)?,
            metrics: MetricsConfig {
                token: Some(self.metrics.token)
                    .filter(|token| !token.is_empty())
                    .map(Secret::new),
            },
            retention: self.retention,
            limits: self.limits,
            rooms: self.rooms,
            socket: self.socket,
            log: LogConfig {
                format: log_format(&self.log.format)?,
                filter: self.log.filter,
            },
            ignored_variables: Vec::new(),
        })
    }
}

fn server(raw: RawServer, listen_flag: Option<SocketAddr>) -> Result<ServerConfig, ConfigError> {
    let tls = tls::tls(&raw)?;
    Ok(ServerConfig {
        listen: match listen_flag {
            Some(listen) => listen,
            None => listen(&raw.listen)?,
        },
        public_url: tls::public_url(public_url(&raw.public_url)?, tls.as_ref())?,
        http_listen: tls::http_listen(&raw, tls.as_ref())?,
        allowed_origins: raw
            .allowed_origins
            .into_iter()
            .map(origin)
            .collect::<Result<_, _>>()?,
        trusted_proxies: raw
            .trusted_proxies
            .iter()
            .map(|text| network(text))
            .collect::<Result<_, _>>()?,
        drain_timeout_ms: raw.drain_timeout_ms,
        max_connections: raw.max_connections,
        stall_timeout_ms: raw.stall_timeout_ms,
        stalled_bytes: raw.stalled_bytes,
        tls,
    })
}

fn listen(text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError::invalid(
            "server.listen",
            format!("'{text}' is not an address with a port, such as 127.0.0.1:8001"),
        )
    })
}

fn storage(raw: RawStorage, data_dir_flag: Option<PathBuf>) -> Result<StorageConfig, ConfigError> {
    let data_dir = data_dir_flag.unwrap_or(raw.data_dir);
    if data_dir.as_os_str().is_empty() {
        return Err(ConfigError::invalid(
            "storage.data_dir",
            "must not be empty",
        ));
    }
    let synchronous = match raw.synchronous.to_lowercase().as_str() {
        "full" => Synchronous::Full,
        "normal" => Synchronous::Normal,
        other => {
            return Err(ConfigError::invalid(
                "storage.synchronous",
                format!("'{other}' is neither full nor normal"),
            ));
        }
    };
    let url = Some(raw.url).filter(|url| !url.is_empty());
    if let Some(url) = &url {
        crate::persistence::check_store_url(url)
            .map_err(|cause| ConfigError::invalid("storage.url", cause))?;
    }
    Ok(StorageConfig {
        url,
        data_dir,
        synchronous,
        queue_items: raw.queue_items,
        batch_items: raw.batch_items,
        readers: raw.readers,
    })
}

fn cluster(raw: RawCluster, storage: &StorageConfig) -> Result<ClusterConfig, ConfigError> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    if raw.name.is_empty() || !raw.name.chars().all(is_part) {
        return Err(ConfigError::invalid(
            "cluster.name",
            format!("'{}' must be made of letters, digits, - and _", raw.name),
        ));
    }
    let nats_url = Some(raw.nats_url).filter(|url| !url.is_empty());
    if nats_url.is_some() && storage.url.is_none() {
        return Err(ConfigError::invalid(
            "cluster.nats_url",
            "needs a database that nodes share; set storage.url as well, or leave it empty",
        ));
    }
    if let Some(url) = &nats_url {
        crate::bus::nats::check_url(url)
            .map_err(|error| ConfigError::invalid("cluster.nats_url", error.to_string()))?;
    }
    Ok(ClusterConfig {
        nats_url,
        name: raw.name,
    })
}

fn backup(raw: RawBackup, data_dir: &Path) -> Result<BackupConfig, ConfigError> {
    Ok(BackupConfig {
        every_ms: raw.every_ms,
        directory: match raw.directory {
            empty if empty.as_os_str().is_empty() => data_dir.join("backups"),
            directory => directory,
        },
        min_free_bytes: raw.min_free_bytes,
        recipients: raw
            .recipients
            .iter()
            .map(|text| recipient(text))
            .collect::<Result<_, _>>()?,
    })
}

fn push(raw: RawPush) -> Result<PushConfig, ConfigError> {
    let subject = Some(raw.subject).filter(|subject| !subject.is_empty());
    let is_contact = |text: &String| {
        Url::parse(text).is_ok()
            && ["mailto:", "https://"]
                .iter()
                .any(|way| text.starts_with(way))
    };
    match subject {
        Some(text) if !is_contact(&text) => Err(ConfigError::invalid(
            "push.subject",
            format!("'{text}' is neither mailto: with an address nor an https:// URL"),
        )),
        subject => Ok(PushConfig {
            subject,
            allow_private: raw.allow_private,
        }),
    }
}

fn identity(raw: RawIdentity) -> Result<IdentityConfig, ConfigError> {
    if raw.secrets.iter().any(|secret| is_too_short(secret)) {
        return Err(ConfigError::invalid(
            "identity.secrets",
            too_short("each secret"),
        ));
    }
    Ok(IdentityConfig {
        secrets: raw.secrets.into_iter().map(Secret::new).collect(),
    })
}

fn import(raw: RawImport) -> Result<ImportConfig, ConfigError> {
    let secret = Some(raw.session_secret).filter(|secret| !secret.is_empty());
    if secret.as_deref().is_some_and(is_too_short) {
        return Err(ConfigError::invalid(
            "import.session_secret",
            too_short("it"),
        ));
    }
    Ok(ImportConfig {
        session_secret: secret.map(Secret::new),
    })
}

fn log_format(text: &str) -> Result<LogFormat, ConfigError> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(ConfigError::invalid(
            "log.format",
            format!("'{other}' is neither text nor json"),
        )),
    }
}

pub(super) fn is_too_short(secret: &str) -> bool {
    secret.len() < SECRET_BYTES_MIN
}

pub(super) fn too_short(what: &str) -> String {
    format!("{what} needs at least {SECRET_BYTES_MIN} bytes; make one with: openssl rand -hex 32")
}

fn public_url(text: &str) -> Result<Option<Url>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url) if is_bare(&url) => Ok(Some(url)),
        _ => {
            // A part before an @ may be a password.
            let shown = match text.contains('@') {
                true => "it".to_owned(),
                false => format!("'{text}'"),
            };
            let problem = format!(
                "{shown} must consist of http or https, a host and maybe a port, such as https://chat.example.com"
            );
            Err(ConfigError::invalid("server.public_url", problem))
        }
    }
}

/// http or https, a host, maybe a port, and nothing else.
fn is_bare(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn origin(text: String) -> Result<String, ConfigError> {
    let as_browsers_write_it = Url::parse(&text)
        .ok()
        .filter(is_bare)
        .map(|url| url.origin().ascii_serialization());
    match as_browsers_write_it {
        // A host may have one, but browsers never send it.
        _ if text.contains('*') => Err(ConfigError::invalid(
            "server.allowed_origins",
            format!("'{text}' has a wildcard, which is not supported; name each origin"),
        )),
        Some(origin) if origin == text => Ok(text),
        Some(origin) => Err(ConfigError::invalid(
            "server.allowed_origins",
            format!("'{text}' must be written as browsers write it: {origin}"),
        )),
        None => Err(ConfigError::invalid(
            "server.allowed_origins",
            format!(
                "'{text}' is not an origin; it must be a scheme and a host, such as https://shop.example.com"
            ),
        )),
    }
}

fn recipient(text: &str) -> Result<age::x25519::Recipient, ConfigError> {
    text.parse().map_err(|_| {
        // A secret key in the wrong place is not shown.
        let problem = match text.to_uppercase().starts_with("AGE-SECRET-KEY") {
            true => "this is an identity, which must not be kept on the server; name its public key, which age-keygen -y prints".to_owned(),
            false => format!("'{text}' is not a recipient; it must be a public key that begins with age1, as age-keygen prints it"),
        };
        ConfigError::invalid("backup.recipients", problem)
    })
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            ConfigError::invalid(
                "server.trusted_proxies",
                format!("'{text}' is neither an address nor a network, such as 10.0.0.0/8"),
            )
        })
}
