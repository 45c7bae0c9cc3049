//! Tokens and codes: how they are made, told apart, hashed and compared. They are random, so a
//! plain SHA-256 is enough to keep them; for what people choose, see [`crate::passwords`].

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::persistence::TokenHash;

/// Random bytes in a token: twice the 128 bits that nobody can guess.
const TOKEN_BYTES: usize = 32;
/// How long the setup link works.
pub const SETUP_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// What a token opens, told by its first letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A visitor's rooms.
    Visitor,
    /// An agent's session.
    Agent,
}

impl TokenKind {
    /// The letters that a token of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Visitor => "stv_",
            Self::Agent => "sta_",
        }
    }

    /// The kind of `token` by its first letters; `None` for everything else, signed
    /// identities included.
    pub fn of(token: &str) -> Option<Self> {
        [Self::Visitor, Self::Agent]
            .into_iter()
            .find(|kind| token.starts_with(kind.prefix()))
    }
}

/// Makes a fresh token: the kind's prefix and 256 random bits in base64url.
pub fn new_token(kind: TokenKind) -> String {
    format!("{}{}", kind.prefix(), random_text())
}

/// The hash under which a token is stored and looked up.
pub fn hash_token(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

/// Whether two secrets are equal, in a time that does not depend on where they differ:
/// what is compared is their hashes, which nobody can steer.
pub fn secrets_match(left: &str, right: &str) -> bool {
    hash_token(left) == hash_token(right)
}

fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; TOKEN_BYTES]>())
}

/// The code of the setup link, as a running server remembers it. Whether it was used is
/// the store's to know: it makes a first admin once.
#[derive(Debug, Clone)]
pub struct SetupCode {
    hash: TokenHash,
    expires_at: Instant,
}

impl SetupCode {
    /// Makes a code that is valid from now on; returns it with what to remember of it.
    pub fn generate() -> (String, Self) {
        let code = random_text();
        let remembered = Self {
            hash: hash_token(&code),
            expires_at: Instant::now() + SETUP_LIFETIME,
        };
        (code, remembered)
    }

    /// Whether `code` is this one and has not expired at `now`.
    pub fn accepts(&self, code: &str, now: Instant) -> bool {
        now < self.expires_at && hash_token(code) == self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_told_apart_and_never_the_same() {
        let token = new_token(TokenKind::Visitor);
        assert_eq!(token.len(), 4 + 43);
        assert_ne!(token, new_token(TokenKind::Visitor));
        assert_eq!(TokenKind::of(&token), Some(TokenKind::Visitor));
        let session = new_token(TokenKind::Agent);
        assert_eq!(TokenKind::of(&session), Some(TokenKind::Agent));
        assert_eq!(TokenKind::of("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"), None);
    }

    #[test]
    fn a_setup_code_expires() {
        let (code, remembered) = SetupCode::generate();
        let now = Instant::now();
        assert!(remembered.accepts(&code, now));
        assert!(!remembered.accepts("another", now));
        assert!(!remembered.accepts(&code, now + SETUP_LIFETIME));
    }
}
