//! What `shoptalk check` prints: every value, and warnings.

use std::fmt::Display;

use url::Url;

use super::{Config, LogFormat, Secret, tls};
use crate::persistence::Synchronous;

impl Config {
    /// Warnings about what is allowed but probably not intended.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = (self.ignored_variables.iter())
            .map(|(name, meant)| {
                format!(
                    "{name} in the environment has no effect: write {meant}, with two underscores"
                )
            })
            .collect();
        if !self.server.listen.ip().is_loopback() && self.server.public_url.is_none() {
            warnings.push(
                "server.public_url is not set although the server listens beyond loopback: the console works \
                 only at the listen address; set server.public_url to the address that browsers use"
                    .to_owned(),
            );
        }
        if let Some(all) =
            (self.server.trusted_proxies.iter()).find(|proxy| proxy.prefix_len() == 0)
        {
            warnings.push(format!(
                "server.trusted_proxies contains {all}, which is every address: whoever connects can claim to come from \
                 any other, past all limits; name the proxies alone"
            ));
        }
        if self.storage.synchronous == Synchronous::Normal {
            warnings.push(
                "storage.synchronous is normal: acknowledged messages can be lost in a power failure; set it to full"
                    .to_owned(),
            );
        }
        if self.push.allow_private {
            warnings.push(
                "push.allow_private is true: agents can have this server send requests into its own network; set \
                 it to false unless this is a test"
                    .to_owned(),
            );
        }
        if !self.limits.enabled {
            warnings.push(
                "limits.enabled is false: no rate is limited; set it to true unless a gateway limits rates".to_owned(),
            );
        }
        let takes_replies = self.mail.imap.is_some() || self.mail.hook_token.is_some();
        if self.mail.smtp.is_some() && !takes_replies {
            warnings.push(
                "mail.smtp_url is set and neither mail.imap_url nor mail.hook_token: replies to mail reach no \
                 conversation; set one of them"
                    .to_owned(),
            );
        }
        if !self.alerts.mail_to.is_empty() && self.mail.smtp.is_none() {
            warnings.push(
                "alerts.mail_to is set without mail.smtp_url: no mail is sent; name a relay"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Every key with its value, one to a line, secrets redacted.
    pub fn describe(&self) -> String {
        let list = |items: &[String]| {
            if items.is_empty() {
                "(none)".to_owned()
            } else {
                items.join(", ")
            }
        };
        let proxies: Vec<String> = self
            .server
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect();
        let public_url = self
            .server
            .public_url
            .as_ref()
            .map_or("(none)".to_owned(), Url::to_string);
        let shown = |url: &Option<String>| match url {
            Some(url) => crate::persistence::without_password(url),
            None => "(none)".to_owned(),
        };
        let (url, nats_url) = (shown(&self.storage.url), shown(&self.cluster.nats_url));
        let synchronous = match self.storage.synchronous {
            Synchronous::Full => "full",
            Synchronous::Normal => "normal",
        };
        let secrets = match self.identity.secrets.len() {
            0 => "(none)".to_owned(),
            count => format!("(redacted, {count})"),
        };
        let recipients: Vec<String> = self
            .backup
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect();
        let subject = (self.push.subject.as_deref()).unwrap_or("(server.public_url)");
        let redacted = |secret: &Option<Secret>| match secret {
            Some(_) => "(redacted)",
            None => "(none)",
        };
        let token = redacted(&self.metrics.token);
        let session_secret = redacted(&self.import.session_secret);
        let (smtp, imap) = (&self.mail.smtp, &self.mail.imap);
        let server = |server: &Option<super::MailServer>| match server {
            Some(server) => server.to_string(),
            None => "(none)".to_owned(),
        };
        let from = match &self.mail.from {
            Some(from) => from.to_string(),
            None => "(none)".to_owned(),
        };
        let (cards_url, cards_secret, cards_private) = match &self.cards {
            Some(cards) => (
                format!("{} (path and query redacted)", cards.server()),
                "(redacted)",
                cards.allow_private,
            ),
            None => ("(none)".to_owned(), "(none)", false),
        };
        let format = match self.log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        let [cert, key, domains, contact, directory, http_listen] = tls::describe(&self.server);
        let (limits, rooms, socket) = (&self.limits, &self.rooms, &self.socket);
        let lines: &[(&str, &dyn Display)] = &[
            ("server.listen", &self.server.listen),
            ("server.public_url", &public_url),
            (
                "server.allowed_origins",
                &list(&self.server.allowed_origins),
            ),
            ("server.trusted_proxies", &list(&proxies)),
            ("server.drain_timeout_ms", &self.server.drain_timeout_ms),
            ("server.max_connections", &self.server.max_connections),
            ("server.stall_timeout_ms", &self.server.stall_timeout_ms),
            ("server.stalled_bytes", &self.server.stalled_bytes),
            ("server.tls_cert", &cert),
            ("server.tls_key", &key),
            ("server.acme_domains", &domains),
            ("server.acme_contact", &contact),
            ("server.acme_directory", &directory),
            ("server.http_listen", &http_listen),
            ("storage.url", &url),
            ("storage.data_dir", &self.storage.data_dir.display()),
            ("storage.synchronous", &synchronous),
            ("storage.queue_items", &self.storage.queue_items),
            ("storage.batch_items", &self.storage.batch_items),
            ("storage.readers", &self.storage.readers),
            ("cluster.nats_url", &nats_url),
            ("cluster.name", &self.cluster.name),
            ("backup.every_ms", &self.backup.every_ms),
            ("backup.directory", &self.backup.directory.display()),
            ("backup.min_free_bytes", &self.backup.min_free_bytes),
            ("backup.recipients", &list(&recipients)),
            ("retention.closed_days", &self.retention.closed_days),
            ("retention.spam_days", &self.retention.spam_days),
            ("identity.secrets", &secrets),
            ("import.session_secret", &session_secret),
            ("mail.smtp_url", &server(smtp)),
            ("mail.imap_url", &server(imap)),
            ("mail.from", &from),
            ("mail.after_ms", &self.mail.after_ms.unwrap_or(0)),
            ("mail.hook_token", &redacted(&self.mail.hook_token)),
            ("alerts.escalate_ms", &self.alerts.escalate_ms.unwrap_or(0)),
            ("alerts.mail_ms", &self.alerts.mail_ms.unwrap_or(0)),
            ("alerts.mail_to", &list(&self.alerts.mail_to)),
            ("push.subject", &subject),
            ("push.allow_private", &self.push.allow_private),
            ("cards.url", &cards_url),
            ("cards.secret", &cards_secret),
            ("cards.allow_private", &cards_private),
            ("metrics.token", &token),
            ("limits.enabled", &limits.enabled),
            ("limits.posts_per_second", &limits.posts_per_second),
            ("limits.posts_burst", &limits.posts_burst),
            ("limits.calls_per_second", &limits.calls_per_second),
            ("limits.calls_burst", &limits.calls_burst),
            ("limits.logins_per_15_min", &limits.logins_per_15_min),
            ("limits.rooms_per_minute", &limits.rooms_per_minute),
            ("limits.rooms_burst", &limits.rooms_burst),
            (
                "limits.rooms_per_minute_by_visitor",
                &limits.rooms_per_minute_by_visitor,
            ),
            (
                "limits.rooms_burst_by_visitor",
                &limits.rooms_burst_by_visitor,
            ),
            ("limits.hellos_per_second", &limits.hellos_per_second),
            ("limits.hellos_burst", &limits.hellos_burst),
            (
                "limits.connections_per_address",
                &limits.connections_per_address,
            ),
            ("limits.sockets_per_address", &limits.sockets_per_address),
            ("limits.sockets_per_visitor", &limits.sockets_per_visitor),
            ("limits.sockets_per_agent", &limits.sockets_per_agent),
            ("limits.frames_per_second", &limits.frames_per_second),
            ("limits.frames_burst", &limits.frames_burst),
            (
                "limits.frame_bytes_per_second",
                &limits.frame_bytes_per_second,
            ),
            ("limits.frame_bytes_burst", &limits.frame_bytes_burst),
            ("limits.flood_warnings", &limits.flood_warnings),
            ("rooms.idle_timeout_ms", &rooms.idle_timeout_ms),
            ("rooms.presence_grace_ms", &rooms.presence_grace_ms),
            ("socket.hello_timeout_ms", &socket.hello_timeout_ms),
            ("socket.ping_interval_ms", &socket.ping_interval_ms),
            ("socket.pong_timeout_ms", &socket.pong_timeout_ms),
            ("socket.post_timeout_ms", &socket.post_timeout_ms),
            ("socket.reconnect_window_ms", &socket.reconnect_window_ms),
            ("socket.outbox_items", &socket.outbox_items),
            ("socket.outbox_bytes", &socket.outbox_bytes),
            ("log.filter", &self.log.filter),
            ("log.format", &format),
        ];
        lines
            .iter()
            .map(|(key, value)| format!("{key:<28} {value}\n"))
            .collect()
    }
}
