use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use web_push_native::p256::SecretKey;
use web_push_native::p256::elliptic_curve::rand_core::OsRng;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint;
use web_push_native::p256::pkcs8::EncodePrivateKey;

/// How long a signature is good: less than the day that is the most allowed.
const LIFETIME_SECONDS: i64 = 12 * 60 * 60;

/// The key pair by which push services know this server, and let nobody else ring its agents
/// (RFC 8292, "VAPID").
pub(super) struct PushKey {
    signing: EncodingKey,
    public: String,
}

/// The stored key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the key for push services in the table push_keys is unusable: {0}; restore a backup")]
pub struct KeyError(String);

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

impl PushKey {
    /// A new private key, as it is stored.
    pub(super) fn generate() -> Vec<u8> {
        SecretKey::random(&mut OsRng).to_bytes().to_vec()
    }

    pub(super) fn from_stored(private: &[u8]) -> Result<Self, KeyError> {
        let unusable = |error: &dyn std::fmt::Display| KeyError(error.to_string());
        let private = SecretKey::from_slice(private).map_err(|error| unusable(&error))?;
        let document = private.to_pkcs8_der().map_err(|error| unusable(&error))?;
        let public = private.public_key().to_encoded_point(false);
        Ok(Self {
            signing: EncodingKey::from_ec_der(document.as_bytes()),
            public: URL_SAFE_NO_PAD.encode(public.as_bytes()),
        })
    }

    /// The public key, in base64url.
    pub(super) fn public(&self) -> &str {
        &self.public
    }

    /// The header that shows a push service who sends.
    pub(super) fn authorization(
        &self,
        origin: &str,
        subject: Option<&str>,
        now_seconds: i64,
    ) -> Result<String, KeyError> {
        let claims = Claims {
            aud: origin,
            exp: now_seconds + LIFETIME_SECONDS,
            sub: subject,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.signing)
            .map_err(|error| KeyError(error.to_string()))?;
        Ok(format!("vapid t={token}, k={}", self.public))
    }
}
