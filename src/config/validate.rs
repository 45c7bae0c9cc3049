use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use super::load::{ConfigError, Overrides, Raw};
use super::*;
use crate::persistence::Synchronous;

const SECRET_BYTES_MIN: usize = 32;

impl Raw {
    /// Holds every value against its rules.
    pub(super) fn check(self, overrides: Overrides) -> Result<Config, ConfigError> {
        let listen = match overrides.listen {
            Some(listen) => listen,
            None => self.server.listen.parse().map_err(|_| {
                invalid(
                    "server.listen",
                    format!(
                        "'{}' is no address with a port, such as 127.0.0.1:8001",
                        self.server.listen
                    ),
                )
            })?,
        };
        self.check_numbers()?;
        let secrets = self.identity.secrets;
        if secrets.iter().any(|secret| secret.len() < SECRET_BYTES_MIN) {
            let problem = format!(
                "each secret needs at least {SECRET_BYTES_MIN} bytes; make one with: openssl rand -hex 32"
            );
            return Err(invalid("identity.secrets", problem));
        }
        let data_dir = overrides.data_dir.unwrap_or(self.storage.data_dir);
        if data_dir.as_os_str().is_empty() {
            return Err(invalid("storage.data_dir", "must not be empty".to_owned()));
        }
        Ok(Config {
            server: ServerConfig {
                listen,
                public_url: public_url(&self.server.public_url)?,
                allowed_origins: self
                    .server
                    .allowed_origins
                    .into_iter()
                    .map(origin)
                    .collect::<Result<_, _>>()?,
                trusted_proxies: self
                    .server
                    .trusted_proxies
                    .iter()
                    .map(|text| network(text))
                    .collect::<Result<_, _>>()?,
                drain_timeout_ms: self.server.drain_timeout_ms,
                max_connections: self.server.max_connections,
                stall_timeout_ms: self.server.stall_timeout_ms,
                stalled_bytes: self.server.stalled_bytes,
            },
            storage: StorageConfig {
                data_dir,
                synchronous: match self.storage.synchronous.to_lowercase().as_str() {
                    "full" => Synchronous::Full,
                    "normal" => Synchronous::Normal,
                    other => {
                        return Err(invalid(
                            "storage.synchronous",
                            format!("'{other}' is neither full nor normal"),
                        ));
                    }
                },
                queue_items: self.storage.queue_items,
                batch_items: self.storage.batch_items,
                readers: self.storage.readers,
            },
            identity: IdentityConfig {
                secrets: secrets.into_iter().map(Secret::new).collect(),
            },
            metrics: MetricsConfig {
                token: Some(self.metrics.token)
                    .filter(|token| !token.is_empty())
                    .map(Secret::new),
            },
            limits: self.limits,
            rooms: self.rooms,
            socket: self.socket,
            log: LogConfig {
                filter: self.log.filter,
                format: match self.log.format.as_str() {
                    "text" => LogFormat::Text,
                    "json" => LogFormat::Json,
                    other => {
                        return Err(invalid(
                            "log.format",
                            format!("'{other}' is neither text nor json"),
                        ));
                    }
                },
            },
        })
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let (storage, limits, socket) = (&self.storage, &self.limits, &self.socket);
        let day_ms = 24 * 60 * 60 * 1_000;
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        for (key, value, least, most) in [
            (
                "server.drain_timeout_ms",
                self.server.drain_timeout_ms,
                100,
                8_000,
            ),
            (
                "server.max_connections",
                wide(self.server.max_connections),
                0,
                1_000_000,
            ),
            (
                "server.stall_timeout_ms",
                self.server.stall_timeout_ms,
                100,
                day_ms,
            ),
            (
                "server.stalled_bytes",
                wide(self.server.stalled_bytes),
                128 * 1024,
                1 << 40,
            ),
            (
                "storage.queue_items",
                wide(storage.queue_items),
                1,
                1_000_000,
            ),
            ("storage.batch_items", wide(storage.batch_items), 1, 100_000),
            ("storage.readers", u64::from(storage.readers), 1, 64),
            (
                "limits.posts_per_second",
                u64::from(limits.posts_per_second),
                1,
                1_000_000,
            ),
            (
                "limits.posts_burst",
                u64::from(limits.posts_burst),
                1,
                1_000_000,
            ),
            (
                "limits.logins_per_15_min",
                u64::from(limits.logins_per_15_min),
                1,
                1_000_000,
            ),
            (
                "limits.rooms_per_minute",
                u64::from(limits.rooms_per_minute),
                1,
                1_000_000,
            ),
            (
                "limits.rooms_burst",
                u64::from(limits.rooms_burst),
                1,
                1_000_000,
            ),
            (
                "limits.hellos_per_second",
                u64::from(limits.hellos_per_second),
                1,
                1_000_000,
            ),
            (
                "limits.hellos_burst",
                u64::from(limits.hellos_burst),
                1,
                1_000_000,
            ),
            (
                "limits.connections_per_address",
                wide(limits.connections_per_address),
                1,
                1_000_000,
            ),
            (
                "limits.sockets_per_address",
                wide(limits.sockets_per_address),
                1,
                1_000_000,
            ),
            (
                "limits.sockets_per_visitor",
                wide(limits.sockets_per_visitor),
                1,
                1_000_000,
            ),
            (
                "limits.sockets_per_agent",
                wide(limits.sockets_per_agent),
                1,
                1_000_000,
            ),
            (
                "limits.frames_per_second",
                u64::from(limits.frames_per_second),
                1,
                1_000_000,
            ),
            (
                "limits.frames_burst",
                u64::from(limits.frames_burst),
                1,
                1_000_000,
            ),
            (
                "limits.calls_per_second",
                u64::from(limits.calls_per_second),
                1,
                1_000_000,
            ),
            (
                "limits.calls_burst",
                u64::from(limits.calls_burst),
                1,
                1_000_000,
            ),
            (
                "limits.rooms_per_minute_by_visitor",
                u64::from(limits.rooms_per_minute_by_visitor),
                1,
                1_000_000,
            ),
            (
                "limits.rooms_burst_by_visitor",
                u64::from(limits.rooms_burst_by_visitor),
                1,
                1_000_000,
            ),
            (
                "limits.frame_bytes_per_second",
                u64::from(limits.frame_bytes_per_second),
                1,
                1_000_000_000,
            ),
            (
                // One frame of the largest size must fit.
                "limits.frame_bytes_burst",
                u64::from(limits.frame_bytes_burst),
                128 * 1024,
                1_000_000_000,
            ),
            (
                "rooms.idle_timeout_ms",
                self.rooms.idle_timeout_ms,
                0,
                day_ms,
            ),
            (
                "rooms.presence_grace_ms",
                self.rooms.presence_grace_ms,
                0,
                day_ms,
            ),
            (
                "socket.hello_timeout_ms",
                socket.hello_timeout_ms,
                50,
                day_ms,
            ),
            (
                "socket.ping_interval_ms",
                socket.ping_interval_ms,
                50,
                day_ms,
            ),
            ("socket.pong_timeout_ms", socket.pong_timeout_ms, 50, day_ms),
            ("socket.post_timeout_ms", socket.post_timeout_ms, 50, day_ms),
            (
                "socket.reconnect_window_ms",
                socket.reconnect_window_ms,
                0,
                day_ms,
            ),
            (
                "socket.outbox_items",
                wide(socket.outbox_items),
                16,
                1_000_000,
            ),
            (
                "socket.outbox_bytes",
                wide(socket.outbox_bytes),
                4_096,
                1 << 30,
            ),
        ] {
            if !(least..=most).contains(&value) {
                return Err(invalid(
                    key,
                    format!("{value} is out of range; it must be {least} to {most}"),
                ));
            }
        }
        Ok(())
    }
}

fn invalid(key: &'static str, problem: String) -> ConfigError {
    ConfigError::Invalid { key, problem }
}

fn public_url(text: &str) -> Result<Option<Url>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url) if is_bare(&url) => Ok(Some(url)),
        _ => {
            // What stands before an @ may be a password.
            let shown = match text.contains('@') {
                true => "it".to_owned(),
                false => format!("'{text}'"),
            };
            let problem = format!(
                "{shown} must be http or https and a host, nothing else, such as https://chat.example.com"
            );
            Err(invalid("server.public_url", problem))
        }
    }
}

/// http or https and a host, and nothing after it.
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
        Some(origin) if origin == text => Ok(text),
        Some(origin) => Err(invalid(
            "server.allowed_origins",
            format!("write '{text}' as browsers do: {origin}"),
        )),
        None => Err(invalid(
            "server.allowed_origins",
            format!(
                "'{text}' is no origin; it must be a scheme and a host, such as https://shop.example.com"
            ),
        )),
    }
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            invalid(
                "server.trusted_proxies",
                format!("'{text}' is neither an address nor a network such as 10.0.0.0/8"),
            )
        })
}
