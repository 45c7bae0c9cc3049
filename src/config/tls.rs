//! The settings of TLS: certificate files, or certificates by ACME.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use super::ServerConfig;
use super::error::ConfigError;
use super::raw::RawServer;

/// Where the server's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsConfig {
    /// Two files in PEM format, which somebody else renews.
    Files {
        /// The certificate, followed by those of the intermediate authorities.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A certificate authority that speaks ACME, such as Let's Encrypt.
    Acme(AcmeConfig),
}

/// Settings of certificates by ACME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The names that the certificate is for, in lower case.
    pub domains: Vec<String>,
    /// Where the authority may send mail, as a URL such as `mailto:ops@example.com`.
    pub contact: Option<String>,
    /// The URL of the authority's directory.
    pub directory: String,
}

/// The keys of TLS, or `None` when the server speaks plain HTTP.
pub(super) fn tls(server: &RawServer) -> Result<Option<TlsConfig>, ConfigError> {
    let files = !server.tls_cert.is_empty() || !server.tls_key.is_empty();
    let acme = !server.acme_domains.is_empty();
    match (files, acme) {
        (false, false) => Ok(None),
        (true, true) => Err(ConfigError::invalid(
            "server.acme_domains",
            "the certificate comes either from files or by ACME; remove server.tls_cert and server.tls_key, or the domains",
        )),
        (true, false) => Ok(Some(TlsConfig::Files {
            cert: file("server.tls_cert", &server.tls_cert, "server.tls_key")?,
            key: file("server.tls_key", &server.tls_key, "server.tls_cert")?,
        })),
        (false, true) => Ok(Some(TlsConfig::Acme(AcmeConfig {
            domains: server
                .acme_domains
                .iter()
                .map(|text| domain(text))
                .collect::<Result<_, _>>()?,
            contact: contact(&server.acme_contact)?,
            directory: directory(&server.acme_directory)?,
        }))),
    }
}

/// The plain listener that redirects. It makes sense only beside TLS.
pub(super) fn http_listen(
    server: &RawServer,
    tls: Option<&TlsConfig>,
) -> Result<Option<SocketAddr>, ConfigError> {
    let text = &server.http_listen;
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse().map_err(|_| {
        ConfigError::invalid(
            "server.http_listen",
            format!("'{text}' is not an address with a port, such as 0.0.0.0:80"),
        )
    })?;
    if tls.is_none() {
        return Err(ConfigError::invalid(
            "server.http_listen",
            "it redirects to https, which is off; set server.tls_cert and server.tls_key, or server.acme_domains",
        ));
    }
    Ok(Some(address))
}

/// The URL of the server, with what TLS requires and implies: browsers reach it by https, and a
/// server with ACME at its first domain.
pub(super) fn public_url(
    url: Option<Url>,
    tls: Option<&TlsConfig>,
) -> Result<Option<Url>, ConfigError> {
    match (url, tls) {
        (Some(url), Some(_)) if url.scheme() != "https" => Err(ConfigError::invalid(
            "server.public_url",
            format!("'{url}' begins with http, but the server uses TLS; write it with https"),
        )),
        (None, Some(TlsConfig::Acme(acme))) => {
            Ok(format!("https://{}", acme.domains[0]).parse().ok())
        }
        (url, _) => Ok(url),
    }
}

impl ServerConfig {
    /// Whether browsers are told to use nothing but https at this host. Behind a proxy that is its
    /// decision, and other servers of a developer's machine share the name localhost.
    pub fn requires_https(&self) -> bool {
        let url = self.public_url.as_ref().filter(|_| self.tls.is_some());
        url.is_some_and(|url| url.host_str() != Some("localhost"))
    }
}

/// What `shoptalk check` prints: certificate, key, domains, contact, directory, plain listener.
pub(super) fn describe(server: &ServerConfig) -> [String; 6] {
    let none = || "(none)".to_owned();
    let http_listen = server.http_listen;
    let http_listen = http_listen.map_or_else(none, |address| address.to_string());
    let [cert, key, domains, contact, directory] = match &server.tls {
        None => std::array::from_fn(|_| none()),
        Some(TlsConfig::Files { cert, key }) => [
            cert.display().to_string(),
            key.display().to_string(),
            none(),
            none(),
            none(),
        ],
        Some(TlsConfig::Acme(acme)) => [
            none(),
            none(),
            acme.domains.join(", "),
            acme.contact.clone().unwrap_or_else(none),
            acme.directory.clone(),
        ],
    };
    [cert, key, domains, contact, directory, http_listen]
}

fn file(key: &'static str, path: &str, other: &str) -> Result<PathBuf, ConfigError> {
    if path.is_empty() {
        return Err(ConfigError::invalid(
            key,
            format!("it must be set too, because {other} is"),
        ));
    }
    Ok(path.into())
}

/// A name as it is written in a certificate. Wildcards need a challenge by DNS, and addresses a
/// profile of their own, so both are refused.
fn domain(text: &str) -> Result<String, ConfigError> {
    let invalid = |problem: &str| {
        Err(ConfigError::invalid(
            "server.acme_domains",
            format!("'{text}' {problem}"),
        ))
    };
    if text.starts_with("*.") {
        return invalid("is a wildcard, which cannot be proven without DNS; name each host");
    }
    match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) if !name.ends_with('.') => Ok(name),
        Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => {
            invalid("is an address; certificates are for names, such as chat.example.com")
        }
        _ if text.parse::<IpAddr>().is_ok() => {
            invalid("is an address; certificates are for names, such as chat.example.com")
        }
        _ => invalid("is not a name, such as chat.example.com"),
    }
}

fn contact(text: &str) -> Result<Option<String>, ConfigError> {
    let address = text.strip_prefix("mailto:").unwrap_or(text).trim();
    if address.is_empty() {
        return Ok(None);
    }
    let is_address = address
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && !address.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',');
    if !is_address {
        return Err(ConfigError::invalid(
            "server.acme_contact",
            format!("'{text}' is not an email address, such as ops@example.com"),
        ));
    }
    Ok(Some(format!("mailto:{address}")))
}

fn directory(text: &str) -> Result<String, ConfigError> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(text.to_owned()),
        _ => Err(ConfigError::invalid(
            "server.acme_directory",
            format!(
                "'{text}' is not the https URL of an ACME directory, such as \
                 https://acme-v02.api.letsencrypt.org/directory"
            ),
        )),
    }
}
