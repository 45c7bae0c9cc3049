//! A certificate with its private key: read, checked, and what it says about itself.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate chain and the key that fits it.
#[derive(Clone)]
pub struct Certificate {
    pair: Arc<CertifiedKey>,
    /// Valid from, in seconds since 1970.
    pub not_before: i64,
    /// Valid until then, in seconds since 1970.
    pub not_after: i64,
    /// The names that it is for, in lower case; a wildcard begins with `*.`.
    names: Vec<String>,
}

/// Why a pair of certificate and key cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    /// The first file has no certificate.
    #[error(
        "there is no certificate in it; it must be in PEM format, beginning with -----BEGIN CERTIFICATE-----"
    )]
    NoCertificate,
    /// The certificate is damaged.
    #[error("its certificate cannot be read: {0}")]
    UnreadableCertificate(String),
    /// The second file has no key.
    #[error(
        "there is no private key in it; it must be in PEM format, beginning with -----BEGIN PRIVATE KEY-----"
    )]
    NoKey,
    /// The key has a passphrase.
    #[error(
        "its private key is encrypted; remove the passphrase with: openssl pkey -in KEY -out NEW_KEY"
    )]
    EncryptedKey,
    /// The key is damaged, or of a kind that is not supported.
    #[error("its private key cannot be used: {0}; use an ECDSA P-256 or RSA key")]
    UnusableKey(String),
    /// The key belongs to another certificate.
    #[error(
        "the private key does not belong to the certificate; the first certificate of the file must be the server's own"
    )]
    Mismatch,
}

impl CertificateError {
    /// Whether the file with the key has to be mended, and not the one with the certificate.
    pub(super) fn is_about_key(&self) -> bool {
        matches!(
            self,
            Self::NoKey | Self::EncryptedKey | Self::UnusableKey(_)
        )
    }
}

/// The cryptography of all TLS here.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Certificate {
    /// Takes a chain and a key in PEM format, whatever else the texts contain.
    ///
    /// # Errors
    ///
    /// When one is missing or damaged, or they do not belong together. An expired certificate is
    /// no error.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            CertificateError::UnreadableCertificate(error.to_string())
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(&error))?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (_, parsed) = X509Certificate::from_der(first).map_err(|error| unreadable(&error))?;
        let validity = parsed.validity();
        let (not_before, not_after) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        let names = names(&parsed);
        let key = private_key(key)?;
        let pair =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => CertificateError::Mismatch,
                rustls::Error::InvalidCertificate(error) => {
                    CertificateError::UnreadableCertificate(format!("{error:?}"))
                }
                error => CertificateError::UnusableKey(error.to_string()),
            })?;
        Ok(Self {
            pair: Arc::new(pair),
            not_before,
            not_after,
            names,
        })
    }

    /// The pair, for the library.
    pub(super) fn pair(&self) -> Arc<CertifiedKey> {
        self.pair.clone()
    }

    /// The certificate itself, without its chain.
    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.pair.cert[0]
    }

    /// Whether browsers accept it at this host.
    pub(super) fn covers(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        let wildcard = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        self.names
            .iter()
            .any(|name| *name == host || Some(name) == wildcard.as_ref())
    }

    /// The names that it is for.
    pub(super) fn names(&self) -> String {
        self.names.join(", ")
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Certificate")
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::EncryptedKey);
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => CertificateError::NoKey,
        error => CertificateError::UnusableKey(error.to_string()),
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    // Browsers ignore the common name, and so does this.
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_lowercase()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
    let v6 = <[u8; 16]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
    v4.or(v6).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn error(chain: &str, key: &str) -> CertificateError {
        Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect_err("it is refused")
    }

    #[test]
    fn a_pair_is_read_with_its_names() {
        let (chain, key) = pair(&["Chat.example.com", "*.shop.example", "127.0.0.1"]);
        let read = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect("a pair");
        for host in [
            "chat.example.com",
            "CHAT.example.com",
            "a.shop.example",
            "127.0.0.1",
        ] {
            assert!(read.covers(host), "{host}");
        }
        for host in [
            "example.com",
            "shop.example",
            "a.b.shop.example",
            "127.0.0.2",
            "",
        ] {
            assert!(!read.covers(host), "{host}");
        }
        assert!(read.not_before < read.not_after);
        // One file may hold both.
        let both = format!("{key}{chain}");
        assert!(Certificate::from_pem(both.as_bytes(), both.as_bytes()).is_ok());
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        let (chain, key) = pair(&["chat.example.com"]);
        let (_, other_key) = pair(&["chat.example.com"]);
        assert_eq!(error("", &key), CertificateError::NoCertificate);
        assert_eq!(error(&key, &key), CertificateError::NoCertificate);
        assert_eq!(error(&chain, ""), CertificateError::NoKey);
        assert_eq!(error(&chain, &chain), CertificateError::NoKey);
        assert_eq!(error(&chain, &other_key), CertificateError::Mismatch);
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(error(&chain, encrypted), CertificateError::EncryptedKey);
        let truncated = &chain[..chain.len() / 2];
        assert!(matches!(
            error(truncated, &key),
            CertificateError::UnreadableCertificate(_)
        ));
        let damaged = key.replace("BEGIN PRIVATE KEY-----\nM", "BEGIN PRIVATE KEY-----\nA");
        assert!(error(&chain, &damaged).is_about_key());
    }
}
