//! The conversation by mail, as its visitor asks for it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::own_room;
use crate::chat::RoomRecord;
use crate::http::api::extract::{JsonBody, PathId};
use crate::http::api::transcripts::{mail_address, queue};
use crate::http::auth::VisitorAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::mail::Asker;
use crate::persistence::StoreError;
use crate::protocol::ErrorCode;

/// Messages that are looked through for an answer of the shop.
const LOOKED_THROUGH: usize = 200;

/// To whom a conversation is mailed.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct TranscriptRequest {
    /// The address if none is signed; when left out, the one that was given before the chat. A signed
    /// one wins.
    email: Option<String>,
}

/// Mail the conversation
///
/// To the signed address, or to the given one once the shop has answered. Three times a day at most.
/// The mail follows as soon as the relay takes it.
#[utoipa::path(post, operation_id = "mail_own_transcript",
    path = "/api/chat/rooms/{id}/transcript", tag = "visitor", security(("visitor" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = TranscriptRequest,
    responses((status = 202, description = "the mail is queued")))]
pub(crate) async fn transcript(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    PathId(room_id): PathId,
    JsonBody(request): JsonBody<TranscriptRequest>,
) -> Result<StatusCode, Problem> {
    let record = own_room(&state, &visitor, room_id).await?;
    if record.blocked {
        return Err(Problem::forbidden("the shop takes nothing from you here"));
    }
    let address = match (&record.room.customer_email, record.signed.email) {
        (Some(signed), true) => signed.clone(),
        (known, _) => {
            let typed = mail_address(request.email.as_deref())?.or_else(|| known.clone());
            let typed = typed.ok_or_else(|| Problem::invalid_field("email", "is missing"))?;
            if !has_answer(&state, &record).await? {
                let detail = "the shop has not answered yet; ask again once it has";
                return Err(Problem::new(ErrorCode::Conflict, detail));
            }
            typed
        }
    };
    queue(&state, &record, &address, Asker::Visitor).await
}

async fn has_answer(state: &AppState, record: &RoomRecord) -> Result<bool, StoreError> {
    let room = record.room.id;
    let page = state.store.messages_before(room, None, LOOKED_THROUGH);
    let is_answer =
        |message: &crate::chat::Message| message.sender_type == crate::chat::SenderType::Admin;
    Ok(page.await?.messages.iter().any(is_answer))
}
