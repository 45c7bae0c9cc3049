use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// The secret that the tested server shares with the shop's back end.
pub const IDENTITY_SECRET: &str = "a secret of the shop of at least 32 bytes";
/// A secret that the server does not know.
pub const OTHER_SECRET: &str = "a secret of somebody else, as long as that";

/// Seconds since 1970, that many from now.
pub fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    i64::try_from(now.as_secs()).expect("a time of this age") + seconds
}

/// A signed identity with these claims.
pub fn jwt(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("claims can be signed")
}

/// An identity that claims to need no signature.
pub fn unsigned_jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.",
        part(&json!({"alg": "none", "typ": "JWT"})),
        part(claims)
    )
}
