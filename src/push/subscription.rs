use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::{Host, Url};
use web_push_native::p256::PublicKey;

use crate::chat::Language;
use crate::https_client::is_public;
use crate::persistence::PushSubscription;

/// Characters of an endpoint, at most.
const ENDPOINT_CHARS: usize = 2_000;
/// Bytes of a point of P-256, uncompressed.
const PUBLIC_KEY_BYTES: usize = 65;
/// Bytes of the secret that a browser makes.
const AUTH_BYTES: usize = 16;

/// Browsers leave out the padding; libraries may not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A field of a subscription that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSubscription {
    /// As browsers name it.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Checks what a browser says of itself, whose console speaks English unless it says otherwise.
///
/// # Errors
///
/// All fields that cannot be used.
pub fn check_subscription(
    endpoint: &str,
    p256dh: &str,
    auth: &str,
    allow_private: bool,
) -> Result<PushSubscription, Vec<BadSubscription>> {
    let mut bad = Vec::new();
    let mut check = |field, checked: Result<Vec<u8>, String>| {
        checked.unwrap_or_else(|message| {
            bad.push(BadSubscription { field, message });
            Vec::new()
        })
    };
    check("endpoint", check_endpoint(endpoint, allow_private));
    let p256dh = check("keys.p256dh", public_key(p256dh));
    let auth = check("keys.auth", secret(auth));
    if !bad.is_empty() {
        return Err(bad);
    }
    Ok(PushSubscription {
        endpoint: endpoint.to_owned(),
        p256dh,
        auth,
        language: Language::English,
    })
}

fn check_endpoint(endpoint: &str, allow_private: bool) -> Result<Vec<u8>, String> {
    if endpoint.chars().count() > ENDPOINT_CHARS {
        return Err(format!("must have at most {ENDPOINT_CHARS} characters"));
    }
    let url = Url::parse(endpoint).map_err(|_| "must be a URL".to_owned())?;
    let secure = url.scheme() == "https" || (allow_private && url.scheme() == "http");
    if !secure {
        return Err("must be a URL that begins with https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must have no user, password or fragment".to_owned());
    }
    let is_public = match url.host() {
        None => return Err("must name a host".to_owned()),
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        // The addresses of other names are checked when they are connected to.
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name != "localhost" && !name.ends_with(".localhost")
        }
    };
    if !is_public && !allow_private {
        return Err("must not lead to a private address".to_owned());
    }
    Ok(Vec::new())
}

fn decode(text: &str, length: usize, what: &str) -> Result<Vec<u8>, String> {
    let bytes = BASE64
        .decode(text)
        .map_err(|_| "must be base64url".to_owned())?;
    match bytes.len() == length {
        true => Ok(bytes),
        false => Err(format!("must be {what} of {length} bytes")),
    }
}

fn public_key(text: &str) -> Result<Vec<u8>, String> {
    let bytes = decode(text, PUBLIC_KEY_BYTES, "a public key")?;
    PublicKey::from_sec1_bytes(&bytes)
        .map_err(|_| "must be a point of the curve P-256".to_owned())?;
    Ok(bytes)
}

fn secret(text: &str) -> Result<Vec<u8>, String> {
    decode(text, AUTH_BYTES, "a secret")
}
