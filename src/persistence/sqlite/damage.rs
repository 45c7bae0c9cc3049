use std::sync::OnceLock;

use crate::persistence::StoreError;

/// Whether the database was found damaged. From then on writes are refused until the process
/// starts again with a restored file.
#[derive(Debug, Default)]
pub(crate) struct Damage(OnceLock<String>);

impl Damage {
    /// What was found, if anything was.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// `Corrupt` once damage was recorded.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.get() {
            Some(what) => Err(StoreError::Corrupt(what.to_owned())),
            None => Ok(()),
        }
    }

    /// Records an error if it means that the file is damaged, and ignores others. Only the first
    /// one is logged.
    pub(crate) fn record(&self, error: &StoreError) {
        if let StoreError::Corrupt(what) = error
            && self.0.set(what.clone()).is_ok()
        {
            tracing::error!(error = %what, "the database is damaged: refusing all writes from now on");
        }
    }
}
