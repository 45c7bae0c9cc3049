//! Which visitors' tokens have sockets open, so that ending a token ends those, too.
//!
//! Visitors' tokens are ended by this process alone, and there may be many thousand sockets:
//! they are told, where agents' sockets ask the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::persistence::TokenHash;

type Open = Arc<Mutex<HashMap<TokenHash, Entry>>>;

/// The tokens with open sockets.
#[derive(Default)]
pub(crate) struct OpenTokens(Open);

struct Entry {
    ended: CancellationToken,
    sockets: usize,
}

impl OpenTokens {
    /// Notes a socket until what is returned is dropped. To be called before the token is
    /// looked up: one that is ended in between is then either not found or told.
    pub(crate) fn hold(&self, token: TokenHash) -> HeldToken {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = open.entry(token).or_insert_with(|| Entry {
            ended: CancellationToken::new(),
            sockets: 0,
        });
        entry.sockets += 1;
        HeldToken {
            token,
            ended: entry.ended.clone(),
            open: self.0.clone(),
        }
    }

    /// Tells the sockets of a token that it has ended. To be called once the store knows.
    pub(crate) fn end(&self, token: TokenHash) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = open.get(&token) {
            entry.ended.cancel();
        }
    }
}

/// A socket's hold on its token.
pub(crate) struct HeldToken {
    token: TokenHash,
    ended: CancellationToken,
    open: Open,
}

impl HeldToken {
    /// Cancelled when the token ends.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for HeldToken {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = open.get_mut(&self.token) {
            entry.sockets -= 1;
            if entry.sockets == 0 {
                open.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ending_a_token_tells_its_sockets_and_no_others() {
        let tokens = OpenTokens::default();
        let (first, second) = (TokenHash([1; 32]), TokenHash([2; 32]));
        let (one, other) = (tokens.hold(first), tokens.hold(second));
        let also_one = tokens.hold(first);
        drop(one);
        tokens.end(first);
        assert!(also_one.ended().is_cancelled());
        assert!(!other.ended().is_cancelled());
        drop((also_one, other));
        assert!(tokens.0.lock().expect("not poisoned").is_empty());
    }
}
