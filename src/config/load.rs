//! Reads the sources of the configuration and merges them.

use std::collections::HashMap;
use std::path::Path;

use config::{Environment, File, FileFormat};
use serde::de::DeserializeOwned;

use super::error::ConfigError;
use super::file::SettingsFile;
use super::keys::{ENV_PREFIX, Keys};
use super::raw::Raw;
use super::{Config, Overrides};

const DEFAULTS: &str = include_str!("../../config/default.toml");

impl Default for Config {
    /// `config/default.toml` as it is compiled in.
    fn default() -> Self {
        Self::load(None, [], Overrides::default()).expect("the compiled-in defaults are valid")
    }
}

impl Config {
    /// Reads the configuration: the defaults, then `file`, then the variables of `environment` that
    /// are named `SHOPTALK_SECTION__KEY`, then the flags. `SHOPTALK_SECTION__KEY_FILE` names a file
    /// that holds the value.
    ///
    /// # Errors
    ///
    /// The first mistake, with its key and where it was made.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Result<Self, ConfigError> {
        let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
        let keys = Keys::of(&read(
            config::Config::builder().add_source(defaults.clone()),
        )?);
        let mut variables = HashMap::new();
        let mut ignored = Vec::new();
        for (name, value) in environment {
            match name.strip_prefix(ENV_PREFIX) {
                Some(key) if key.contains("__") => {
                    variables.insert(name, value);
                }
                // Other SHOPTALK_ variables are not configuration, but may have been meant to be.
                _ => ignored.extend(keys.meant_by(&name).map(|meant| (name, meant))),
            }
        }
        let mut layers = config::Config::builder().add_source(defaults);
        if let Some(path) = file {
            let source = SettingsFile::read(path)?;
            let layer = read(config::Config::builder().add_source(source.clone()))?;
            keys.check_file(path, &layer)?;
            layers = layers.add_source(source);
        }
        let variables = with_values_of_files(variables, &keys)?;
        for name in variables.keys() {
            keys.check_variable(name)?;
        }
        let environment = Environment::with_prefix("SHOPTALK")
            .prefix_separator("_")
            .separator("__")
            .source(Some(variables));
        let raw: Raw = read(layers.add_source(environment))?;
        Ok(Self {
            ignored_variables: ignored,
            ..raw.check(overrides)?
        })
    }
}

/// Replaces each `SHOPTALK_SECTION__KEY_FILE` by `SHOPTALK_SECTION__KEY` with the content of the
/// file, so that a secret appears neither in the settings nor in the environment of the process.
fn with_values_of_files(
    variables: HashMap<String, String>,
    keys: &Keys,
) -> Result<HashMap<String, String>, ConfigError> {
    let mut values = HashMap::new();
    for (name, value) in variables {
        let target = name
            .strip_suffix("_FILE")
            .filter(|target| keys.check_variable(target).is_ok());
        let (target, value) = match target {
            Some(target) => (target.to_owned(), read_value(&name, &value)?),
            None => (name, value),
        };
        if values.insert(target.clone(), value).is_some() {
            return Err(ConfigError::Unreadable(format!(
                "{target} and {target}_FILE are both set; remove one of them"
            )));
        }
    }
    Ok(values)
}

/// The content of a file without its last line break.
fn read_value(variable: &str, path: &str) -> Result<String, ConfigError> {
    let content = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::Unreadable(format!("{variable}: cannot read {path}: {error}"))
    })?;
    let value = content.strip_suffix('\n').unwrap_or(&content);
    Ok(value.strip_suffix('\r').unwrap_or(value).to_owned())
}

fn read<T: DeserializeOwned>(
    layers: config::ConfigBuilder<config::builder::DefaultState>,
) -> Result<T, ConfigError> {
    layers
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|error| ConfigError::Unreadable(without_source(&error.to_string())))
}

/// A parser's error in one line, without the lines of the file that it quotes, which may contain a
/// secret.
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
mod tests;
