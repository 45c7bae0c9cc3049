//! The file of `--config`.

use std::path::Path;

use config::{FileFormat, Format, Map, Source, Value};

use super::error::ConfigError;

/// A file that was read, once: it may be a pipe. The crate `config` reads regular files only.
#[derive(Debug, Clone)]
pub(super) struct SettingsFile {
    name: String,
    text: String,
}

impl SettingsFile {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable(format!("cannot read {name}: {error}")))?;
        // Some editors begin a file with a byte-order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        Ok(Self { name, text })
    }
}

impl Source for SettingsFile {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        FileFormat::Toml
            .parse(Some(&self.name), &self.text)
            .map_err(|cause| config::ConfigError::FileParse {
                uri: Some(self.name.clone()),
                cause,
            })
    }
}
