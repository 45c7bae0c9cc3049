//! Secrets: how they are made, told apart, hashed and compared.
//!
//! Tokens are random, so a plain SHA-256 is enough to keep them; passwords are chosen by
//! people, so they get Argon2id. Hashing a password takes tens of milliseconds and
//! 19 MiB, so it never runs on a runtime thread and only a few run at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::persistence::TokenHash;

/// Random bytes in a token: twice the 128 bits that nobody can guess.
const TOKEN_BYTES: usize = 32;
/// How long an agent's session lives past its last use.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long the setup link works.
pub const SETUP_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// KiB of memory for one Argon2id hash; OWASP's first recommendation.
const ARGON_MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const ARGON_PASSES: u32 = 2;
/// Lanes.
const ARGON_LANES: u32 = 1;
/// KiB that a hash asks for at the least; what it does not need is never touched. The C library
/// maps what is past 32 MiB for this use alone, and gives it back. Of smaller memory it would
/// keep a share for each thread that ever hashed: half a gigabyte after a rush of sign-ins.
const ARGON_MAPPED_KIB: usize = 33 * 1_024;
/// Hashes computed at once, so that sign-ins cannot take the machine from the chat.
const HASHES_AT_ONCE: usize = 2;
/// Hashes waiting for their turn; the next one is refused.
const HASHES_WAITING: usize = 64;
/// A hash that no password has. Verifying against it costs what a real one costs, so
/// that the time of an answer does not tell whether an account exists.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2hvcHRhbGstZHVtbXktMQ$\
    bm9ib2R5LWhhcy10aGlzLXBhc3N3b3JkLWF0LWFsbC4";

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

/// Why a password could not be hashed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait already.
    #[error("too many sign-ins wait for their turn; try again")]
    Busy,
    /// A hash in the database that is none.
    #[error("the stored password is damaged; set it anew with: shoptalk agent passwd NAME")]
    Damaged,
    /// No random bytes, or a bug.
    #[error("cannot hash a password: {0}")]
    Failed(String),
}

/// Hashes a password into a PHC string. Blocks for tens of milliseconds.
///
/// # Errors
///
/// When the system has no memory for it.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    let params = Params::new(ARGON_MEMORY_KIB, ARGON_PASSES, ARGON_LANES, None)
        .expect("the parameters are within Argon2's bounds");
    let salt = rand::random::<[u8; Salt::RECOMMENDED_LENGTH]>();
    let salt = Salt::new(&salt).map_err(failed)?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params).map_err(failed)?,
        salt: Some(salt),
        hash: Some(derive(
            &Argon2::new(algorithm, version, params),
            password,
            &salt,
            Params::DEFAULT_OUTPUT_LEN,
        )?),
    };
    Ok(hash.to_string())
}

/// Whether `password` has the PHC string `hash`. Without a hash a dummy is compared, at
/// the same cost, and the answer is no. Blocks for tens of milliseconds.
///
/// # Errors
///
/// When `hash` is no PHC string of Argon2, or the system has no memory for it.
pub fn verify_password(password: &str, hash: Option<&str>) -> Result<bool, HashError> {
    let (argon2, salt, stored) = parse(hash.unwrap_or(DUMMY_HASH)).ok_or(HashError::Damaged)?;
    // Outputs are compared in constant time.
    let matches = derive(&argon2, password, &salt, stored.len())? == stored;
    Ok(matches && hash.is_some())
}

/// How a PHC string was made, and what came out.
fn parse(hash: &str) -> Option<(Argon2<'static>, Salt, Output)> {
    let parsed = PasswordHash::new(hash).ok()?;
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).ok()?;
    let version = Version::try_from(parsed.version?).ok()?;
    let params = Params::try_from(&parsed).ok()?;
    Some((
        Argon2::new(algorithm, version, params),
        parsed.salt?,
        parsed.hash?,
    ))
}

/// What Argon2 makes of a password, in memory that goes back to the system.
fn derive(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &[u8],
    length: usize,
) -> Result<Output, HashError> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(blocks.max(ARGON_MAPPED_KIB))
        .map_err(failed)?;
    memory.resize(blocks, Block::new());
    let mut output = [0; Output::MAX_LENGTH];
    let output = &mut output[..length];
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory)
        .map_err(failed)?;
    Output::new(output).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

/// Lets a few passwords be hashed at once, off the runtime. Clones share the gate.
#[derive(Debug, Clone)]
pub struct PasswordGate {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for PasswordGate {
    fn default() -> Self {
        Self {
            running: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(HASHES_AT_ONCE + HASHES_WAITING)),
        }
    }
}

impl PasswordGate {
    /// [`hash_password`] when its turn comes.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`] when too many wait, or as [`hash_password`].
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        self.run(move || hash_password(&password)).await
    }

    /// [`verify_password`] when its turn comes.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`] when too many wait, or as [`verify_password`].
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, HashError> {
        self.run(move || verify_password(&password, hash.as_deref()))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = self
            .waiting
            .clone()
            .try_acquire_owned()
            .map_err(|_| HashError::Busy)?;
        let turn = self
            .running
            .clone()
            .acquire_owned()
            .await
            .expect("the gate is never closed");
        tokio::task::spawn_blocking(move || {
            // The permits live as long as the work, not as long as whoever waits for it: a
            // client that hangs up must not let another hash begin early.
            let _held = (place, turn);
            work()
        })
        .await
        .map_err(|error| HashError::Failed(error.to_string()))?
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
    fn a_password_matches_its_hash_alone() {
        let hash = hash_password("correct horse").expect("hashing works");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(verify_password("correct horse", Some(&hash)), Ok(true));
        assert_eq!(verify_password("battery staple", Some(&hash)), Ok(false));
        assert_eq!(
            verify_password("correct horse", None),
            Ok(false),
            "the dummy is a hash that can be compared"
        );
        assert!(verify_password("x", Some("not a hash")).is_err());
        // One that another implementation made.
        let stored = "$argon2id$v=19$m=19456,t=2,p=1$vbK3ZsQnWcuF+33qKDmrHA$\
            RggP8FtiSpuOiz4gvAItUbhlyzaL9ZgRP+eEp93nrPU";
        assert_eq!(verify_password("correct horse", Some(stored)), Ok(true));
        assert_eq!(verify_password("Correct horse", Some(stored)), Ok(false));
    }

    #[test]
    fn a_setup_code_expires() {
        let (code, remembered) = SetupCode::generate();
        let now = Instant::now();
        assert!(remembered.accepts(&code, now));
        assert!(!remembered.accepts("another", now));
        assert!(!remembered.accepts(&code, now + SETUP_LIFETIME));
    }

    #[tokio::test]
    async fn the_gate_refuses_instead_of_queueing_without_end() {
        let gate = PasswordGate::default();
        let _all = gate
            .waiting
            .clone()
            .try_acquire_many_owned(66)
            .expect("nobody waits yet");
        assert_eq!(gate.hash("password".into()).await, Err(HashError::Busy));
    }
}
