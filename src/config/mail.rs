//! The settings of mail: where it goes out, where it comes in, and from whom it is.

use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

use super::error::ConfigError;
use super::raw::{RawAlerts, RawMail};
use super::{AlertsConfig, MailConfig, Secret};

/// Characters of the name in front of the @ of `mail.from`, at most: reply addresses add 46 behind it,
/// and mail servers take 64.
const FROM_NAME_MAX: usize = 18;

/// A server that takes or keeps mail.
#[derive(Debug, Clone)]
pub struct MailServer {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Who signs in, if anybody does.
    pub login: Option<MailLogin>,
    /// The mailbox that is read; of no use to a relay.
    pub mailbox: String,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS by STARTTLS, and nothing without it.
    StartTls,
    /// None, on this machine or where the operator says so.
    Plain,
}

/// How to sign in at a mail server.
#[derive(Debug, Clone)]
pub struct MailLogin {
    /// The user name.
    pub user: String,
    /// What proves it.
    pub proof: MailProof,
}

/// What proves a user name.
#[derive(Debug, Clone)]
pub enum MailProof {
    /// A password.
    Password(Secret),
    /// XOAUTH2: a file with an access token, read at each sign-in, so that whatever gets fresh ones
    /// replaces it.
    TokenFile(PathBuf),
}

impl MailLogin {
    /// The password or the access token as it is now.
    ///
    /// # Errors
    ///
    /// When the file of the token cannot be read.
    pub fn secret(&self) -> std::io::Result<Secret> {
        match &self.proof {
            MailProof::Password(password) => Ok(password.clone()),
            MailProof::TokenFile(path) => {
                let token = std::fs::read_to_string(path)?;
                Ok(Secret::new(token.trim()))
            }
        }
    }

    /// Whether the secret is an access token.
    pub fn is_token(&self) -> bool {
        matches!(self.proof, MailProof::TokenFile(_))
    }
}

/// As `shoptalk check` shows it.
impl std::fmt::Display for MailServer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let security = match self.security {
            MailSecurity::Tls => "TLS",
            MailSecurity::StartTls => "STARTTLS",
            MailSecurity::Plain => "no TLS",
        };
        write!(out, "{}:{} ({security}", self.host, self.port)?;
        match &self.login {
            None => write!(out, ", no sign-in)"),
            Some(login) => match &login.proof {
                MailProof::Password(_) => write!(out, ", {}, password redacted)", login.user),
                MailProof::TokenFile(path) => {
                    write!(out, ", {}, token in {})", login.user, path.display())
                }
            },
        }
    }
}

pub(super) fn mail(raw: RawMail) -> Result<MailConfig, ConfigError> {
    let smtp = server("mail.smtp_url", &raw.smtp_url, Kind::Smtp)?;
    let imap = server("mail.imap_url", &raw.imap_url, Kind::Imap)?;
    let from = match raw.from.as_str() {
        "" => None,
        text => Some(from(text)?),
    };
    if smtp.is_some() && from.is_none() {
        return Err(ConfigError::invalid(
            "mail.from",
            "is needed with mail.smtp_url; name the address that mail is from, such as Shop <chat@shop.example>",
        ));
    }
    let hook_token = Some(raw.hook_token).filter(|token| !token.is_empty());
    if hook_token.as_deref().is_some_and(|token| token.len() < 16) {
        return Err(ConfigError::invalid(
            "mail.hook_token",
            "needs at least 16 bytes; make one with: openssl rand -hex 32",
        ));
    }
    if (imap.is_some() || hook_token.is_some()) && from.is_none() {
        return Err(ConfigError::invalid(
            "mail.from",
            "is needed to recognize replies; name the address that mail is from, such as Shop <chat@shop.example>",
        ));
    }
    Ok(MailConfig {
        smtp,
        imap,
        from,
        after_ms: Some(raw.after_ms).filter(|after_ms| *after_ms > 0),
        hook_token: hook_token.map(Secret::new),
    })
}

pub(super) fn alerts(raw: RawAlerts) -> Result<AlertsConfig, ConfigError> {
    let mail_to = raw
        .mail_to
        .iter()
        .map(|text| address("alerts.mail_to", text).map(|mailbox| mailbox.email.to_string()))
        .collect::<Result<_, _>>()?;
    let unless_zero = |ms: u64| Some(ms).filter(|ms| *ms > 0);
    Ok(AlertsConfig {
        mail_to,
        escalate_ms: unless_zero(raw.escalate_ms),
        mail_ms: unless_zero(raw.mail_ms),
    })
}

fn address(key: &'static str, text: &str) -> Result<lettre::message::Mailbox, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError::invalid(
            key,
            format!(
                "'{text}' is not an address, such as chat@shop.example or Shop <chat@shop.example>"
            ),
        )
    })
}

fn from(text: &str) -> Result<lettre::message::Mailbox, ConfigError> {
    let mailbox = address("mail.from", text)?;
    let name = mailbox.email.user();
    if name.len() > FROM_NAME_MAX || name.contains('+') {
        return Err(ConfigError::invalid(
            "mail.from",
            format!(
                "'{name}' must have at most {FROM_NAME_MAX} characters and no +, since reply addresses add to it"
            ),
        ));
    }
    Ok(mailbox)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Smtp,
    Imap,
}

/// Errors never quote the URL, which may hold a password.
fn server(key: &'static str, text: &str, kind: Kind) -> Result<Option<MailServer>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    let example = match kind {
        Kind::Smtp => "smtps://user:password@smtp.example.com",
        Kind::Imap => "imaps://user:password@imap.example.com/INBOX",
    };
    let invalid =
        |problem: &str| ConfigError::invalid(key, format!("{problem}; write it like {example}"));
    let url = Url::parse(text).map_err(|_| invalid("it is not a URL"))?;
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_matches(['[', ']']).to_owned();
    if host.is_empty() {
        return Err(invalid("it names no host"));
    }
    let options = Options::of(&url).map_err(|problem| invalid(&problem))?;
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let (security, port) = match (kind, url.scheme()) {
        (Kind::Smtp, "smtps") => (MailSecurity::Tls, 465),
        (Kind::Smtp, "smtp") if is_here || options.without_tls => (MailSecurity::Plain, 25),
        (Kind::Smtp, "smtp") => (MailSecurity::StartTls, 587),
        (Kind::Imap, "imaps") => (MailSecurity::Tls, 993),
        (Kind::Imap, "imap") if is_here || options.without_tls => (MailSecurity::Plain, 143),
        (Kind::Imap, "imap") => return Err(invalid("imap:// has no TLS; use imaps://")),
        (Kind::Smtp, _) => return Err(invalid("it has to begin with smtps:// or smtp://")),
        (Kind::Imap, _) => return Err(invalid("it has to begin with imaps://")),
    };
    let login = login(&url, options.token_file).map_err(|problem| invalid(&problem))?;
    if login.is_some() && security == MailSecurity::Plain && !is_here {
        return Err(invalid(
            "a password would travel without TLS; leave out tls=none",
        ));
    }
    if login.is_none() && kind == Kind::Imap {
        return Err(invalid("it names no user"));
    }
    let mailbox = decoded(url.path().trim_matches('/')).map_err(|problem| invalid(&problem))?;
    Ok(Some(MailServer {
        port: url.port().unwrap_or(port),
        host,
        security,
        login,
        mailbox: match mailbox.is_empty() {
            true => "INBOX".to_owned(),
            false => mailbox,
        },
    }))
}

#[derive(Default)]
struct Options {
    without_tls: bool,
    token_file: Option<PathBuf>,
}

impl Options {
    fn of(url: &Url) -> Result<Self, String> {
        let mut options = Self::default();
        for (name, value) in url.query_pairs() {
            match (name.as_ref(), value.as_ref()) {
                ("tls", "none") => options.without_tls = true,
                ("token_file", path) if !path.is_empty() => {
                    options.token_file = Some(path.into());
                }
                _ => return Err("its options are tls=none and token_file=PATH".to_owned()),
            }
        }
        Ok(options)
    }
}

fn login(url: &Url, token_file: Option<PathBuf>) -> Result<Option<MailLogin>, String> {
    let user = decoded(url.username())?;
    if user.is_empty() {
        return match token_file {
            None => Ok(None),
            Some(_) => Err("token_file needs a user".to_owned()),
        };
    }
    let proof = match (url.password(), token_file) {
        (Some(_), Some(_)) => return Err("it has both a password and a token_file".to_owned()),
        (Some(password), None) => MailProof::Password(Secret::new(decoded(password)?)),
        (None, Some(path)) => MailProof::TokenFile(path),
        (None, None) => return Err("it has a user and no password".to_owned()),
    };
    Ok(Some(MailLogin { user, proof }))
}

/// Undoes the escapes of a URL.
fn decoded(text: &str) -> Result<String, String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| "its escapes are not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(url: &str) -> Result<MailServer, String> {
        server("mail.smtp_url", url, Kind::Smtp)
            .map(|server| server.expect("a URL"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_relay_is_read_and_shown_without_its_password() {
        let relay = smtp("smtps://shop%40example.com:p%3Ass@smtp.example.com").expect("a relay");
        assert_eq!((relay.host.as_str(), relay.port), ("smtp.example.com", 465));
        let login = relay.login.as_ref().expect("a login");
        assert_eq!(login.user, "shop@example.com");
        assert_eq!(login.secret().expect("a password").expose(), "p:ss");
        let shown = relay.to_string();
        assert_eq!(
            shown,
            "smtp.example.com:465 (TLS, shop@example.com, password redacted)"
        );
        assert!(!format!("{relay:?}").contains("p:ss"));
    }

    #[test]
    fn security_follows_the_scheme_and_the_host() {
        let security = |url| smtp(url).expect(url).security;
        assert_eq!(security("smtps://relay.example.com"), MailSecurity::Tls);
        assert_eq!(security("smtp://relay.example.com"), MailSecurity::StartTls);
        assert_eq!(security("smtp://127.0.0.1:2525"), MailSecurity::Plain);
        assert_eq!(security("smtp://relay.lan?tls=none"), MailSecurity::Plain);
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_the_password() {
        for (url, problem) in [
            ("https://hunter2@x", "begin with smtps"),
            ("smtps://a@x", "no password"),
            ("smtp://a:hunter2@relay.lan?tls=none", "without TLS"),
            ("smtps://a:hunter2@x?token_file=/t", "both a password"),
            ("smtps://a:hunter2@x?tsl=none", "options are"),
            ("hunter2", "not a URL"),
        ] {
            let refused = smtp(url).expect_err(url);
            assert!(refused.contains(problem), "{url}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
