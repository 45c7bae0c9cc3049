//! The judgements: pure functions from what was seen to findings.

mod addresses;
mod widget;

use super::advice::{Proxy, advice};
use super::check::{Check, Finding};
use super::observations::{Observations, QuietProbe, UpgradeProbe};
use super::upkeep::judge_validity;
use super::{TICK_INTERVAL, TICKS};
use crate::protocol::SUBPROTOCOL;

/// A clock that differs by more than this refuses signed identities, which have no leeway.
const CLOCK_TOLERANCE_MS: i64 = 5_000;
/// Pings come at least this often, so a silence of this length is rare but legal.
const LONGEST_PING_S: u64 = 40;

/// Judges everything that was tried, in a fixed order.
pub fn judge(seen: &Observations) -> Vec<Finding> {
    let judge = Judge {
        seen,
        proxy: seen.server_header.as_deref().and_then(Proxy::named_by),
    };
    if seen.unreachable.is_some() || certificate_refused(seen) {
        // Without a response, all other checks would only repeat this.
        return [judge.certificate(), judge.reach()]
            .into_iter()
            .flatten()
            .collect();
    }
    [
        judge.reach(),
        judge.certificate(),
        judge.public_url(),
        judge.upgrade(),
        judge.http_version(),
        judge.subprotocol(),
        judge.origin(),
        judge.forged_address(),
        judge.client_address(),
        judge.buffering(),
        judge.quiet(),
        judge.widget(),
        judge.body(),
        judge.clock(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Why no socket has to be kept quiet: nothing is in between that could cut one. `None` if that is
/// not certain.
pub fn quiet_is_needless(seen: &Observations) -> Option<Finding> {
    let direct = seen.seen.as_ref().is_some_and(|server| {
        server.peer_is_loopback && seen.local_address.as_ref() == Some(&server.peer)
    });
    direct.then(|| {
        Finding::skipped(
            Check::Quiet,
            "nothing is between the doctor and the server; --quiet SECONDS keeps one quiet all the same",
        )
    })
}

fn certificate_refused(seen: &Observations) -> bool {
    seen.certificate
        .as_ref()
        .is_some_and(|certificate| certificate.refused.is_some())
}

struct Judge<'a> {
    seen: &'a Observations,
    proxy: Option<Proxy>,
}

impl Judge<'_> {
    fn proxy_problem(&self, check: Check, detail: impl Into<String>) -> Option<Finding> {
        let lines = advice(check, self.proxy);
        Some(Finding::proxy_problem(check, detail, lines))
    }

    fn reach(&self) -> Option<Finding> {
        let origin = &self.seen.origin;
        if let Some(why) = &self.seen.unreachable {
            return self.proxy_problem(
                Check::Reach,
                format!("{origin} cannot be reached: {why}. Is the server running, and does the proxy forward to it?"),
            );
        }
        // Either response shows that the server can be reached.
        (self.seen.upgrade.is_some() || self.seen.widget.is_some())
            .then(|| Finding::ok(Check::Reach, format!("responds at {origin}")))
    }

    fn certificate(&self) -> Option<Finding> {
        let certificate = self.seen.certificate.as_ref()?;
        match &certificate.refused {
            Some(why) => self.proxy_problem(
                Check::Certificate,
                format!("the certificate of {} is refused: {why}", self.seen.origin),
            ),
            None => Some(match certificate.validity {
                Some(validity) => judge_validity(
                    &format!("the certificate of {}", self.seen.origin),
                    validity,
                    "renew it where TLS ends: in the proxy, or in the files of server.tls_cert and server.tls_key",
                ),
                None => Finding::ok(Check::Certificate, "valid for this name"),
            }),
        }
    }

    fn public_url(&self) -> Option<Finding> {
        let origin = &self.seen.origin;
        let Some(seen) = &self.seen.seen else {
            let why = self.seen.unseen.as_ref()?;
            return Some(Finding::skipped(
                Check::PublicUrl,
                format!("what the server sees could not be read: {why}"),
            ));
        };
        if seen.own_origins.contains(origin) {
            return Some(Finding::ok(
                Check::PublicUrl,
                format!("{origin} is the server's own origin"),
            ));
        }
        let own = seen.own_origins.first().map_or("", String::as_str);
        let detail = if !seen.has_public_url {
            format!(
                "server.public_url is not set, so the console and cookies do not work at {origin}; set server.public_url = \"{origin}\""
            )
        } else if scheme(origin) != scheme(own) {
            format!(
                "the URL's scheme is {}, but server.public_url is {own}, so cookies and the console do not work here; open {own}, or set server.public_url = \"{origin}\"",
                scheme(origin)
            )
        } else {
            format!(
                "server.public_url is {own}, so the console does not work at {origin}; open {own}, or set server.public_url = \"{origin}\""
            )
        };
        Some(Finding::problem(Check::PublicUrl, detail))
    }

    fn upgrade(&self) -> Option<Finding> {
        let upgrade = self.seen.upgrade.as_ref()?;
        if upgrade.opened {
            return Some(Finding::ok(Check::Upgrade, "a WebSocket opens"));
        }
        match (&upgrade.refusal, upgrade.status) {
            // Judged as the origin.
            (Some(refusal), Some(403)) => Some(Finding::skipped(
                Check::Upgrade,
                format!("refused for its origin: {refusal}"),
            )),
            (Some(refusal), Some(429 | 503)) => Some(Finding::skipped(
                Check::Upgrade,
                format!("the server refuses at the moment: {refusal}"),
            )),
            (Some(refusal), _) => self.proxy_problem(
                Check::Upgrade,
                format!("no WebSocket can be opened: the server got a request without the headers of an upgrade ({refusal})"),
            ),
            (None, Some(status)) => self.proxy_problem(
                Check::Upgrade,
                format!("no WebSocket can be opened: the proxy responded with {status}"),
            ),
            (None, None) => {
                self.proxy_problem(Check::Upgrade, "no WebSocket can be opened through the proxy")
            }
        }
    }

    fn http_version(&self) -> Option<Finding> {
        let version = &self.seen.seen.as_ref()?.http_version;
        if version == "HTTP/1.1" {
            return Some(Finding::ok(Check::HttpVersion, "HTTP/1.1 to the server"));
        }
        self.proxy_problem(
            Check::HttpVersion,
            format!("the proxy speaks {version} to the server, which knows WebSockets over HTTP/1.1 only"),
        )
    }

    fn subprotocol(&self) -> Option<Finding> {
        let upgrade = self.seen.upgrade.as_ref()?;
        let passed_in = self
            .seen
            .unknown_subprotocol
            .as_ref()
            .is_none_or(|unknown| !unknown.opened);
        if !upgrade.opened {
            return None;
        }
        if upgrade.subprotocol.as_deref() == Some(SUBPROTOCOL) && passed_in {
            return Some(Finding::ok(
                Check::Subprotocol,
                format!("{SUBPROTOCOL} passes"),
            ));
        }
        self.proxy_problem(
            Check::Subprotocol,
            "the proxy removes the header Sec-WebSocket-Protocol, and browsers then close the socket",
        )
    }

    fn buffering(&self) -> Option<Finding> {
        let ticks = self.seen.ticks_ms.as_ref()?;
        if ticks.len() < TICKS {
            return self.proxy_problem(
                Check::Buffering,
                format!(
                    "only {} of {TICKS} frames arrived on the doctor's socket",
                    ticks.len()
                ),
            );
        }
        // Frames that were held back arrive together.
        let span = ticks.last().copied().unwrap_or(0);
        let sent_over = u64::try_from(TICK_INTERVAL.as_millis()).unwrap_or(u64::MAX)
            * u64::try_from(TICKS - 1).unwrap_or(1);
        if span < sent_over / 2 {
            return self.proxy_problem(
                Check::Buffering,
                format!("frames that were sent over {sent_over} ms arrived within {span} ms: the proxy, or a virus scanner in between, holds them back"),
            );
        }
        Some(Finding::ok(
            Check::Buffering,
            "frames arrive when they are sent",
        ))
    }

    fn quiet(&self) -> Option<Finding> {
        let QuietProbe {
            wanted_s,
            lasted_s,
            was_cut,
        } = self.seen.quiet.as_ref()?;
        if !was_cut {
            return Some(Finding::ok(
                Check::Quiet,
                format!("open after {wanted_s} quiet seconds"),
            ));
        }
        let consequence = if *lasted_s < LONGEST_PING_S {
            "sockets break all the time, since pings come every 20 to 30 seconds"
        } else {
            "the server's pings keep sockets open, but one that is late breaks them"
        };
        self.proxy_problem(
            Check::Quiet,
            format!("a quiet socket was cut after {lasted_s} s: {consequence}"),
        )
    }

    fn body(&self) -> Option<Finding> {
        let body = self.seen.body.as_ref()?;
        if body.is_from_server {
            return Some(Finding::ok(
                Check::BodySize,
                format!("{} bytes pass", body.bytes),
            ));
        }
        self.proxy_problem(
            Check::BodySize,
            format!(
                "a request of {} bytes was refused with {} before it reached the server, which takes up to 131072",
                body.bytes, body.status
            ),
        )
    }

    fn clock(&self) -> Option<Finding> {
        let clock = self.seen.clock.as_ref()?;
        let behind_ms = clock.local_ms - clock.server_ms;
        // The server read its clock at an unknown moment of the round trip.
        let certain_ms = behind_ms.abs() - clock.round_trip_ms / 2;
        if certain_ms <= CLOCK_TOLERANCE_MS {
            return Some(Finding::ok(
                Check::Clock,
                "the server's clock and this one agree",
            ));
        }
        let (seconds, side) = (
            behind_ms.abs() / 1_000,
            if behind_ms > 0 { "behind" } else { "ahead of" },
        );
        Some(Finding::problem(
            Check::Clock,
            format!(
                "the server's clock is {seconds} s {side} this one; signed identities end too late or too early. Turn on time synchronisation where the clock is wrong, for example with: timedatectl set-ntp true"
            ),
        ))
    }
}

fn opened(upgrade: Option<&UpgradeProbe>) -> bool {
    upgrade.is_some_and(|upgrade| upgrade.opened)
}

fn scheme(origin: &str) -> &str {
    origin.split(':').next().unwrap_or(origin)
}

#[cfg(test)]
mod tests;
