//! What each metric is, as `/metrics` says it.

use ::metrics::Recorder;
use metrics_exporter_prometheus::PrometheusRecorder;

/// Describes every metric.
pub(super) fn describe(recorder: &PrometheusRecorder) {
    for (name, help) in [
        ("shoptalk_sockets", "Open sockets by side"),
        ("shoptalk_rooms_live", "Rooms with a live actor"),
        (
            "shoptalk_canary_up",
            "1 when the last health check succeeded (commit, read, room, lobby), else 0",
        ),
        (
            "shoptalk_canary_last_success_timestamp_seconds",
            "When a health check last succeeded; checks are 15 s apart",
        ),
        (
            "shoptalk_backup_last_success_timestamp_seconds",
            "When the newest good automatic backup was made; 0 if there is none",
        ),
        (
            "shoptalk_backup_bytes",
            "Size of the newest good automatic backup",
        ),
        (
            "shoptalk_backup_seconds",
            "Seconds that the newest automatic backup took, verification included",
        ),
        (
            "shoptalk_store_poll_age_seconds",
            "Seconds since the newest look at PostgreSQL that succeeded",
        ),
        (
            "shoptalk_nodes_alive",
            "Nodes on the database whose lease has not ended",
        ),
        (
            "shoptalk_node_lag_changes",
            "Changes of other nodes that this node knows of and has not passed on",
        ),
        (
            "shoptalk_mail_imap_up",
            "1 while the mailbox of replies is connected, else 0",
        ),
        (
            "shoptalk_follower_lag_changes",
            "Changes that what happens after a commit has not seen yet, by follower",
        ),
        ("shoptalk_bus_up", "1 while the bus is connected, else 0"),
        (
            "shoptalk_tls_certificate_expiry_timestamp_seconds",
            "When the certificate expires; 0 without TLS and before the first certificate",
        ),
    ] {
        recorder.describe_gauge(name.into(), None, help.into());
    }
    for (name, help) in [
        (
            "shoptalk_commit_seconds",
            "Seconds that a commit took, fsync included",
        ),
        ("shoptalk_commit_items", "Writes that shared a commit"),
        (
            "shoptalk_canary_seconds",
            "Seconds that a health check took",
        ),
    ] {
        recorder.describe_histogram(name.into(), None, help.into());
    }
    for (name, help) in [
        ("shoptalk_messages_total", "Messages committed, by sender"),
        (
            "shoptalk_tls_renewal_failures_total",
            "Certificates that could not be got by ACME, and files that were refused",
        ),
        (
            "shoptalk_tls_handshakes_failed_total",
            "TLS handshakes that failed, by reason",
        ),
        (
            "shoptalk_posts_refused_total",
            "Posts answered with an error, by its code",
        ),
        ("shoptalk_commit_failures_total", "Commits that failed"),
        (
            "shoptalk_outbox_overflows_total",
            "Sockets closed because they read too slowly",
        ),
        (
            "shoptalk_connections_refused_total",
            "Connections refused because of a limit, in all or by address",
        ),
        (
            "shoptalk_unread_answers_dropped_total",
            "Connections closed because a response was not read",
        ),
        (
            "shoptalk_room_restarts_total",
            "Rooms that failed and were restarted",
        ),
        (
            "shoptalk_lobby_restarts_total",
            "Lobbies that failed and were replaced",
        ),
        (
            "shoptalk_http_requests_total",
            "Requests answered, by route and status",
        ),
        ("shoptalk_logins_total", "Sign-ins, by result"),
        (
            "shoptalk_push_messages_total",
            "Messages to agents' devices, by what became of them",
        ),
        (
            "shoptalk_push_retries_total",
            "Attempts to reach a push service after the first one",
        ),
        (
            "shoptalk_cards_requests_total",
            "Requests to the shop's server for cards, by outcome",
        ),
        (
            "shoptalk_canary_failures_total",
            "Health checks that failed",
        ),
        (
            "shoptalk_notices_published_total",
            "Notices for other nodes, put into the queue of the bus",
        ),
        (
            "shoptalk_notices_dropped_total",
            "Notices for which the queue of the bus had no room",
        ),
        ("shoptalk_notices_received_total", "Notices of other nodes"),
        (
            "shoptalk_notices_ignored_total",
            "Frames on the bus that are no notice that this version understands",
        ),
        (
            "shoptalk_mail_sent_total",
            "Mails that the relay has taken, by kind",
        ),
        (
            "shoptalk_mail_postponed_total",
            "Attempts to send a mail that failed and are repeated",
        ),
        (
            "shoptalk_mail_failed_total",
            "Mails that were refused for good or waited too long",
        ),
        (
            "shoptalk_mail_dropped_total",
            "Mails that were not needed any more before they were sent",
        ),
        (
            "shoptalk_mail_received_total",
            "Replies by mail that became messages",
        ),
        (
            "shoptalk_mail_quarantined_total",
            "Mails that came in and became no message, by reason",
        ),
        (
            "shoptalk_backup_failures_total",
            "Automatic backups that failed",
        ),
    ] {
        recorder.describe_counter(name.into(), None, help.into());
    }
}
