//! Hashes that Django made. They stay until their owner signs in.

use argon2::password_hash::phc::Output;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::Sha256;

/// Rounds of PBKDF2 that are accepted; Django 5.2 has a million.
const ROUNDS_MAX: u32 = 10_000_000;

/// A hash as Django stores it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DjangoHash<'h> {
    /// `pbkdf2_sha256$ROUNDS$SALT$OUTPUT`
    Pbkdf2(Pbkdf2<'h>),
    /// `argon2` before a PHC string.
    Argon2(&'h str),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pbkdf2<'h> {
    rounds: u32,
    salt: &'h str,
    output: Output,
}

impl Pbkdf2<'_> {
    /// Whether the password has this hash. Blocks for some tenths of a second.
    pub(super) fn matches(&self, password: &str) -> bool {
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..self.output.len()];
        pbkdf2::pbkdf2_hmac::<Sha256>(
            password.as_bytes(),
            self.salt.as_bytes(),
            self.rounds,
            output,
        );
        // Outputs are compared in constant time.
        Output::new(output).is_ok_and(|output| output == self.output)
    }
}

/// Parses a hash of Django; `None` for all others, unusable passwords included.
pub(super) fn parse(hash: &str) -> Option<DjangoHash<'_>> {
    if let Some(phc) = hash
        .strip_prefix("argon2")
        .filter(|phc| phc.starts_with('$'))
    {
        return Some(DjangoHash::Argon2(phc));
    }
    let mut fields = hash.strip_prefix("pbkdf2_sha256$")?.split('$');
    let (rounds, salt, output) = (fields.next()?, fields.next()?, fields.next()?);
    let rounds = rounds
        .parse()
        .ok()
        .filter(|it| (1..=ROUNDS_MAX).contains(it))?;
    let output = Output::new(&STANDARD.decode(output).ok()?).ok()?;
    fields
        .next()
        .is_none()
        .then_some(DjangoHash::Pbkdf2(Pbkdf2 {
            rounds,
            salt,
            output,
        }))
}

#[cfg(test)]
mod tests {
    use crate::passwords::{Memory, is_foreign, is_verifiable, verify_in};

    /// Made by Django 5.2.
    const PBKDF2: &str =
        "pbkdf2_sha256$1000000$2rd0gDGGeqHPbn2Ci2gDay$UlKYFcgBdd/5CMnGDVSOUZ350ePqLTTT4PHRPW0tC5A=";
    const ARGON2: &str = "argon2$argon2id$v=19$m=102400,t=2,p=8$c3ZPbzFodVVNR01nMnYxaTRzcmJmRw$JvbtiRucgKtPKCdP8kJnCABIuWt0IHx9sZ4JrBKSiJU";

    #[test]
    fn passwords_are_compared_with_hashes_that_django_made() {
        let mut memory = Memory::default();
        for hash in [PBKDF2, ARGON2] {
            assert!(is_foreign(hash) && is_verifiable(hash), "{hash}");
            let mut verify = |password| verify_in(&mut memory, password, Some(hash));
            assert_eq!(verify("correct horse"), Ok(true), "{hash}");
            assert_eq!(verify("correct horses"), Ok(false), "{hash}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_recognised() {
        for hash in [
            "!KJ3yHHQnS9GpzKzJPMvZP1N4zbZ5D5mS",
            "bcrypt_sha256$$2b$12$x",
            "pbkdf2_sha1$1$salt$aGFzaA==",
            "pbkdf2_sha256$0$salt$aGFzaA==",
            "pbkdf2_sha256$99999999$salt$aGFzaA==",
            "pbkdf2_sha256$1$salt$",
            "pbkdf2_sha256$1$salt$aGFzaA==$more",
            "argon2$argon2id$v=19$m=99999999,t=2,p=8$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "",
        ] {
            assert!(!is_verifiable(hash), "{hash}");
        }
    }
}
