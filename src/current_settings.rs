//! The settings of a running server: in memory, the newest that are stored.
//!
//! Read next: `settings` for what they mean.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::persistence::{
    Principal, Refusal, SettingsChange, Store, StoreError, StoredSettings, WriteError,
};
use crate::settings::{FixedSettings, PatchError, Settings};

/// How often it is looked whether another node has changed the settings.
const POLL: Duration = Duration::from_secs(1);

/// The settings of the shop. Clones are cheap and share them.
#[derive(Clone)]
pub(crate) struct CurrentSettings {
    store: Store,
    fixed: FixedSettings,
    /// As they hold: with what is fixed.
    now: Arc<watch::Sender<Arc<Settings>>>,
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The patch is refused.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The store refused it or failed.
    #[error(transparent)]
    Store(#[from] WriteError),
}

impl CurrentSettings {
    /// Reads what is stored.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn load(store: Store, fixed: FixedSettings) -> Result<Self, StoreError> {
        let current = Self {
            store,
            fixed,
            now: Arc::new(watch::Sender::new(Arc::new(
                fixed.apply(Settings::default()),
            ))),
        };
        current.refresh().await?;
        Ok(current)
    }

    /// The settings as they are now.
    pub(crate) fn now(&self) -> Arc<Settings> {
        self.now.borrow().clone()
    }

    /// The settings as they are now. The receiver is notified of every change.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Settings>> {
        self.now.subscribe()
    }

    /// The settings as they are stored now, also when another node has just changed them.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn newest(&self) -> Result<Arc<Settings>, StoreError> {
        self.refresh().await?;
        Ok(self.now())
    }

    /// The keys that the configuration has.
    pub(crate) fn fixed_keys(&self) -> Vec<&'static str> {
        self.fixed.keys()
    }

    /// Changes the settings of this version by a JSON merge patch, and returns them.
    ///
    /// # Errors
    ///
    /// When the settings are of another version, a field cannot be used, or the store fails.
    pub(crate) async fn change(
        &self,
        version: u64,
        patch: Map<String, Value>,
        by: Principal,
    ) -> Result<Arc<Settings>, ChangeError> {
        let stored = self.store.settings_unless(0).await;
        let before = stored
            .map_err(WriteError::from)?
            .map_or_else(Settings::default, |stored| readable(&stored));
        if before.version != version {
            return Err(WriteError::from(Refusal::SettingsMoved).into());
        }
        let after = before.patched(patch, &self.fixed)?;
        let fields = before.changed_fields(&after);
        if fields.is_empty() {
            return Ok(self.now());
        }
        let change = SettingsChange {
            from_version: version,
            content: after.to_stored(),
            fields: fields.join(" "),
        };
        let version = self.store.change_settings(change, by).await?;
        let after = Settings { version, ..after };
        Ok(self.set(after))
    }

    /// Follows what other nodes change, if the store is shared.
    pub(crate) async fn follow(self, drain: CancellationToken) {
        if !self.store.is_shared() {
            return;
        }
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        while drain.run_until_cancelled(poll.tick()).await.is_some() {
            match self.refresh().await {
                Ok(()) => failing = false,
                // A failure that lasts is logged once.
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot see whether the settings have changed, trying again");
                    }
                }
            }
        }
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let known = self.now.borrow().version;
        if let Some(stored) = self.store.settings_unless(known).await? {
            self.set(readable(&stored));
        }
        Ok(())
    }

    /// Takes these settings, unless there are newer ones, and returns those that hold.
    fn set(&self, settings: Settings) -> Arc<Settings> {
        let settings = Arc::new(self.fixed.apply(settings));
        self.now.send_if_modified(|now| {
            let is_newer = settings.version > now.version;
            if is_newer {
                *now = settings.clone();
            }
            is_newer
        });
        settings
    }
}

/// The stored settings. If they cannot be read, the defaults in their place, so that the chat goes on
/// and an admin can set them again.
fn readable(stored: &StoredSettings) -> Settings {
    Settings::from_stored(stored.version, &stored.content).unwrap_or_else(|error| {
        tracing::error!(%error, "the stored settings cannot be read: the defaults hold until an admin sets them again");
        Settings {
            version: stored.version,
            ..Settings::default()
        }
    })
}
