//! What both sides' transcripts share.

use axum::http::StatusCode;

use crate::chat::RoomRecord;
use crate::chat::limits::{EMAIL_CHARS, check_line};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::mail::{Asker, is_address};
use crate::persistence::Queued;
use crate::protocol::ErrorCode;

/// How long to wait once a budget of a day is used up.
const WAIT_MS: u64 = 60 * 60 * 1_000;

/// Checks an address that somebody has typed.
pub(super) fn mail_address(value: Option<&str>) -> Result<Option<String>, Problem> {
    let address = check_line("email", value, EMAIL_CHARS)
        .map_err(|violation| Problem::invalid(vec![violation]))?;
    match address {
        Some(address) if !is_address(&address) => Err(Problem::invalid_field(
            "email",
            "must be an address, such as ada@example.com",
        )),
        address => Ok(address),
    }
}

/// Queues the mail with a room's messages.
pub(super) async fn queue(
    state: &AppState,
    record: &RoomRecord,
    address: &str,
    asker: Asker,
) -> Result<StatusCode, Problem> {
    if !state.mail.sends() {
        let detail = "this server sends no mail; its operator can set mail.smtp_url";
        return Err(Problem::new(ErrorCode::NotFound, detail));
    }
    if !is_address(address) {
        let message = "is no address that mail can be sent to";
        return Err(Problem::invalid_field("email", message));
    }
    if record.room.last_seq == 0 {
        let detail = "there are no messages yet";
        return Err(Problem::new(ErrorCode::Conflict, detail));
    }
    let (room, until) = (record.room.id, record.room.last_seq);
    let queued = state.mail.queue_transcript(room, until, address, asker);
    match queued.await? {
        Queued::Yes => Ok(StatusCode::ACCEPTED),
        Queued::OverBudget => Err(Problem {
            retry_after_ms: Some(WAIT_MS),
            ..Problem::new(
                ErrorCode::RateLimited,
                "this was mailed several times today; ask again tomorrow",
            )
        }),
    }
}
