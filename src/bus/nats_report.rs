//! What a NATS server is like, for `shoptalk check` and `shoptalk doctor`.

use std::time::Duration;

use super::nats::{NatsError, check_url, connect_options};
use crate::persistence::without_password;

/// How long connecting may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What a NATS server is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsReport {
    /// The URL without its password.
    url: String,
    version: String,
    has_tls: bool,
    has_login: bool,
    /// Whether the connection stays on this machine.
    is_local: bool,
}

/// Connects to a server and looks at it.
///
/// # Errors
///
/// If it cannot be reached, or refuses the login.
pub async fn look(url: &str) -> Result<NatsReport, NatsError> {
    let address = check_url(url)?;
    let failed = |cause: String| NatsError::Connect {
        url: without_password(url),
        cause,
    };
    let is_local = address.host() == "localhost"
        || address
            .host()
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let has_tls = address.tls_required();
    let connecting = connect_options(&address)
        .await
        .name("shoptalk check")
        .connect(address);
    let client = match tokio::time::timeout(TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|error| failed(cause_of(&error)))?,
        Err(_) => return Err(failed(format!("no reply within {} s", TIMEOUT.as_secs()))),
    };
    let server = client.server_info();
    Ok(NatsReport {
        url: without_password(url),
        version: server.version,
        has_tls: has_tls || server.tls_required,
        has_login: server.auth_required,
        is_local,
    })
}

fn cause_of(error: &async_nats::ConnectError) -> String {
    let hint = match error.kind() {
        async_nats::ConnectErrorKind::AuthorizationViolation
        | async_nats::ConnectErrorKind::Authentication => "; check the login in the URL",
        _ => "",
    };
    format!("{error}{hint}")
}

impl NatsReport {
    /// What it is, in a sentence.
    pub fn line(&self) -> String {
        let with = |has: bool| if has { "with" } else { "without" };
        format!(
            "The bus is NATS {} at {}: reachable, {} TLS, {} a login.",
            self.version,
            self.url,
            with(self.has_tls),
            with(self.has_login)
        )
    }

    /// What is allowed but probably not intended, and what to do.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.is_local && !self.has_tls {
            warnings.push(
                "cluster.nats_url: customers' words go over the bus without TLS; give nats-server a \
                 certificate (tls) and write tls:// in the URL"
                    .to_owned(),
            );
        }
        if !self.is_local && !self.has_login {
            warnings.push(
                "cluster.nats_url: whoever reaches the bus can read customers' words; give nats-server a \
                 user and a password (authorization) and write them in the URL"
                    .to_owned(),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_bus_beyond_this_machine_is_a_warning() {
        let report = |has_tls, has_login, is_local| NatsReport {
            url: "nats://bus:4222".into(),
            version: "2.9.10".into(),
            has_tls,
            has_login,
            is_local,
        };
        assert_eq!(report(true, true, false).warnings().len(), 0);
        assert_eq!(report(false, false, true).warnings().len(), 0);
        assert!(report(false, true, false).warnings()[0].contains("tls://"));
        assert!(report(true, false, false).warnings()[0].contains("authorization"));
        let line = report(true, false, false).line();
        assert!(line.contains("with TLS, without a login"), "{line}");
    }
}
