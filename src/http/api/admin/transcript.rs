//! The conversation by mail, as an agent sends it, and mail that became no message.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::extract::{Json, JsonBody, PathId, Query};
use crate::http::api::transcripts::{mail_address, queue};
use crate::http::auth::{AdminAuth, AgentAuth};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::mail::Asker;
use crate::persistence::QuarantinedMail;

/// To whom a conversation is mailed.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct AgentTranscriptRequest {
    /// The address.
    email: String,
}

/// How many mails are listed: as many as are kept.
const LISTED_MAX: usize = 1_000;

/// A page of the mail that became no message.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct QuarantineList {
    results: Vec<QuarantinedMail>,
    /// For `cursor`.
    next: Option<String>,
}

/// Mail a conversation
///
/// Replies to this mail are not read, since its recipient may be somebody else than the customer.
#[utoipa::path(post, operation_id = "mail_transcript",
    path = "/api/admin/rooms/{id}/transcript", tag = "agent",
    security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    request_body = AgentTranscriptRequest,
    responses((status = 202, description = "the mail is queued")))]
pub(crate) async fn transcript(
    State(state): State<AppState>,
    _agent: AgentAuth,
    PathId(room_id): PathId,
    JsonBody(request): JsonBody<AgentTranscriptRequest>,
) -> Result<StatusCode, Problem> {
    let record = state.store.room(room_id).await?;
    let record = record.filter(|record| record.is_listed());
    let record = record.ok_or_else(Problem::no_such_room)?;
    let address = mail_address(Some(&request.email))?;
    let address = address.ok_or_else(|| Problem::invalid_field("email", "is missing"))?;
    queue(&state, &record, &address, Asker::Agent).await
}

/// Mail that became no message
///
/// The newest first, with the reason of each: forged or foreign addresses, automatic replies, reports
/// about mail that did not arrive. Older ones than the newest 1,000, and than 30 days, are forgotten.
#[utoipa::path(get, operation_id = "list_quarantined_mail",
    path = "/api/admin/mail/quarantine", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of mails", body = QuarantineList)))]
pub(crate) async fn quarantine(
    State(state): State<AppState>,
    _admin: AdminAuth,
    query: Query,
) -> Result<Json<QuarantineList>, Problem> {
    let mails = state.store.quarantined_mail(LISTED_MAX).await?;
    let (results, next) = query.page(mails, |mail| mail.id.clone())?;
    Ok(Json(QuarantineList { results, next }))
}
