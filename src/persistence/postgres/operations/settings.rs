use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{audit, settings};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    AuditAction, Principal, Refusal, SettingsChange, StoreError, StoredSettings, WriteError,
};

impl PostgresStore {
    pub(crate) async fn settings_unless(
        &self,
        version: u64,
    ) -> Result<Option<StoredSettings>, StoreError> {
        self.read(async |db| settings::load_unless(db, version).await)
            .await
    }

    pub(crate) async fn change_settings(
        &self,
        change: SettingsChange,
        by: Principal,
    ) -> Result<u64, WriteError> {
        self.write(move |tx| Box::pin(replace(tx, change.clone(), by)))
            .await
    }
}

async fn replace(tx: &mut Tx, change: SettingsChange, by: Principal) -> Result<u64, TxError> {
    if !settings::replace(tx, &change, by).await? {
        return Err(Refusal::SettingsMoved.into());
    }
    let version = change.from_version + 1;
    audit::insert(
        tx,
        AuditAction::SettingsChanged,
        Some(by),
        Some(change.fields),
    )
    .await?;
    Ok(version)
}
