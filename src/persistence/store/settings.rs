//! The settings of the shop.

use super::Store;
use crate::persistence::{Principal, SettingsChange, StoreError, StoredSettings, WriteError};

impl Store {
    /// The stored settings, if they are of another version than this one. 0 is the version of a
    /// database that has none.
    pub async fn settings_unless(
        &self,
        version: u64,
    ) -> Result<Option<StoredSettings>, StoreError> {
        match self {
            Self::Sqlite(store) => store.settings_unless(version).await,
            Self::Postgres(store) => store.settings_unless(version).await,
        }
    }

    /// Replaces the settings, and returns their new version. Refused with `SettingsMoved` when they
    /// are of another version than the change was made from.
    pub async fn change_settings(
        &self,
        change: SettingsChange,
        by: Principal,
    ) -> Result<u64, WriteError> {
        match self {
            Self::Sqlite(store) => store.change_settings(change, by).await,
            Self::Postgres(store) => store.change_settings(change, by).await,
        }
    }
}
