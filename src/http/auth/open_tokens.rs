//! Which visitors' tokens have open sockets, so that ending a token closes them.
//!
//! There may be many thousands of visitors' sockets, so each is notified. Tokens that another node
//! has ended are looked for ([`follow`]). Agents' sessions can be ended by the command line, too: their sockets look
//! them up again instead.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::persistence::{Store, StoreError, TokenHash};

/// Tokens that are looked for at a time.
const CHECKED_TOKENS: usize = 5_000;
/// Tokens that end within this time are looked for together.
const GATHER: Duration = Duration::from_millis(500);
/// The wait before looking again after a failure.
const RETRY: Duration = Duration::from_secs(1);

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

    fn all(&self) -> Vec<TokenHash> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.keys().copied().collect()
    }

    /// Notifies the sockets of a token that it has ended. Call it after the store has committed.
    pub(crate) fn end(&self, token: TokenHash) {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&token) {
            entry.ended.cancel();
        }
    }
}

/// Ends what other nodes have ended, whenever the store says that tokens have ended.
pub(crate) async fn follow(open: &OpenTokens, store: Store) {
    let mut head = store.watch_head();
    let mut checked = head.borrow_and_update().token_version;
    loop {
        let now = head.borrow_and_update().token_version;
        if now != checked {
            match end_invalid(open, &store).await {
                Ok(()) => checked = now,
                Err(error) => {
                    tracing::warn!(%error, "cannot look for ended tokens, retrying");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
            tokio::time::sleep(GATHER).await;
        }
        if head.changed().await.is_err() {
            return;
        }
    }
}

async fn end_invalid(open: &OpenTokens, store: &Store) -> Result<(), StoreError> {
    for tokens in open.all().chunks(CHECKED_TOKENS) {
        let valid = store.valid_visitor_tokens(tokens.to_vec()).await?;
        let valid: HashSet<TokenHash> = valid.into_iter().collect();
        for token in tokens.iter().filter(|token| !valid.contains(token)) {
            open.end(*token);
        }
    }
    Ok(())
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
