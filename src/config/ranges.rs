//! The bounds of every number.

use std::ops::RangeInclusive;

use super::error::ConfigError;
use super::raw::Raw;
use crate::chat::limits::FRAME_BYTES;

const MILLION: u64 = 1_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// A frame of the largest size must fit.
const FRAME_BYTES_MIN: u64 = FRAME_BYTES as u64;

/// A number and the bounds of its key.
struct Number {
    key: &'static str,
    value: u64,
    range: RangeInclusive<u64>,
}

fn number(key: &'static str, value: impl TryInto<u64>, range: RangeInclusive<u64>) -> Number {
    Number {
        key,
        value: value.try_into().unwrap_or(u64::MAX),
        range,
    }
}

/// Refuses the first number that is out of its range.
pub(super) fn check_ranges(raw: &Raw) -> Result<(), ConfigError> {
    for Number { key, value, range } in numbers(raw) {
        if !range.contains(&value) {
            let problem = format!(
                "{value} is out of range; it must be {} to {}",
                range.start(),
                range.end()
            );
            return Err(ConfigError::invalid(key, problem));
        }
    }
    Ok(())
}

fn numbers(raw: &Raw) -> Vec<Number> {
    let (server, storage, rooms, socket) = (&raw.server, &raw.storage, &raw.rooms, &raw.socket);
    let mut numbers = vec![
        // The process ends within 12 s of SIGTERM, closing the store included.
        number(
            "server.drain_timeout_ms",
            server.drain_timeout_ms,
            100..=8_000,
        ),
        number(
            "server.max_connections",
            server.max_connections,
            0..=MILLION,
        ),
        number(
            "server.stall_timeout_ms",
            server.stall_timeout_ms,
            100..=DAY_MS,
        ),
        number(
            "server.stalled_bytes",
            server.stalled_bytes,
            FRAME_BYTES_MIN..=1 << 40,
        ),
        number("storage.queue_items", storage.queue_items, 1..=MILLION),
        number("storage.batch_items", storage.batch_items, 1..=100_000),
        number("storage.readers", storage.readers, 1..=64),
        number("backup.every_ms", raw.backup.every_ms, 0..=366 * DAY_MS),
        number(
            "backup.min_free_bytes",
            raw.backup.min_free_bytes,
            0..=1 << 50,
        ),
        number("alerts.escalate_ms", raw.alerts.escalate_ms, 0..=7 * DAY_MS),
        number("alerts.mail_ms", raw.alerts.mail_ms, 0..=7 * DAY_MS),
        number(
            "retention.closed_days",
            raw.retention.closed_days,
            0..=36_500,
        ),
        number("retention.spam_days", raw.retention.spam_days, 0..=36_500),
        number("mail.after_ms", raw.mail.after_ms, 0..=7 * DAY_MS),
        number("rooms.idle_timeout_ms", rooms.idle_timeout_ms, 0..=DAY_MS),
        number(
            "rooms.presence_grace_ms",
            rooms.presence_grace_ms,
            0..=DAY_MS,
        ),
        number(
            "socket.hello_timeout_ms",
            socket.hello_timeout_ms,
            50..=DAY_MS,
        ),
        number(
            "socket.ping_interval_ms",
            socket.ping_interval_ms,
            50..=DAY_MS,
        ),
        number(
            "socket.pong_timeout_ms",
            socket.pong_timeout_ms,
            50..=DAY_MS,
        ),
        number(
            "socket.post_timeout_ms",
            socket.post_timeout_ms,
            50..=DAY_MS,
        ),
        number(
            "socket.reconnect_window_ms",
            socket.reconnect_window_ms,
            0..=DAY_MS,
        ),
        number("socket.outbox_items", socket.outbox_items, 16..=MILLION),
        number("socket.outbox_bytes", socket.outbox_bytes, 4_096..=1 << 30),
    ];
    numbers.extend(limits(raw));
    numbers
}

fn limits(raw: &Raw) -> Vec<Number> {
    let limits = &raw.limits;
    let bytes_burst = limits.frame_bytes_burst;
    vec![
        number(
            "limits.posts_per_second",
            limits.posts_per_second,
            1..=MILLION,
        ),
        number("limits.posts_burst", limits.posts_burst, 1..=MILLION),
        number(
            "limits.calls_per_second",
            limits.calls_per_second,
            1..=MILLION,
        ),
        number("limits.calls_burst", limits.calls_burst, 1..=MILLION),
        number(
            "limits.logins_per_15_min",
            limits.logins_per_15_min,
            1..=MILLION,
        ),
        number(
            "limits.rooms_per_minute",
            limits.rooms_per_minute,
            1..=MILLION,
        ),
        number("limits.rooms_burst", limits.rooms_burst, 1..=MILLION),
        number(
            "limits.rooms_per_minute_by_visitor",
            limits.rooms_per_minute_by_visitor,
            1..=MILLION,
        ),
        number(
            "limits.rooms_burst_by_visitor",
            limits.rooms_burst_by_visitor,
            1..=MILLION,
        ),
        number(
            "limits.hellos_per_second",
            limits.hellos_per_second,
            1..=MILLION,
        ),
        number("limits.hellos_burst", limits.hellos_burst, 1..=MILLION),
        number(
            "limits.connections_per_address",
            limits.connections_per_address,
            1..=MILLION,
        ),
        number(
            "limits.sockets_per_address",
            limits.sockets_per_address,
            1..=MILLION,
        ),
        number(
            "limits.sockets_per_visitor",
            limits.sockets_per_visitor,
            1..=MILLION,
        ),
        number(
            "limits.sockets_per_agent",
            limits.sockets_per_agent,
            1..=MILLION,
        ),
        number(
            "limits.frames_per_second",
            limits.frames_per_second,
            1..=MILLION,
        ),
        number("limits.frames_burst", limits.frames_burst, 1..=MILLION),
        number(
            "limits.frame_bytes_per_second",
            limits.frame_bytes_per_second,
            1..=1_000 * MILLION,
        ),
        number(
            "limits.frame_bytes_burst",
            bytes_burst,
            FRAME_BYTES_MIN..=1_000 * MILLION,
        ),
    ]
}
