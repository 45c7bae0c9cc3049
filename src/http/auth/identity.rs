//! Signed identities: JWTs in which the shop's back end names a visitor.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use crate::chat::limits::{self, check_line, fitted_line};
use crate::chat::{Attributes, Details, Timestamp};
use crate::config::IdentityConfig;
use crate::persistence::Identity;

/// The time between two lines of the log about refused identities: anybody can send any.
const LOG_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Why an identity is refused. The texts are for the shop's developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentityError {
    /// There is no key to verify it with.
    #[error("identity.secrets is not configured, so no identity can be checked")]
    NotConfigured,
    /// It is no JWT, or signed with another key or algorithm.
    #[error("the identity is not a JWT signed with HS256 and one of identity.secrets")]
    BadSignature,
    /// `exp` has passed.
    #[error("the identity has expired; ask the shop's back end for a fresh one")]
    Expired,
    /// `nbf` is in the future.
    #[error("the identity is not valid yet (nbf)")]
    NotYetValid,
    /// Its header asks for extensions to be understood (RFC 7515, 4.1.11).
    #[error("the identity's header has crit, but no extension is supported")]
    Critical,
    /// A claim is missing or breaks its limits.
    #[error("the identity's claim {claim} {message}")]
    BadClaim {
        /// The claim's name.
        claim: &'static str,
        /// What the claim must be.
        message: String,
    },
}

/// Verifies identities with the configured secrets.
pub(crate) struct IdentityVerifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
    /// When a refusal was logged last.
    logged: Mutex<Option<Instant>>,
}

impl IdentityVerifier {
    /// Accepts a signature by any of the secrets, so that they can be rotated.
    pub(crate) fn new(config: &IdentityConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_aud = false;
        // `check_times` does this, with the fractions of a second that JWTs allow.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.required_spec_claims.clear();
        Self {
            keys: config
                .secrets
                .iter()
                .map(|secret| DecodingKey::from_secret(secret.expose().as_bytes()))
                .collect(),
            validation,
            logged: Mutex::default(),
        }
    }

    /// Verifies `token` as of now.
    pub(crate) fn verify(&self, token: &str) -> Result<Identity, IdentityError> {
        let verified = self.verify_at(token, Timestamp::now());
        if let Err(error) = &verified
            && self.is_to_be_logged(error, Instant::now())
        {
            tracing::warn!(
                "a customer's identity was refused, so this customer cannot chat: {error}; if it is from the shop, \
                 compare the shop's settings with identity.secrets here, and the clocks"
            );
        }
        verified
    }

    /// Whether to log a refusal. Of a page that was open for too long, only its customer has to know.
    fn is_to_be_logged(&self, error: &IdentityError, now: Instant) -> bool {
        if *error == IdentityError::Expired {
            return false;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_soon = logged.is_some_and(|at| now.duration_since(at) < LOG_INTERVAL);
        if !is_soon {
            *logged = Some(now);
        }
        !is_soon
    }

    fn verify_at(&self, token: &str, now: Timestamp) -> Result<Identity, IdentityError> {
        if self.keys.is_empty() {
            return Err(IdentityError::NotConfigured);
        }
        let claims = self.claims(token)?;
        check_times(&claims, now)?;
        let user = match claims.get("sub") {
            Some(Value::String(user)) => user,
            _ => return Err(bad_claim("sub", "must be a string")),
        };
        let user = check_line("sub", Some(user), limits::USER_CHARS)
            .map_err(|violation| bad_claim("sub", violation.message))?
            .filter(|trimmed| trimmed == user)
            .ok_or_else(|| bad_claim("sub", "must not be blank or padded with blanks"))?;
        // These are whatever the customer once typed in the shop. A value past its limit is cut,
        // since it must not keep the customer from signing in.
        let line = |claim: &'static str, max_chars| match claims.get(claim) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(fitted_line(text, max_chars)),
            Some(_) => Err(bad_claim(claim, "must be a string")),
        };
        Ok(Identity {
            user,
            details: Details {
                name: line("name", limits::NAME_CHARS)?,
                email: line("email", limits::EMAIL_CHARS)?,
                phone: line("phone", limits::PHONE_CHARS)?,
                page_url: None,
            },
            attributes: claims.get("attributes").map(Attributes::check),
        })
    }

    fn claims(&self, token: &str) -> Result<Map<String, Value>, IdentityError> {
        for key in &self.keys {
            match jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation) {
                Ok(_) if has_critical_extensions(token) => return Err(IdentityError::Critical),
                Ok(decoded) => return Ok(decoded.claims),
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(_) => break,
            }
        }
        Err(IdentityError::BadSignature)
    }
}

/// Whether the header has `crit`, with any value: the library accepts `null`.
fn has_critical_extensions(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or("");
    let header = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    serde_json::from_slice::<Map<String, Value>>(&header)
        .is_ok_and(|header| header.contains_key("crit"))
}

/// An identity is valid from `nbf` until `exp`, both in seconds, without leeway.
fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), IdentityError> {
    #[allow(clippy::cast_precision_loss)]
    let now = now.as_millis() as f64 / 1_000.0;
    let seconds = |claim: &'static str| match claims.get(claim) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| bad_claim(claim, "must be a number of seconds since 1970")),
    };
    match seconds("exp")? {
        None => return Err(bad_claim("exp", "is missing")),
        Some(exp) if exp <= now => return Err(IdentityError::Expired),
        Some(_) => {}
    }
    if seconds("nbf")?.is_some_and(|nbf| nbf > now) {
        return Err(IdentityError::NotYetValid);
    }
    Ok(())
}

fn bad_claim(claim: &'static str, message: impl Into<String>) -> IdentityError {
    IdentityError::BadClaim {
        claim,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;
    use crate::config::Secret;

    const SECRET: &str = "an old secret of at least 32 bytes";
    const NEWER: &str = "a new secret of at least 32 bytes!";
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn verifier(secrets: &[&str]) -> IdentityVerifier {
        IdentityVerifier::new(&IdentityConfig {
            secrets: secrets.iter().map(|secret| Secret::new(*secret)).collect(),
        })
    }

    fn sign(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("it can be signed")
    }

    fn verify(claims: &Value) -> Result<Identity, IdentityError> {
        verifier(&[SECRET, NEWER]).verify_at(&sign(Algorithm::HS256, NEWER, claims), NOW)
    }

    #[test]
    fn a_valid_identity_names_the_user() {
        let identity = verify(&json!({
            "sub": "c-42", "exp": 1_800_000_001, "nbf": 1_800_000_000, "aud": "another",
            "name": " Ann ", "email": "ann@example.com", "phone": null, "role": "x",
        }))
        .expect("it is valid");
        assert_eq!(identity.user, "c-42");
        assert_eq!(identity.details.name.as_deref(), Some("Ann"));
        assert_eq!(identity.details.email.as_deref(), Some("ann@example.com"));
        assert_eq!(identity.details.phone, None);
    }

    #[test]
    fn exp_and_nbf_have_no_leeway() {
        assert_eq!(
            verify(&json!({"sub": "a", "exp": 1_800_000_000})),
            Err(IdentityError::Expired)
        );
        assert!(verify(&json!({"sub": "a", "exp": 1_800_000_000.5})).is_ok());
        assert_eq!(
            verify(&json!({"sub": "a", "exp": 1_900_000_000, "nbf": 1_800_000_001})),
            Err(IdentityError::NotYetValid)
        );
    }

    #[test]
    fn invalid_claims_are_refused() {
        for claims in [
            json!({"exp": 1_900_000_000}),
            json!({"sub": "a"}),
            json!({"sub": "a", "exp": "1900000000"}),
            json!({"sub": 7, "exp": 1_900_000_000}),
            json!({"sub": "", "exp": 1_900_000_000}),
            json!({"sub": "a".repeat(256), "exp": 1_900_000_000}),
            json!({"sub": "a", "exp": 1_900_000_000, "nbf": "soon"}),
            json!({"sub": "a\nb", "exp": 1_900_000_000}),
            json!({"sub": "a", "exp": 1_900_000_000, "email": 7}),
        ] {
            assert!(
                matches!(verify(&claims), Err(IdentityError::BadClaim { .. })),
                "{claims}"
            );
        }
    }

    #[test]
    fn details_past_their_limits_are_cut_and_never_refused() {
        let details = |claims: Value| verify(&claims).expect("it is valid").details;
        let long = details(json!({
            "sub": "a", "exp": 1_900_000_000, "name": "ä".repeat(101),
            "email": format!("{}@example.com", "e".repeat(300)), "phone": "1".repeat(41),
        }));
        assert_eq!(long.name, Some("ä".repeat(100)));
        assert_eq!(long.email, Some("e".repeat(254)));
        assert_eq!(long.phone, Some("1".repeat(40)));
        let broken = details(json!({
            "sub": "a", "exp": 1_900_000_000, "name": " Ann\r\nof\tthe Shop\n", "email": "\u{0}",
        }));
        assert_eq!(broken.name.as_deref(), Some("Ann  of the Shop"));
        assert_eq!(broken.email, None, "blank is absent");
    }

    #[test]
    fn extensions_that_must_be_understood_are_refused() {
        let sign = |extra: &str| {
            let header = format!(r#"{{"typ":"JWT","alg":"HS256"{extra}}}"#);
            let claims = json!({"sub": "a", "exp": 1_900_000_000}).to_string();
            let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
            let signed = format!("{header}.{claims}");
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256);
            format!("{signed}.{}", signature.expect("it can be signed"))
        };
        let verify = |extra: &str| verifier(&[SECRET]).verify_at(&sign(extra), NOW);
        assert!(verify("").is_ok());
        assert!(verify(r#","kid":"2","x":1"#).is_ok());
        for crit in [r#"["exp"]"#, r#"["b64"],"b64":false"#, "[]", "null", "7"] {
            let extra = format!(r#","crit":{crit}"#);
            let refused = verify(&extra);
            let expected = [IdentityError::Critical, IdentityError::BadSignature];
            assert!(expected.contains(&refused.expect_err("refused")), "{crit}");
        }
    }

    #[test]
    fn another_key_or_algorithm_is_refused() {
        let claims = json!({"sub": "a", "exp": 1_900_000_000});
        let other_key = sign(
            Algorithm::HS256,
            "yet another secret of 32 bytes...",
            &claims,
        );
        let other_algorithm = sign(Algorithm::HS512, SECRET, &claims);
        // {"alg":"none"} with the same claims and no signature.
        let unsigned = format!(
            "eyJhbGciOiJub25lIn0.{}.",
            other_key.split('.').nth(1).expect("a payload")
        );
        for token in [
            other_key.as_str(),
            &other_algorithm,
            &unsigned,
            "a.b.c",
            "",
            "nonsense",
        ] {
            assert_eq!(
                verifier(&[SECRET]).verify_at(token, NOW),
                Err(IdentityError::BadSignature),
                "{token}"
            );
        }
        assert_eq!(
            verifier(&[]).verify_at(&other_key, NOW),
            Err(IdentityError::NotConfigured)
        );
    }

    #[test]
    fn refusals_are_logged_now_and_then_and_expired_ones_never() {
        let verifier = verifier(&[SECRET]);
        let start = Instant::now();
        let bad = IdentityError::BadSignature;
        assert!(!verifier.is_to_be_logged(&IdentityError::Expired, start));
        assert!(verifier.is_to_be_logged(&bad, start));
        assert!(!verifier.is_to_be_logged(&bad, start + LOG_INTERVAL / 2));
        assert!(!verifier.is_to_be_logged(&IdentityError::NotYetValid, start));
        assert!(verifier.is_to_be_logged(&bad, start + LOG_INTERVAL));
    }
}
