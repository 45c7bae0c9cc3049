//! `shoptalk doctor`: what is wrong with the proxy, the addresses, the disk, the clock, mail and
//! the shop's cards.
//!
//! A doctor collects [`Observations`] and judges them afterwards. Who collects is one of two: the
//! command ([`probe`]), or the console in the agent's own browser, which sends what it saw to the
//! server. `judge` is pure and the same for both, so both use the same words; `advice` has the
//! lines of the proxies' configurations. `machine` looks at the computer that the server runs on,
//! `upkeep` has backups and the certificate, `cards` asks the shop's server, `mail` tries the mail servers.
//!
//! What only the server can know of a request, such as the client's address, it reports to admins
//! and to holders of a [`DoctorCode`], which the command gets through the control socket.

mod advice;
mod cards;
mod check;
mod code;
mod judge;
mod machine;
mod mail;
mod observations;
pub mod probe;
mod upkeep;

pub use advice::{Advice, Proxy};
pub use cards::{CardsSeen, judge_cards, look_at_cards};
pub use check::{Check, Finding, Level};
pub use code::DoctorCode;
pub use judge::{judge, quiet_is_needless};
pub use machine::{Machine, judge_machine, look_at_machine};
pub use mail::{MailSeen, judge_mail, look_at_mail};
pub use observations::{
    BodyProbe, Certificate, ClockProbe, Observations, QuietProbe, Seen, UpgradeProbe, Validity,
    WidgetProbe,
};
pub use upkeep::{BackupsSeen, CertificateSeen, judge_backups, judge_certificate, judge_service};

/// The time between the frames that the server sends first on the doctor's socket.
pub const TICK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(250);
/// How many of these frames there are.
pub const TICKS: usize = 4;
/// How long a socket is kept quiet: longer than proxies wait by default.
pub const QUIET_SECONDS: u64 = 120;
/// The longest silence that a doctor may ask for.
pub const QUIET_SECONDS_MAX: u64 = 600;
/// An address that no client has (RFC 5737), for the forged header.
pub const FORGED_ADDRESS: std::net::IpAddr =
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 77));
/// An origin that no page has (RFC 2606).
pub const FOREIGN_ORIGIN: &str = "https://foreign.invalid";
/// Bytes of the request body: the longest message of four-byte characters, escaped, fits.
pub const BODY_BYTES: usize = 100 * 1024;
