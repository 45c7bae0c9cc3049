use url::Url;

use super::{Config, LogFormat};
use crate::persistence::Synchronous;

impl Config {
    /// What is allowed but hardly meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.server.listen.ip().is_loopback() && self.server.public_url.is_none() {
            warnings.push(
                "listening beyond this machine without server.public_url: the console works only from the \
                 address that is listened on; set server.public_url to what browsers use"
                    .to_owned(),
            );
        }
        if self.storage.synchronous == Synchronous::Normal {
            warnings.push(
                "storage.synchronous is normal: acknowledged messages can be lost in a power cut"
                    .to_owned(),
            );
        }
        if !self.limits.enabled {
            warnings.push(
                "limits.enabled is false: nothing limits how much one address may send".to_owned(),
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
        let synchronous = match self.storage.synchronous {
            Synchronous::Full => "full",
            Synchronous::Normal => "normal",
        };
        let secrets = match self.identity.secrets.len() {
            0 => "(none)".to_owned(),
            count => format!("(redacted, {count})"),
        };
        let token = if self.metrics.token.is_some() {
            "(redacted)"
        } else {
            "(none)"
        };
        let format = match self.log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        let (limits, rooms, socket) = (&self.limits, &self.rooms, &self.socket);
        let lines: [(&str, String); 47] = [
            ("server.listen", self.server.listen.to_string()),
            ("server.public_url", public_url),
            ("server.allowed_origins", list(&self.server.allowed_origins)),
            ("server.trusted_proxies", list(&proxies)),
            (
                "server.drain_timeout_ms",
                self.server.drain_timeout_ms.to_string(),
            ),
            (
                "server.max_connections",
                self.server.max_connections.to_string(),
            ),
            (
                "server.stall_timeout_ms",
                self.server.stall_timeout_ms.to_string(),
            ),
            (
                "server.stalled_bytes",
                self.server.stalled_bytes.to_string(),
            ),
            (
                "storage.data_dir",
                self.storage.data_dir.display().to_string(),
            ),
            ("storage.synchronous", synchronous.to_owned()),
            ("storage.queue_items", self.storage.queue_items.to_string()),
            ("storage.batch_items", self.storage.batch_items.to_string()),
            ("storage.readers", self.storage.readers.to_string()),
            ("identity.secrets", secrets),
            ("metrics.token", token.to_owned()),
            ("limits.enabled", limits.enabled.to_string()),
            (
                "limits.posts_per_second",
                limits.posts_per_second.to_string(),
            ),
            ("limits.posts_burst", limits.posts_burst.to_string()),
            (
                "limits.logins_per_15_min",
                limits.logins_per_15_min.to_string(),
            ),
            (
                "limits.rooms_per_minute",
                limits.rooms_per_minute.to_string(),
            ),
            ("limits.rooms_burst", limits.rooms_burst.to_string()),
            (
                "limits.hellos_per_second",
                limits.hellos_per_second.to_string(),
            ),
            ("limits.hellos_burst", limits.hellos_burst.to_string()),
            (
                "limits.connections_per_address",
                limits.connections_per_address.to_string(),
            ),
            (
                "limits.sockets_per_address",
                limits.sockets_per_address.to_string(),
            ),
            (
                "limits.sockets_per_visitor",
                limits.sockets_per_visitor.to_string(),
            ),
            (
                "limits.sockets_per_agent",
                limits.sockets_per_agent.to_string(),
            ),
            (
                "limits.frames_per_second",
                limits.frames_per_second.to_string(),
            ),
            ("limits.frames_burst", limits.frames_burst.to_string()),
            (
                "limits.calls_per_second",
                limits.calls_per_second.to_string(),
            ),
            ("limits.calls_burst", limits.calls_burst.to_string()),
            (
                "limits.rooms_per_minute_by_visitor",
                limits.rooms_per_minute_by_visitor.to_string(),
            ),
            (
                "limits.rooms_burst_by_visitor",
                limits.rooms_burst_by_visitor.to_string(),
            ),
            (
                "limits.frame_bytes_per_second",
                limits.frame_bytes_per_second.to_string(),
            ),
            (
                "limits.frame_bytes_burst",
                limits.frame_bytes_burst.to_string(),
            ),
            ("limits.flood_warnings", limits.flood_warnings.to_string()),
            ("rooms.idle_timeout_ms", rooms.idle_timeout_ms.to_string()),
            (
                "rooms.presence_grace_ms",
                rooms.presence_grace_ms.to_string(),
            ),
            (
                "socket.hello_timeout_ms",
                socket.hello_timeout_ms.to_string(),
            ),
            (
                "socket.ping_interval_ms",
                socket.ping_interval_ms.to_string(),
            ),
            ("socket.pong_timeout_ms", socket.pong_timeout_ms.to_string()),
            ("socket.post_timeout_ms", socket.post_timeout_ms.to_string()),
            (
                "socket.reconnect_window_ms",
                socket.reconnect_window_ms.to_string(),
            ),
            ("socket.outbox_items", socket.outbox_items.to_string()),
            ("socket.outbox_bytes", socket.outbox_bytes.to_string()),
            ("log.filter", self.log.filter.clone()),
            ("log.format", format.to_owned()),
        ];
        lines
            .iter()
            .map(|(key, value)| format!("{key:<28} {value}\n"))
            .collect()
    }
}
