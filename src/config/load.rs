use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::*;
use crate::persistence::Synchronous;

const DEFAULTS: &str = include_str!("../../config/default.toml");
const PREFIX: &str = "SHOPTALK_";
const SECRET_BYTES_MIN: usize = 32;

/// What is wrong with the configuration, in one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read, or a key is unknown or of the wrong type.
    #[error("configuration: {0}")]
    Unreadable(String),
    /// A value breaks the key's rules.
    #[error("configuration: {key}: {problem}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right. Never a secret.
        problem: String,
    },
}

/// What flags set.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    server: RawServer,
    storage: RawStorage,
    identity: RawIdentity,
    metrics: RawMetrics,
    limits: LimitsConfig,
    rooms: RoomsConfig,
    socket: SocketConfig,
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    listen: String,
    public_url: String,
    #[serde(deserialize_with = "list")]
    allowed_origins: Vec<String>,
    #[serde(deserialize_with = "list")]
    trusted_proxies: Vec<String>,
    drain_timeout_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStorage {
    data_dir: PathBuf,
    synchronous: String,
    queue_items: usize,
    batch_items: usize,
    readers: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    #[serde(deserialize_with = "list")]
    secrets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetrics {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    filter: String,
    format: String,
}

/// A list, or in the environment its members with commas between them.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct ListOrText;
    impl<'de> serde::de::Visitor<'de> for ListOrText {
        type Value = Vec<String>;

        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("a list of strings, or strings with commas between them")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect())
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut items: A,
        ) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                list.push(item);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_any(ListOrText)
}

impl Default for Config {
    /// `config/default.toml` as it is compiled in.
    fn default() -> Self {
        Self::load(None, [], Overrides::default()).expect("the compiled-in defaults are valid")
    }
}

impl Config {
    /// Reads the configuration: defaults, then `file`, then those of the `environment`'s
    /// variables that are `SHOPTALK_SECTION__KEY`, then the flags.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with the key and where it came from.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Result<Self, ConfigError> {
        // Other SHOPTALK_ variables belong to somebody else.
        let variables: HashMap<String, String> = environment
            .into_iter()
            .filter(|(name, _)| {
                name.strip_prefix(PREFIX)
                    .is_some_and(|key| key.contains("__"))
            })
            .collect();
        let environment = Environment::with_prefix("SHOPTALK")
            .prefix_separator("_")
            .separator("__")
            .source(Some(variables));
        let mut layers =
            config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(path) = file {
            layers = layers.add_source(File::from(path).format(FileFormat::Toml).required(true));
        }
        let raw: Raw = layers
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| ConfigError::Unreadable(error.to_string().replace('\n', " ")))?;
        raw.check(overrides)
    }

    /// What is allowed but hardly meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.server.listen.ip().is_loopback() && self.server.public_url.is_none() {
            warnings.push(
                "listening beyond this machine without server.public_url: the console works only from the \
                 address that is listened on; set server.public_url to what browsers use"
                    .to_owned(),
            );
        }
        if self.storage.synchronous == Synchronous::Normal {
            warnings.push(
                "storage.synchronous is normal: acknowledged messages can be lost in a power cut"
                    .to_owned(),
            );
        }
        if !self.limits.enabled {
            warnings.push(
                "limits.enabled is false: nothing limits how much one address may send".to_owned(),
            );
        }
        warnings
    }

    /// Every key with its value, one to a line, secrets redacted.
    pub fn describe(&self) -> String {
        let list = |items: &[String]| {
            if items.is_empty() {
                "(none)".to_owned()
            } else {
                items.join(", ")
            }
        };
        let proxies: Vec<String> = self
            .server
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect();
        let public_url = self
            .server
            .public_url
            .as_ref()
            .map_or("(none)".to_owned(), Url::to_string);
        let synchronous = match self.storage.synchronous {
            Synchronous::Full => "full",
            Synchronous::Normal => "normal",
        };
        let secrets = match self.identity.secrets.len() {
            0 => "(none)".to_owned(),
            count => format!("(redacted, {count})"),
        };
        let token = if self.metrics.token.is_some() {
            "(redacted)"
        } else {
            "(none)"
        };
        let format = match self.log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        let (limits, rooms, socket) = (&self.limits, &self.rooms, &self.socket);
        let lines: [(&str, String); 36] = [
            ("server.listen", self.server.listen.to_string()),
            ("server.public_url", public_url),
            ("server.allowed_origins", list(&self.server.allowed_origins)),
            ("server.trusted_proxies", list(&proxies)),
            (
                "server.drain_timeout_ms",
                self.server.drain_timeout_ms.to_string(),
            ),
            (
                "storage.data_dir",
                self.storage.data_dir.display().to_string(),
            ),
            ("storage.synchronous", synchronous.to_owned()),
            ("storage.queue_items", self.storage.queue_items.to_string()),
            ("storage.batch_items", self.storage.batch_items.to_string()),
            ("storage.readers", self.storage.readers.to_string()),
            ("identity.secrets", secrets),
            ("metrics.token", token.to_owned()),
            ("limits.enabled", limits.enabled.to_string()),
            (
                "limits.posts_per_second",
                limits.posts_per_second.to_string(),
            ),
            ("limits.posts_burst", limits.posts_burst.to_string()),
            (
                "limits.logins_per_15_min",
                limits.logins_per_15_min.to_string(),
            ),
            (
                "limits.rooms_per_minute",
                limits.rooms_per_minute.to_string(),
            ),
            ("limits.rooms_burst", limits.rooms_burst.to_string()),
            (
                "limits.hellos_per_second",
                limits.hellos_per_second.to_string(),
            ),
            ("limits.hellos_burst", limits.hellos_burst.to_string()),
            (
                "limits.sockets_per_address",
                limits.sockets_per_address.to_string(),
            ),
            (
                "limits.sockets_per_visitor",
                limits.sockets_per_visitor.to_string(),
            ),
            (
                "limits.sockets_per_agent",
                limits.sockets_per_agent.to_string(),
            ),
            (
                "limits.frames_per_second",
                limits.frames_per_second.to_string(),
            ),
            ("limits.frames_burst", limits.frames_burst.to_string()),
            ("limits.flood_warnings", limits.flood_warnings.to_string()),
            ("rooms.idle_timeout_ms", rooms.idle_timeout_ms.to_string()),
            (
                "rooms.presence_grace_ms",
                rooms.presence_grace_ms.to_string(),
            ),
            (
                "socket.hello_timeout_ms",
                socket.hello_timeout_ms.to_string(),
            ),
            (
                "socket.ping_interval_ms",
                socket.ping_interval_ms.to_string(),
            ),
            ("socket.pong_timeout_ms", socket.pong_timeout_ms.to_string()),
            ("socket.post_timeout_ms", socket.post_timeout_ms.to_string()),
            (
                "socket.reconnect_window_ms",
                socket.reconnect_window_ms.to_string(),
            ),
            (
                "socket.outbox",
                format!(
                    "{} frames, {} bytes",
                    socket.outbox_items, socket.outbox_bytes
                ),
            ),
            ("log.filter", self.log.filter.clone()),
            ("log.format", format.to_owned()),
        ];
        lines
            .iter()
            .map(|(key, value)| format!("{key:<28} {value}\n"))
            .collect()
    }
}

impl Raw {
    fn check(self, overrides: Overrides) -> Result<Config, ConfigError> {
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
            },
            storage: StorageConfig {
                data_dir,
                synchronous: match self.storage.synchronous.as_str() {
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
            let problem =
                format!("'{text}' must be a scheme and a host, such as https://chat.example.com");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(None, variables, Overrides::default())
    }

    fn error(variables: &[(&str, &str)]) -> String {
        load(variables).expect_err("it is refused").to_string()
    }

    #[test]
    fn the_environment_beats_the_file_and_flags_beat_both() {
        let file = tempfile::NamedTempFile::with_suffix(".conf").expect("a file");
        std::fs::write(
            file.path(),
            "[server]\nlisten = \"127.0.0.1:1\"\n[storage]\nreaders = 7\n",
        )
        .expect("written");
        let variables = [(
            "SHOPTALK_SERVER__LISTEN".to_owned(),
            "127.0.0.1:2".to_owned(),
        )];
        let config = Config::load(Some(file.path()), variables.clone(), Overrides::default())
            .expect("valid");
        assert_eq!(
            (config.server.listen.port(), config.storage.readers),
            (2, 7)
        );
        let flags = Overrides {
            listen: Some("127.0.0.1:3".parse().expect("an address")),
            data_dir: None,
        };
        let config = Config::load(Some(file.path()), variables, flags).expect("valid");
        assert_eq!(config.server.listen.port(), 3);
    }

    #[test]
    fn only_names_with_two_underscores_are_configuration() {
        assert!(
            load(&[
                ("SHOPTALK_HOME", "/x"),
                ("PATH", "/bin"),
                ("SHOPTALK_TEST_LISTEN", "y")
            ])
            .is_ok()
        );
        let message = error(&[("SHOPTALK_SERVER__LISEN", "127.0.0.1:2")]);
        assert!(message.contains("lisen"), "{message}");
        let message = error(&[("SHOPTALK_SERVICE__LISTEN", "127.0.0.1:2")]);
        assert!(message.contains("service"), "{message}");
    }

    #[test]
    fn lists_have_commas_in_the_environment_and_tokens_stay_text() {
        let secrets = format!("{}, {}", "a".repeat(32), "1".repeat(40));
        let config = load(&[
            ("SHOPTALK_IDENTITY__SECRETS", &secrets),
            ("SHOPTALK_METRICS__TOKEN", "007"),
        ]);
        let config = config.expect("valid");
        let exposed: Vec<&str> = config.identity.secrets.iter().map(Secret::expose).collect();
        assert_eq!(exposed, ["a".repeat(32), "1".repeat(40)]);
        assert_eq!(
            config.metrics.token.as_ref().map(Secret::expose),
            Some("007")
        );
        assert!(!format!("{config:?}").contains("aaaa"));
        assert!(!config.describe().contains("007"));
    }

    #[test]
    fn mistakes_name_the_key() {
        for (name, value, key) in [
            ("SHOPTALK_SERVER__LISTEN", "here", "server.listen"),
            (
                "SHOPTALK_SERVER__PUBLIC_URL",
                "https://a.example/chat",
                "server.public_url",
            ),
            (
                "SHOPTALK_SERVER__PUBLIC_URL",
                "ftp://a.example",
                "server.public_url",
            ),
            (
                "SHOPTALK_SERVER__ALLOWED_ORIGINS",
                "https://Shop.example",
                "server.allowed_origins",
            ),
            (
                "SHOPTALK_SERVER__ALLOWED_ORIGINS",
                "*",
                "server.allowed_origins",
            ),
            (
                "SHOPTALK_SERVER__TRUSTED_PROXIES",
                "proxy",
                "server.trusted_proxies",
            ),
            ("SHOPTALK_IDENTITY__SECRETS", "short", "identity.secrets"),
            (
                "SHOPTALK_STORAGE__SYNCHRONOUS",
                "off",
                "storage.synchronous",
            ),
            ("SHOPTALK_STORAGE__READERS", "0", "storage.readers"),
            ("SHOPTALK_STORAGE__READERS", "many", "storage.readers"),
            ("SHOPTALK_LIMITS__ENABLED", "perhaps", "limits.enabled"),
            ("SHOPTALK_LOG__FORMAT", "xml", "log.format"),
        ] {
            let message = error(&[(name, value)]);
            assert!(message.contains(key), "{key}: {message}");
            assert!(!message.contains('\n'), "one line: {message}");
        }
        let missing = Config::load(Some(Path::new("/nowhere.toml")), [], Overrides::default());
        assert!(
            missing
                .expect_err("it is missing")
                .to_string()
                .contains("nowhere.toml")
        );
    }

    #[test]
    fn listening_beyond_this_machine_without_a_url_is_warned_about() {
        assert!(Config::default().warnings().is_empty());
        let open = load(&[("SHOPTALK_SERVER__LISTEN", "0.0.0.0:8001")]).expect("allowed");
        assert!(open.warnings()[0].contains("public_url"));
    }
}
