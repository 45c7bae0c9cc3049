//! What is checked, and what a check finds.

use serde::Serialize;
use utoipa::ToSchema;

use super::advice::Advice;

/// All checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Check {
    /// The server responds at its URL.
    Reach,
    /// The certificate is valid, and will be for a while.
    Certificate,
    /// The URL's scheme, host and port are those of `server.public_url`.
    PublicUrl,
    /// A WebSocket can be opened.
    Upgrade,
    /// The proxy speaks HTTP/1.1 to the server.
    HttpVersion,
    /// The WebSocket's subprotocol passes in both directions.
    Subprotocol,
    /// The header `Origin` passes unchanged.
    Origin,
    /// A client cannot choose its own address.
    ForgedAddress,
    /// The server sees the client's address, not the proxy's.
    ClientAddress,
    /// Frames arrive when they are sent.
    Buffering,
    /// A socket survives silence.
    Quiet,
    /// Browsers get the present widget.
    Widget,
    /// The largest message passes.
    BodySize,
    /// The clocks agree.
    Clock,
    /// The data directory exists and belongs to the server.
    DataDirectory,
    /// The directory is on a local disk.
    FileSystem,
    /// The disk confirms a write in reasonable time.
    Fsync,
    /// The limit of open files is high enough.
    OpenFiles,
    /// There is room on the disk.
    FreeSpace,
    /// There is a recent backup.
    Backup,
    /// The database in PostgreSQL can be used, and customers' words are safe on the way to it.
    Database,
    /// The bus between nodes can be used, and customers' words are safe on it.
    Bus,
    /// The relay takes the server's mail.
    MailRelay,
    /// The mailbox that replies arrive in can be read.
    Mailbox,
    /// The shop's server has cards about customers.
    Cards,
    /// It refuses to show them to others.
    CardsSignature,
}

impl Check {
    /// The name as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Reach => "Server",
            Self::Certificate => "Certificate",
            Self::PublicUrl => "Public URL",
            Self::Upgrade => "WebSocket upgrade",
            Self::HttpVersion => "HTTP version",
            Self::Subprotocol => "WebSocket subprotocol",
            Self::Origin => "Origin",
            Self::ForgedAddress => "Forged address",
            Self::ClientAddress => "Client address",
            Self::Buffering => "Buffering",
            Self::Quiet => "Quiet socket",
            Self::Widget => "Widget cache",
            Self::BodySize => "Body size",
            Self::Clock => "Clock",
            Self::DataDirectory => "Data directory",
            Self::FileSystem => "File system",
            Self::Fsync => "Disk sync",
            Self::OpenFiles => "Open files",
            Self::FreeSpace => "Free space",
            Self::Backup => "Backup",
            Self::Database => "PostgreSQL",
            Self::Bus => "NATS",
            Self::MailRelay => "Mail relay",
            Self::Mailbox => "Mailbox",
            Self::Cards => "Cards",
            Self::CardsSignature => "Cards signature",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Level {
    /// All is well.
    Ok,
    /// It could not be checked, and why.
    Skipped,
    /// Something has to be changed.
    Problem,
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// Its name for people.
    pub title: String,
    /// How it ended.
    pub level: Level,
    /// What was seen and, for a problem, what to do.
    pub detail: String,
    /// The lines to change in the proxy's configuration.
    pub advice: Vec<Advice>,
}

impl Finding {
    pub(super) fn ok(check: Check, detail: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, detail, Vec::new())
    }

    pub(super) fn skipped(check: Check, detail: impl Into<String>) -> Self {
        Self::new(check, Level::Skipped, detail, Vec::new())
    }

    /// A problem that the machine's or the server's configuration solves.
    pub(super) fn problem(check: Check, detail: impl Into<String>) -> Self {
        Self::new(check, Level::Problem, detail, Vec::new())
    }

    /// A problem that the proxy's configuration solves.
    pub(super) fn proxy_problem(
        check: Check,
        detail: impl Into<String>,
        advice: Vec<Advice>,
    ) -> Self {
        Self::new(check, Level::Problem, detail, advice)
    }

    fn new(check: Check, level: Level, detail: impl Into<String>, advice: Vec<Advice>) -> Self {
        Self {
            check,
            title: check.title().to_owned(),
            level,
            detail: detail.into(),
            advice,
        }
    }
}
