//! Which visitors' tokens have open sockets, so that ending a token closes them.
//!
//! Only this process ends visitors' tokens, and there may be many thousands of their sockets, so
//! each is notified. Agents' sessions can be ended by the command line, too: their sockets look
//! them up again instead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::persistence::TokenHash;

type Entries = Arc<Mutex<HashMap<TokenHash, Entry>>>;

/// The tokens that have open sockets.
#[derive(Default)]
pub(crate) struct OpenTokens(Entries);

struct Entry {
    ended: CancellationToken,
    sockets: usize,
}

impl OpenTokens {
    /// Registers a socket of a token until the guard is dropped. Call it before the token is
    /// looked up: a token that is ended in between is then either not found or notified.
    pub(crate) fn register(&self, token: TokenHash) -> OpenToken {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(token).or_insert_with(|| Entry {
            ended: CancellationToken::new(),
            sockets: 0,
        });
        entry.sockets += 1;
        OpenToken {
            token,
            ended: entry.ended.clone(),
            entries: self.0.clone(),
        }
    }

    /// Notifies the sockets of a token that it has ended. Call it after the store has committed.
    pub(crate) fn end(&self, token: TokenHash) {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&token) {
            entry.ended.cancel();
        }
    }
}

/// Registers one socket's use of its token.
pub(crate) struct OpenToken {
    token: TokenHash,
    ended: CancellationToken,
    entries: Entries,
}

impl OpenToken {
    /// Cancelled when the token ends.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for OpenToken {
    fn drop(&mut self) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&self.token) {
            entry.sockets -= 1;
            if entry.sockets == 0 {
                entries.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ending_a_token_notifies_its_sockets_only() {
        let tokens = OpenTokens::default();
        let (first, second) = (TokenHash([1; 32]), TokenHash([2; 32]));
        let (one, other) = (tokens.register(first), tokens.register(second));
        let also_one = tokens.register(first);
        drop(one);
        tokens.end(first);
        assert!(also_one.ended().is_cancelled());
        assert!(!other.ended().is_cancelled());
        drop((also_one, other));
        assert!(tokens.0.lock().expect("not poisoned").is_empty());
    }
}
