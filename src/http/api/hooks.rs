//! Calls of other services.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{DeferredBody, Json};
use crate::credentials::secrets_match;
use crate::http::auth::bearer;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::mail::{Accepted, MAIL_BYTES};
use crate::persistence::QuarantineReason;
use crate::protocol::ErrorCode;

/// What became of a mail.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailAnswer {
    /// Whether it is a message of a conversation, now or since it came for the first time.
    posted: bool,
    /// Why it was kept apart instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    reason: Option<QuarantineReason>,
}

/// A mail inside JSON. Other fields are ignored.
#[derive(Debug, Deserialize)]
struct MailInJson {
    /// The whole mail. Postmark calls it `RawEmail`.
    #[serde(alias = "RawEmail")]
    raw: String,
}

/// A mail that has come in
///
/// For mail providers, with `mail.hook_token` as Bearer: the mail as it was transmitted (RFC 5322),
/// with the type `message/rfc822`; or JSON with the whole mail in `raw` or `RawEmail`, as Postmark
/// sends it. At most 10 MiB. A mail that belongs to no conversation is kept apart, which is a success
/// all the same: repeating it changes nothing.
#[utoipa::path(post, operation_id = "receive_mail",
    path = "/api/hooks/mail", tag = "operation", security(("hook" = [])),
    request_body(content = String, content_type = "message/rfc822", description = "the mail"),
    responses((status = 200, description = "what became of it", body = MailAnswer)))]
pub(crate) async fn mail(
    State(state): State<AppState>,
    body: DeferredBody,
) -> Result<Json<MailAnswer>, Problem> {
    let token = state.config.mail.hook_token.as_ref();
    let token = token.ok_or_else(Problem::not_found)?;
    match bearer(&body.headers)? {
        Some(sent) if secrets_match(sent, token.expose()) => {}
        _ => return Err(Problem::unauthorized("send mail.hook_token as Bearer")),
    }
    let kind = Kind::of(&body.headers)?;
    let received = body.read(MAIL_BYTES).await?;
    let raw = match kind {
        Kind::Mail => received.to_vec(),
        Kind::Json => in_json(&received)?,
    };
    let accepted = state.mail.accept(raw).await;
    let accepted = accepted.ok_or_else(Problem::not_found)?.map_err(|error| {
        tracing::warn!(%error, "a mail cannot be handled now; its sender may repeat it");
        Problem::busy("the mail cannot be handled now; send it again")
    })?;
    Ok(Json(match accepted {
        Accepted::Posted(_) => MailAnswer {
            posted: true,
            reason: None,
        },
        Accepted::Quarantined(reason) => MailAnswer {
            posted: false,
            reason: Some(reason),
        },
    }))
}

#[derive(Clone, Copy)]
enum Kind {
    Mail,
    Json,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let value = headers.get(header::CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = value.split(';').next().unwrap_or("").trim();
        match essence.to_ascii_lowercase().as_str() {
            "message/rfc822" => Ok(Self::Mail),
            "application/json" => Ok(Self::Json),
            _ => Err(Problem::new(
                ErrorCode::UnsupportedMediaType,
                "send the mail with Content-Type: message/rfc822, or inside JSON as raw",
            )),
        }
    }
}

fn in_json(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body is not JSON: {error}");
        Problem::new(ErrorCode::BadFrame, detail)
    })?;
    let mail = serde_json::from_value::<MailInJson>(value)
        .map_err(|_| Problem::invalid_field("raw", "must be the whole mail, a string"))?;
    Ok(mail.raw.into_bytes())
}
