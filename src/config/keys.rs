//! Refuses keys that do not exist, in a file or in the environment.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use config::{Value, ValueKind};

use super::error::ConfigError;

/// Variables with this prefix are configuration, if they contain `__`.
pub(super) const ENV_PREFIX: &str = "SHOPTALK_";

/// Every key, as `section.key`: those of the compiled-in file, which has all of them.
pub(super) struct Keys(BTreeSet<String>);

impl Keys {
    pub(super) fn of(defaults: &HashMap<String, Value>) -> Self {
        Self(flatten(defaults).into_iter().collect())
    }

    /// Refuses a file with a key that does not exist, which would be a setting without effect.
    pub(super) fn check_file(
        &self,
        path: &Path,
        layer: &HashMap<String, Value>,
    ) -> Result<(), ConfigError> {
        let mut found = flatten(layer);
        found.sort();
        match found.into_iter().find(|key| !self.0.contains(key)) {
            Some(key) => Err(self.unknown(&key, &path.display().to_string())),
            None => Ok(()),
        }
    }

    /// Refuses the name of a variable whose key does not exist.
    pub(super) fn check_variable(&self, name: &str) -> Result<(), ConfigError> {
        let key = name[ENV_PREFIX.len()..].to_lowercase().replace("__", ".");
        if self.0.contains(&key) {
            return Ok(());
        }
        Err(self.unknown(&key, &format!("{name} in the environment")))
    }

    /// What the name of a variable was meant to be that would be a key with one more `_`.
    pub(super) fn meant_by(&self, name: &str) -> Option<String> {
        let key = name.strip_prefix(ENV_PREFIX)?.to_lowercase();
        let known = self.0.iter().find(|known| known.replace('.', "_") == key)?;
        let meant = known.replace('.', "__").to_uppercase();
        Some(format!("{ENV_PREFIX}{meant}"))
    }

    fn unknown(&self, key: &str, source: &str) -> ConfigError {
        let section = key.split_once('.').map_or(key, |(section, _)| section);
        let within: Vec<&str> = self
            .0
            .iter()
            .filter_map(|known| known.strip_prefix(section)?.strip_prefix('.'))
            .collect();
        let hint = if within.is_empty() {
            let sections: BTreeSet<&str> = self
                .0
                .iter()
                .filter_map(|known| Some(known.split_once('.')?.0))
                .collect();
            let sections: Vec<&str> = sections.into_iter().collect();
            format!("the sections are {}", sections.join(", "))
        } else {
            format!("{section} has {}", within.join(", "))
        };
        ConfigError::Unreadable(format!("unknown key {key} ({source}); {hint}"))
    }
}

/// The paths of all values. An unknown section without values is left to serde.
fn flatten(table: &HashMap<String, Value>) -> Vec<String> {
    let mut paths = Vec::new();
    for (name, value) in table {
        match &value.kind {
            ValueKind::Table(inner) => {
                paths.extend(flatten(inner).iter().map(|path| format!("{name}.{path}")));
            }
            _ => paths.push(name.clone()),
        }
    }
    paths
}
