//! The metrics of a running server, in Prometheus' text format at `/metrics`.
//!
//! The recorder belongs to one server, not to the process, so that two servers in one test count
//! separately. Handles are registered once and given to whoever counts.

mod descriptions;
mod requests;

use std::sync::Arc;

use ::metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::actors::ActorMetrics;
use crate::canary::CanaryMetrics;
use crate::chat::Side;
use crate::cluster::ClusterMetrics;
use crate::jobs::schedule::BackupMetrics;
use crate::mail::MailMetrics;
use crate::persistence::{QuarantineReason, StoreMetrics};
use crate::protocol::ErrorCode;
use crate::tls::TlsMetrics;

const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Seconds: an fsync takes a tenth of a millisecond on a good disk and seconds on a dying one.
const COMMIT_SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Writes that share a commit: powers of two up to the largest batch.
const COMMIT_ITEMS: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];

/// The result of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginResult {
    /// A session was created.
    Ok,
    /// A wrong name or password, or a disabled agent.
    Refused,
    /// Too many attempts.
    Limited,
}

impl LoginResult {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Limited => "limited",
        }
    }
}

/// The metrics of one server. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    visitor_sockets: Gauge,
    agent_sockets: Gauge,
    outbox_overflows: Counter,
    store: StoreMetrics,
    actors: ActorMetrics,
    canary: CanaryMetrics,
    tls: TlsMetrics,
    stalled_connections_closed: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// New metrics, all at zero.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full("shoptalk_commit_seconds".into()),
                COMMIT_SECONDS,
            )
            .and_then(|builder| {
                builder.set_buckets_for_metric(
                    Matcher::Full("shoptalk_canary_seconds".into()),
                    COMMIT_SECONDS,
                )
            })
            .and_then(|builder| {
                builder.set_buckets_for_metric(
                    Matcher::Full("shoptalk_commit_items".into()),
                    COMMIT_ITEMS,
                )
            })
            .expect("the buckets are not empty")
            .build_recorder();
        descriptions::describe(&recorder);
        let counter =
            |name: &'static str| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let gauge =
            |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let histogram = |name: &'static str| {
            recorder.register_histogram(&Key::from_static_name(name), &METADATA)
        };
        let sockets = |side: &'static str| {
            let key = Key::from_parts("shoptalk_sockets", vec![Label::new("side", side)]);
            recorder.register_gauge(&key, &METADATA)
        };
        let messages = ["customer", "admin", "system"].map(|sender| {
            let key = Key::from_parts(
                "shoptalk_messages_total",
                vec![Label::new("sender", sender)],
            );
            recorder.register_counter(&key, &METADATA)
        });
        let inner = Inner {
            visitor_sockets: sockets("visitor"),
            agent_sockets: sockets("agent"),
            outbox_overflows: counter("shoptalk_outbox_overflows_total"),
            store: StoreMetrics {
                commit_seconds: histogram("shoptalk_commit_seconds"),
                commit_items: histogram("shoptalk_commit_items"),
                commit_failures: counter("shoptalk_commit_failures_total"),
            },
            actors: ActorMetrics {
                rooms_live: gauge("shoptalk_rooms_live"),
                messages,
                room_restarts: counter("shoptalk_room_restarts_total"),
                lobby_restarts: counter("shoptalk_lobby_restarts_total"),
            },
            canary: CanaryMetrics {
                up: gauge("shoptalk_canary_up"),
                last_success: gauge("shoptalk_canary_last_success_timestamp_seconds"),
                seconds: histogram("shoptalk_canary_seconds"),
                failures: counter("shoptalk_canary_failures_total"),
            },
            tls: TlsMetrics {
                certificate_expiry: gauge("shoptalk_tls_certificate_expiry_timestamp_seconds"),
                renewal_failures: counter("shoptalk_tls_renewal_failures_total"),
            },
            stalled_connections_closed: counter("shoptalk_unread_answers_dropped_total"),
            handle: recorder.handle(),
            recorder,
        };
        Self(Arc::new(inner))
    }

    /// The metrics of the store.
    pub fn store(&self) -> StoreMetrics {
        self.0.store.clone()
    }

    /// The metrics of the actors.
    pub fn actors(&self) -> ActorMetrics {
        self.0.actors.clone()
    }

    /// The metrics of the canary.
    pub(crate) fn canary(&self) -> CanaryMetrics {
        self.0.canary.clone()
    }

    /// The metrics of backups. A server that makes none does not have them.
    pub(crate) fn backup(&self) -> BackupMetrics {
        let recorder = &self.0.recorder;
        let gauge =
            |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let failures = Key::from_static_name("shoptalk_backup_failures_total");
        BackupMetrics {
            last_success: gauge("shoptalk_backup_last_success_timestamp_seconds"),
            bytes: gauge("shoptalk_backup_bytes"),
            seconds: gauge("shoptalk_backup_seconds"),
            failures: recorder.register_counter(&failures, &METADATA),
        }
    }

    /// How many changes a follower has not seen yet.
    pub(crate) fn follower_lag(&self, name: &'static str) -> Gauge {
        let labels = vec![Label::new("follower", name)];
        let key = Key::from_parts("shoptalk_follower_lag_changes", labels);
        self.0.recorder.register_gauge(&key, &METADATA)
    }

    /// The metrics of mail. They are exported from the first call on.
    pub(crate) fn mail(&self) -> MailMetrics {
        let recorder = &self.0.recorder;
        let counter =
            |name: &'static str| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let labelled = |name: &'static str, label: &'static str, value: &'static str| {
            let key = Key::from_parts(name, vec![Label::new(label, value)]);
            recorder.register_counter(&key, &METADATA)
        };
        let quarantined = |reason: QuarantineReason| {
            labelled("shoptalk_mail_quarantined_total", "reason", reason.as_str())
        };
        let imap_up = Key::from_static_name("shoptalk_mail_imap_up");
        MailMetrics {
            sent: ["answers", "transcript", "alert"]
                .map(|kind| labelled("shoptalk_mail_sent_total", "kind", kind)),
            postponed: counter("shoptalk_mail_postponed_total"),
            failed: counter("shoptalk_mail_failed_total"),
            dropped: counter("shoptalk_mail_dropped_total"),
            received: counter("shoptalk_mail_received_total"),
            quarantined: QuarantineReason::ALL.into_iter().map(quarantined).collect(),
            imap_up: recorder.register_gauge(&imap_up, &METADATA),
        }
    }

    /// The metrics of TLS.
    pub(crate) fn tls(&self) -> TlsMetrics {
        self.0.tls.clone()
    }

    /// The metrics of a node that shares its store. They are exported from the first call on.
    pub(crate) fn cluster(&self, has_bus: bool) -> ClusterMetrics {
        let recorder = &self.0.recorder;
        let gauge =
            |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let notices = |name: &'static str| {
            let key = Key::from_static_name(name);
            recorder.register_counter(&key, &METADATA)
        };
        ClusterMetrics {
            poll_age: gauge("shoptalk_store_poll_age_seconds"),
            nodes_alive: gauge("shoptalk_nodes_alive"),
            lag_changes: gauge("shoptalk_node_lag_changes"),
            // Without a bus there is none that could be away.
            bus_up: match has_bus {
                true => gauge("shoptalk_bus_up"),
                false => Gauge::noop(),
            },
            published: notices("shoptalk_notices_published_total"),
            dropped: notices("shoptalk_notices_dropped_total"),
            received: notices("shoptalk_notices_received_total"),
            ignored: notices("shoptalk_notices_ignored_total"),
        }
    }

    /// A TLS handshake led to no connection: it was refused, took too long or was replaced.
    pub(crate) fn tls_handshake_failed(&self, reason: &'static str) {
        self.count(
            "shoptalk_tls_handshakes_failed_total",
            vec![Label::new("reason", reason)],
        );
    }

    /// Open sockets of one side.
    pub fn sockets(&self, side: Side) -> &Gauge {
        match side {
            Side::Visitor => &self.0.visitor_sockets,
            Side::Agent => &self.0.agent_sockets,
        }
    }

    /// A socket was closed because its outbox was full.
    pub fn outbox_overflowed(&self) {
        self.0.outbox_overflows.increment(1);
    }

    /// A connection was refused because of a bound, `in_all` or `by_address`.
    pub(crate) fn connection_refused(&self, bound: &'static str) {
        self.count(
            "shoptalk_connections_refused_total",
            vec![Label::new("bound", bound)],
        );
    }

    /// A plain connection was closed because its peer did not read.
    pub(crate) fn stalled_connection_closed(&self) {
        self.0.stalled_connections_closed.increment(1);
    }

    /// A post was refused.
    pub fn post_refused(&self, reason: ErrorCode) {
        self.count(
            "shoptalk_posts_refused_total",
            vec![Label::new("reason", reason.as_str())],
        );
    }

    /// An attempt to sign in has ended.
    pub fn login(&self, result: LoginResult) {
        self.count(
            "shoptalk_logins_total",
            vec![Label::new("result", result.as_str())],
        );
    }

    /// A request got its response. `route` is the route's pattern, not the requested path, so that there
    /// are few labels.
    pub fn http_request(&self, route: &str, status: u16) {
        self.count(
            "shoptalk_http_requests_total",
            vec![
                Label::new("route", route.to_owned()),
                Label::new("status", status.to_string()),
            ],
        );
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.handle.render()
    }

    /// Moves measured values into their histograms. Call it every few seconds; otherwise values would
    /// pile up while nobody reads the metrics.
    pub fn upkeep(&self) {
        self.0.handle.run_upkeep();
    }

    fn count(&self, name: &'static str, labels: Vec<Label>) {
        let key = Key::from_parts(name, labels);
        self.0
            .recorder
            .register_counter(&key, &METADATA)
            .increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_servers_count_separately_and_histograms_have_buckets() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.store().commit_seconds.record(0.000_3);
        one.sockets(Side::Visitor).increment(1.0);
        one.login(LoginResult::Ok);
        one.http_request("/healthz", 200);
        let text = one.render();
        for line in [
            r#"shoptalk_commit_seconds_bucket{le="0.0005"} 1"#,
            r#"shoptalk_sockets{side="visitor"} 1"#,
            r#"shoptalk_logins_total{result="ok"} 1"#,
            r#"shoptalk_http_requests_total{route="/healthz",status="200"} 1"#,
            r#"shoptalk_messages_total{sender="customer"} 0"#,
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert!(
            other
                .render()
                .contains(r#"shoptalk_sockets{side="visitor"} 0"#)
        );
    }

    #[test]
    fn a_server_that_makes_no_backups_has_no_metrics_of_them() {
        let metrics = Metrics::new();
        assert!(!metrics.render().contains("shoptalk_backup_bytes 0"));
        metrics.backup().failures.increment(1);
        let text = metrics.render();
        assert!(text.contains("shoptalk_backup_bytes 0"), "{text}");
        assert!(text.contains("shoptalk_backup_failures_total 1"), "{text}");
    }
}
