//! The settings of the shop, as they are stored.

/// The settings of the shop. What the text means is the caller's matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSettings {
    /// Counts the changes, from 1.
    pub version: u64,
    /// The settings as JSON.
    pub content: String,
}

/// A change of the settings.
#[derive(Debug, Clone)]
pub struct SettingsChange {
    /// The version that the change was made from; 0 if nothing was stored then.
    pub from_version: u64,
    /// The new settings as JSON.
    pub content: String,
    /// Which fields have changed, for the audit.
    pub fields: String,
}
