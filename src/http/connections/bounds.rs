//! How many connections there may be, from the configuration and the limit of open files.

use std::time::Duration;

use ipnet::IpNet;
use rustix::process::{Resource, getrlimit};

use crate::config::Config;

/// Open files besides connections: the listener, the log, what the runtime needs.
const OTHER_FILES: usize = 32;
/// Open files per connection to the database: the database, its log and shared memory.
const FILES_PER_READER: usize = 4;
/// The limit of open files where the system has none.
const UNLIMITED_FILES: usize = 1 << 20;

pub(super) struct Bounds {
    pub(super) total: usize,
    /// `None` when limits are disabled.
    pub(super) per_address: Option<usize>,
    /// Peers whose connections belong to many clients, so that no address bound applies.
    pub(super) proxies: Vec<IpNet>,
    /// How long a peer may take nothing of what is written to it.
    pub(super) stall_timeout: Duration,
    /// Bytes of responses that may be held for peers that take nothing.
    pub(super) stalled_bytes: usize,
}

impl Bounds {
    /// Takes the configured bounds; the limit of open files may lower them.
    pub(super) fn new(config: &Config) -> Self {
        let files = getrlimit(Resource::Nofile).current;
        let files = files.map_or(UNLIMITED_FILES, |files| {
            usize::try_from(files).unwrap_or(UNLIMITED_FILES)
        });
        let readers = usize::try_from(config.storage.readers).unwrap_or(usize::MAX);
        let possible = possible_connections(files, readers);
        let configured = config.server.max_connections;
        if configured > possible {
            tracing::warn!(
                configured,
                possible,
                "server.max_connections is more than the limit of open files allows; raise that \
                 limit (ulimit -n, LimitNOFILE=)"
            );
        }
        let total = match configured {
            0 => possible,
            configured => configured.min(possible),
        };
        let limits = &config.limits;
        Self {
            total,
            per_address: limits
                .enabled
                .then(|| per_address(limits.connections_per_address, total)),
            proxies: config.server.trusted_proxies.clone(),
            stall_timeout: Duration::from_millis(config.server.stall_timeout_ms),
            stalled_bytes: config.server.stalled_bytes,
        }
    }

    /// How many connections may be WebSockets. They stay for hours, so an eighth is left to calls.
    pub(super) fn max_sockets(&self) -> usize {
        self.total - self.total.div_ceil(8)
    }

    /// How many connections of one address may be WebSockets, so that it can still make calls.
    pub(super) fn max_sockets_per_address(&self) -> usize {
        match self.per_address {
            Some(connections) => connections - connections.div_ceil(8),
            None => usize::MAX,
        }
    }
}

/// How many connections this many open files allow.
pub(super) fn possible_connections(files: usize, readers: usize) -> usize {
    let others = OTHER_FILES.saturating_add(FILES_PER_READER.saturating_mul(readers));
    files.saturating_sub(others).max(files / 4).max(1)
}

/// No address may have more than half of all connections.
pub(super) fn per_address(configured: usize, total: usize) -> usize {
    configured.min(total.div_ceil(2))
}
