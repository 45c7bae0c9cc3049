use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::keys::Keys;
use super::text::{list, text};
use super::*;

const DEFAULTS: &str = include_str!("../../config/default.toml");
pub(super) const PREFIX: &str = "SHOPTALK_";

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
pub(super) struct Raw {
    pub(super) server: RawServer,
    pub(super) storage: RawStorage,
    pub(super) identity: RawIdentity,
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStorage {
    pub(super) data_dir: PathBuf,
    #[serde(deserialize_with = "text")]
    pub(super) synchronous: String,
    pub(super) queue_items: usize,
    pub(super) batch_items: usize,
    pub(super) readers: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIdentity {
    #[serde(deserialize_with = "list")]
    pub(super) secrets: Vec<String>,
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
        let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
        let keys = Keys::of(&read(
            config::Config::builder().add_source(defaults.clone()),
        )?);
        let mut layers = config::Config::builder().add_source(defaults);
        if let Some(path) = file {
            let source = File::from(path).format(FileFormat::Toml).required(true);
            let layer = read(config::Config::builder().add_source(source.clone()))?;
            keys.check_file(path, &layer)?;
            layers = layers.add_source(source);
        }
        for name in variables.keys() {
            keys.check_variable(name)?;
        }
        let environment = Environment::with_prefix("SHOPTALK")
            .prefix_separator("_")
            .separator("__")
            .source(Some(variables));
        let raw: Raw = read(layers.add_source(environment))?;
        raw.check(overrides)
    }
}

fn read<T: DeserializeOwned>(
    layers: config::ConfigBuilder<config::builder::DefaultState>,
) -> Result<T, ConfigError> {
    layers
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|error| ConfigError::Unreadable(without_source(&error.to_string())))
}

/// A parser's error in one line, without the lines of the file that it quotes: they
/// may hold a secret.
fn without_source(error: &str) -> String {
    let is_quote = |line: &&str| {
        line.trim_start()
            .trim_start_matches(|digit: char| digit.is_ascii_digit())
            .trim_start()
            .starts_with('|')
    };
    let words: Vec<&str> = error
        .lines()
        .filter(|line| !is_quote(line))
        .map(str::trim)
        .collect();
    words.join(" ").trim().to_owned()
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
        assert!(message.contains("SHOPTALK_SERVER__LISEN"), "{message}");
        for name in [
            "SHOPTALK_SERVICE__LISTEN",
            "SHOPTALK_SERVER__LISTEN__X",
            "SHOPTALK_SERVER__",
            "SHOPTALK___LISTEN",
        ] {
            let message = error(&[(name, "127.0.0.1:2")]);
            assert!(message.contains(name), "{message}");
        }
    }

    fn error_of_file(content: &str) -> String {
        let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
        std::fs::write(file.path(), content).expect("written");
        Config::load(Some(file.path()), [], Overrides::default())
            .expect_err("it is refused")
            .to_string()
    }

    #[test]
    fn an_unknown_key_of_a_file_is_named_with_the_file() {
        for (content, key) in [
            ("[server]\nlisen = \"127.0.0.1:2\"", "server.lisen"),
            ("[servant]\nlisten = \"127.0.0.1:2\"", "servant.listen"),
            ("listen = \"127.0.0.1:2\"", "listen"),
            ("[server.listen]\nport = 1", "server.listen.port"),
        ] {
            let message = error_of_file(content);
            assert!(
                message.contains(&format!("unknown key {key} (")),
                "{message}"
            );
            assert!(message.contains(".toml"), "{message}");
        }
    }

    #[test]
    fn a_secret_is_text_and_never_quoted_in_an_error() {
        for content in [
            "[metrics]\ntoken = 1234567",
            "[metrics]\ntoken = 1234567.5",
            "[metrics]\ntoken = \"1234567",
            "[metrics]\ntoken = [\"1234567\"]",
            "[identity]\nsecrets = [\"1234567]",
            "[identity]\nsecrets = [1234567]",
            "[identity]\nsecrets = 1234567",
            "[identity]\nsecrets = \"1234567\"",
            "[server]\npublic_url = \"https://ann:1234567@shop.example\"",
        ] {
            let message = error_of_file(content);
            assert!(!message.contains("1234567"), "{content}: {message}");
            assert!(!message.contains('\n'), "one line: {message}");
        }
    }

    #[test]
    fn every_key_is_described() {
        let described = Config::default().describe();
        let mut section = "";
        for line in DEFAULTS.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            } else if let Some((name, _)) =
                line.split_once(" = ").filter(|_| !line.starts_with('#'))
            {
                let key = format!("{section}.{name} ");
                assert!(
                    described.lines().any(|line| line.starts_with(&key)),
                    "{key}"
                );
            }
        }
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
