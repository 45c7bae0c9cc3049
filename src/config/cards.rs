use std::net::IpAddr;

use url::{Host, Url};

use super::raw::RawCards;
use super::validate::{is_too_short, too_short};
use super::{ConfigError, Secret};
use crate::https_client::is_public;

/// The shop's own server, which has cards about customers.
#[derive(Debug, Clone)]
pub struct CardsConfig {
    /// Where it is asked.
    pub url: Url,
    /// Signs the requests.
    pub secret: Secret,
    /// Whether http and private addresses are allowed.
    pub allow_private: bool,
}

impl CardsConfig {
    /// Scheme, host and port of its URL. In the rest somebody may have put a password.
    #[must_use]
    pub fn server(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

pub(super) fn cards(raw: RawCards) -> Result<Option<CardsConfig>, ConfigError> {
    if raw.url.is_empty() {
        return Ok(None);
    }
    let url = url(&raw.url, raw.allow_private)
        .map_err(|problem| ConfigError::invalid("cards.url", problem))?;
    if is_too_short(&raw.secret) {
        return Err(ConfigError::invalid("cards.secret", too_short("it")));
    }
    Ok(Some(CardsConfig {
        url,
        secret: Secret::new(raw.secret),
        allow_private: raw.allow_private,
    }))
}

/// The problems do not quote the URL, in which somebody may have put a password.
fn url(text: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or("it is not a URL; it must be one such as https://shop.example/cards")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not have a user or a password; check the signature instead".into());
    }
    if url.scheme() == "http" && !allow_private {
        return Err(
            "it must begin with https://; http:// needs cards.allow_private = true".to_owned(),
        );
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
        Some(Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    match address {
        Some(address) if !allow_private && !is_public(address) => Err(format!(
            "{address} is a private address; it needs cards.allow_private = true"
        )),
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str, secret: &str, allow_private: bool) -> Result<bool, String> {
        let raw = RawCards {
            url: url.into(),
            secret: secret.into(),
            allow_private,
        };
        cards(raw)
            .map(|cards| cards.is_some())
            .map_err(|error| error.to_string())
    }

    const SECRET: &str = "a secret of the shop with 32 bytes";

    #[test]
    fn cards_need_an_address_and_a_secret() {
        assert_eq!(checked("", "", false), Ok(false), "there are none");
        for (url, allow_private) in [
            ("https://shop.example/cards?shop=1", false),
            ("https://1.1.1.1/", false),
            ("http://shop.internal:8080/cards", true),
            ("http://127.0.0.1:8080/", true),
        ] {
            assert_eq!(checked(url, SECRET, allow_private), Ok(true), "{url}");
        }
        let short = checked("https://shop.example/", "hunter2", false).expect_err("too short");
        assert_eq!(
            short,
            "configuration: cards.secret: it needs at least 32 bytes; make one with: openssl rand -hex 32"
        );
    }

    #[test]
    fn a_bad_address_is_refused_with_what_would_be_right() {
        for (url, allow_private, problem) in [
            ("shop.example/cards", false, "https://shop.example/cards"),
            ("ftp://shop.example/", true, "it is not a URL"),
            ("https://", false, "it is not a URL"),
            (
                "http://shop.example/",
                false,
                "http:// needs cards.allow_private",
            ),
            (
                "https://mia:hunter2@shop.example/",
                true,
                "must not have a user or a password",
            ),
            (
                "https://:hunter2@shop.example/",
                true,
                "must not have a user or a password",
            ),
            ("https://10.0.0.1/", false, "10.0.0.1 is a private address"),
            ("https://0x7f.1/", false, "127.0.0.1 is a private address"),
            (
                "https://[::ffff:10.0.0.1]/",
                false,
                "cards.allow_private = true",
            ),
        ] {
            let refused = checked(url, SECRET, allow_private).expect_err(url);
            assert!(
                refused.starts_with("configuration: cards.url: "),
                "{refused}"
            );
            assert!(refused.contains(problem), "{url}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
