use std::sync::{Arc, PoisonError, RwLock};

use crate::chat::Names;

/// The names of agents and tags as summaries show them. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SharedNames(Arc<RwLock<Arc<Names>>>);

impl SharedNames {
    /// The names as they are now.
    pub fn now(&self) -> Arc<Names> {
        // A value that is replaced whole cannot be left half-changed.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces them.
    pub fn set(&self, names: Names) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }
}
