//! What the command line asks before it starts a server, and prints for `shoptalk check`.

use std::path::PathBuf;

use super::certificate::Certificate;
use super::clock;
use super::files::{CertificateFiles, LoadError, expiry_warning};
use crate::config::{Config, TlsConfig};

/// The certificate's file and what is in it; `None` without one. What ACME gets is renewed by itself.
pub fn certificate_in_files(config: &Config) -> Option<(PathBuf, Result<Certificate, LoadError>)> {
    let Some(TlsConfig::Files { cert, key }) = &config.server.tls else {
        return None;
    };
    Some((cert.clone(), CertificateFiles::new(cert, key).load()))
}

/// Reads the certificate files, if there are any. Returns what is allowed but probably not
/// intended.
///
/// # Errors
///
/// When the files cannot be used.
pub fn check(config: &Config) -> Result<Vec<String>, LoadError> {
    let mut warnings = Vec::new();
    let host = config.server.public_url.as_ref();
    let host = host.and_then(|url| url.host_str()).unwrap_or_default();
    match &config.server.tls {
        None => {}
        Some(TlsConfig::Files { cert, key }) => {
            let certificate = CertificateFiles::new(cert, key).load()?;
            let now = clock::now();
            warnings
                .extend(expiry_warning(certificate.not_after, now).map(|warning| {
                    format!("server.tls_cert: {warning}; renew {}", cert.display())
                }));
            if certificate.not_before > now {
                warnings.push(format!(
                    "server.tls_cert: the certificate is valid only from {} on; check the clock",
                    clock::show(certificate.not_before)
                ));
            }
            let host = host.trim_matches(['[', ']']);
            if !host.is_empty() && !certificate.covers(host) {
                warnings.push(format!(
                    "server.tls_cert: the certificate is for {}, but browsers use {host} (server.public_url); they will refuse it",
                    certificate.names()
                ));
            }
        }
        Some(TlsConfig::Acme(acme)) => {
            let covered = acme.domains.iter().any(|domain| domain == host);
            warnings.extend((!covered).then(|| {
                format!(
                    "server.acme_domains does not have {host}, the host of server.public_url; browsers will refuse the certificate"
                )
            }));
        }
    }
    Ok(warnings)
}
