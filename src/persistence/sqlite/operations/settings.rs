use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{audit, settings};
use crate::persistence::{
    AuditAction, Principal, Refusal, SettingsChange, StoreError, StoredSettings, WriteError,
};

impl SqliteStore {
    pub(crate) async fn settings_unless(
        &self,
        version: u64,
    ) -> Result<Option<StoredSettings>, StoreError> {
        self.readers()
            .read(move |conn| settings::load_unless(conn, version))
            .await
    }

    pub(crate) async fn change_settings(
        &self,
        change: SettingsChange,
        by: Principal,
    ) -> Result<u64, WriteError> {
        self.write(move |tx| {
            if !settings::replace(tx, &change, by)? {
                return Err(Refusal::SettingsMoved.into());
            }
            let fields = Some(change.fields.clone());
            audit::insert(tx, AuditAction::SettingsChanged, Some(by), fields)?;
            Ok(change.from_version + 1)
        })
        .await
    }
}
