//! Tokens and setup codes: generating, hashing and comparing them. They are random, so a plain
//! SHA-256 protects what is stored; for passwords, which people choose, see [`crate::passwords`].

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::persistence::TokenHash;

/// Random bytes in a token: twice the 128 bits that the protocol promises.
const TOKEN_BYTES: usize = 32;
/// How long the setup link works.
pub const SETUP_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// What a token gives access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A visitor's rooms.
    Visitor,
    /// An agent's session.
    Agent,
    /// Calls of a program of the shop.
    Api,
}

impl TokenKind {
    /// The prefix of a token of this kind.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Visitor => "stv_",
            Self::Agent => "sta_",
            Self::Api => "stk_",
        }
    }

    /// The kind of `token`, by its prefix or its form: a [`session_token`] has no prefix and is a
    /// visitor's. `None` for any other text, a signed identity included: that is a JWT, and no token
    /// that the store knows.
    pub fn of(token: &str) -> Option<Self> {
        if is_session_token(token) {
            return Some(Self::Visitor);
        }
        [Self::Visitor, Self::Agent, Self::Api]
            .into_iter()
            .find(|kind| token.starts_with(kind.prefix()))
    }
}

/// Generates a token: the kind's prefix and 256 random bits in base64url.
pub fn new_token(kind: TokenKind) -> String {
    format!("{}{}", kind.prefix(), random_text())
}

/// The visitor's token of a customer whose session at a Django shop goes on. The shop makes the same
/// one: `base64url(HMAC-SHA256(secret, "django-session:" + session_key))`, without padding.
pub fn session_token(secret: &str, session_key: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
    mac.update(b"django-session:");
    mac.update(session_key.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Characters of a session's token: 256 bits in base64url. It has no prefix; those of this server's
/// own tokens make them longer.
const SESSION_TOKEN_CHARS: usize = 43;

fn is_session_token(token: &str) -> bool {
    token.len() == SESSION_TOKEN_CHARS
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The hash under which a token is stored and looked up.
pub fn hash_token(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

/// Whether two secrets are equal. Their hashes are compared, so the time does not depend on where the
/// secrets differ.
pub fn secrets_match(left: &str, right: &str) -> bool {
    hash_token(left) == hash_token(right)
}

/// Generates a code of 256 random bits in base64url, for what is valid for minutes only.
pub fn random_code() -> String {
    random_text()
}

fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; TOKEN_BYTES]>())
}

/// The code of the setup link, as a running server remembers it. The store knows whether it was used:
/// it creates a first admin only once.
#[derive(Debug, Clone)]
pub struct SetupCode {
    hash: TokenHash,
    expires_at: Instant,
}

impl SetupCode {
    /// Generates a code that is valid from now on, and what to remember of it.
    pub fn generate() -> (String, Self) {
        let code = random_text();
        let remembered = Self {
            hash: hash_token(&code),
            expires_at: Instant::now() + SETUP_LIFETIME,
        };
        (code, remembered)
    }

    /// The hash of the code, and how long it is valid from its start.
    pub fn to_remember(&self) -> (TokenHash, Duration) {
        (self.hash, SETUP_LIFETIME)
    }

    /// Whether `code` is the right one, and not expired at `now`.
    pub fn accepts(&self, code: &str, now: Instant) -> bool {
        now < self.expires_at && hash_token(code) == self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_random_and_have_a_kind() {
        let token = new_token(TokenKind::Visitor);
        assert_eq!(token.len(), 4 + 43);
        assert_ne!(token, new_token(TokenKind::Visitor));
        assert_eq!(TokenKind::of(&token), Some(TokenKind::Visitor));
        let session = new_token(TokenKind::Agent);
        assert_eq!(TokenKind::of(&session), Some(TokenKind::Agent));
        assert_eq!(TokenKind::of("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"), None);
    }

    #[test]
    fn a_session_token_equals_the_one_that_the_shop_makes() {
        // python3: base64.urlsafe_b64encode(hmac.digest(secret, b"django-session:" + key, "sha256"))
        let token = session_token(
            "0123456789abcdef0123456789abcdef",
            "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6",
        );
        assert_eq!(token, "4enfG0M6Ji3PregNWmb4LRHbAlLyRt3uBK0bu1rZm90");
        assert_eq!(TokenKind::of(&token), Some(TokenKind::Visitor));
        assert_eq!(TokenKind::of(&token[1..]), None);
        assert_eq!(TokenKind::of(&token.replace('e', ".")), None);
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
