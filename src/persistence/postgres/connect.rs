use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::persistence::StoreError;
use crate::persistence::postgres::passfile::{self, Login};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::{classify, reason};

/// How long connecting may take, for each address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long data may stay unconfirmed before the connection counts as cut.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// What to do about a wrong or missing password.
const PASSWORD: &str = "; put the right one into storage.url, PGPASSWORD or the file of PGPASSFILE";
/// What to do about a certificate that is not trusted.
const CERTIFICATE: &str = "; a certificate is always verified, with the name: make this system trust its authority \
    (docs/cluster.md), or within one machine do without TLS by sslmode=disable in the URL";

/// What every connection sets: no transaction may hang on to its locks, and none runs at another
/// level than the batches were made for. Compiling a statement (`jit`) takes longer than any of them
/// runs. Warnings are not sent, since the library logs them: a batch that is undone often ends its
/// transaction a second time, which is one.
const SETTINGS: &str = "SET default_transaction_isolation = 'read committed';
    SET idle_in_transaction_session_timeout = '5s';
    SET lock_timeout = '5s';
    SET statement_timeout = '60s';
    SET search_path = public;
    SET jit = off;
    SET client_min_messages = 'error';
    SET standard_conforming_strings = on;
    SET timezone = 'UTC'";

/// Makes connections to one database.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    /// For messages: the URL without the password.
    name: String,
}

impl Connector {
    /// Reads a URL. The password comes from it, from PGPASSWORD or from the file of PGPASSFILE.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err("it has to begin with postgres://".into());
        }
        // To the library, `require` is what others call `verify-full`.
        let known = url.replace("sslmode=verify-full", "sslmode=require");
        let mut config: Config = known.parse().map_err(|error: tokio_postgres::Error| {
            let reason = reason(&error);
            let hint = match reason.contains("ssl") {
                true => "; sslmode is disable, prefer, require or verify-full, and there is no other option for TLS",
                false => "",
            };
            format!("it is no URL of a PostgreSQL database ({reason}){hint}")
        })?;
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        if config.get_dbname().is_none() {
            return Err("it names no database".into());
        }
        if config.get_password().is_none()
            && let Some(file) = std::env::var_os("PGPASSFILE")
            && let Some(password) = passfile::password(file.as_ref(), login(&config))?
        {
            config.password(password);
        }
        // A standby shows commits late, and refuses writes.
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config
            .application_name("shoptalk")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives_idle(Duration::from_secs(5));
        Ok(Self {
            name: without_password(url),
            tls: MakeRustlsConnect::new(tls_config()),
            config,
        })
    }

    /// The URL without the password.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether connections stay on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || name
                        .parse()
                        .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
        })
    }

    /// Whether it has a password to offer.
    pub(crate) fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Session, StoreError> {
        let failed = |error: tokio_postgres::Error| match classify(&error) {
            _ if reason(&error).ends_with("password missing") => {
                StoreError::Unavailable(format!("PostgreSQL wants a password{PASSWORD}"))
            }
            // Whatever is wrong with it, nothing was stored, and it is tried again.
            StoreError::Internal(cause) | StoreError::Unavailable(cause) => {
                StoreError::Unavailable(format!("{cause}{}", what_to_do(&error)))
            }
            other => other,
        };
        let client = if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
            tokio::spawn(run(connection));
            client
        } else {
            let tls = self.tls.clone();
            let (client, connection) = self.config.connect(tls).await.map_err(failed)?;
            tokio::spawn(run(connection));
            client
        };
        client.batch_execute(SETTINGS).await.map_err(failed)?;
        Ok(Session::new(client))
    }
}

/// What the password file is asked for.
fn login(config: &Config) -> Login<'_> {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name,
        Some(Host::Unix(_)) | None => "localhost",
    };
    Login {
        host,
        port: config.get_ports().first().copied().unwrap_or(5432),
        database: config.get_dbname().unwrap_or_default(),
        user: config.get_user().unwrap_or_default(),
    }
}

/// What to do about a connection that PostgreSQL has refused.
fn what_to_do(error: &tokio_postgres::Error) -> &'static str {
    match error.code().map(SqlState::code) {
        Some("28P01" | "28000") => PASSWORD,
        Some("3D000") => {
            "; make it with CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0"
        }
        None if reason(error).contains("invalid peer certificate") => CERTIFICATE,
        _ => "",
    }
}

/// Runs a connection until it ends; whoever uses it gets the error.
async fn run(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = %reason(&error), "a connection to PostgreSQL has ended");
    }
}

fn tls_config() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    // What cannot be read is left out; a server that needs it is refused with the reason.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the TLS library accepts its own versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Whether a URL names a PostgreSQL database.
pub fn check_url(url: &str) -> Result<(), String> {
    Connector::new(url).map(|_| ())
}

/// The URL as it may be logged: without its password and its parameters. Several hosts are no URL to
/// the `url` crate, so it is taken apart here.
pub fn without_password(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else {
        return "(unreadable)".into();
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => {
            let user = login.split(':').next().unwrap_or_default();
            (format!("{user}@"), hosts)
        }
        // An @ further on belongs to a password with a character that was not escaped.
        None if url.contains('@') => return "(unreadable)".into(),
        None => (String::new(), authority),
    };
    format!("{scheme}://{user}{hosts}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://ann:secret@db/shop", "postgres://ann@db/shop"),
            ("postgres://db/shop?password=secret", "postgres://db/shop"),
            (
                "postgres://ann:secret@db1:5432,db2:5433/shop?sslmode=require",
                "postgres://ann@db1:5432,db2:5433/shop",
            ),
            ("postgres://ann:se/cret@db/shop", "(unreadable)"),
            ("postgres://ann:se?cret@db/shop", "(unreadable)"),
            ("nats://bus:4222", "nats://bus:4222"),
            ("secret", "(unreadable)"),
        ] {
            assert_eq!(without_password(url), shown, "{url}");
        }
    }
}
