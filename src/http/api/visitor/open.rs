//! Opens the chat: finds the visitor's open room or creates one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chat::limits::{self, check_line};
use crate::chat::{Details, DetailsPatch, Room, RoomRecord, Timestamp};
use crate::credentials::{TokenKind, hash_token, new_token};
use crate::http::api::extract::{ClientIp, DeferredJson, Json, Violations};
use crate::http::auth::{AuthError, bearer, is_identity};
use crate::http::limits::VisitorKey;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Identity, OpenRoom, RoomOp, TokenHash};
use crate::settings::OpenState;

/// What is known about the visitor. Every field is optional; empty means absent.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct OpenRequest {
    /// At most 100 characters.
    customer_name: Option<String>,
    /// At most 254 characters.
    customer_email: Option<String>,
    /// At most 40 characters.
    customer_phone: Option<String>,
    /// A JWT (HS256) signed by the shop's back end.
    identity: Option<String>,
    /// The page on which the chat was opened; at most 2,000 characters.
    page_url: Option<String>,
}

/// A room and, if it was issued, the visitor's token.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct OpenAnswer {
    room: Room,
    /// The database's epoch.
    epoch: String,
    /// A new token, with every new room and every valid identity. It is returned only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(required = false)]
    token: Option<String>,
    /// Whether the shop is open, by its hours.
    open: bool,
    /// When it opens again, if it is closed and that is known.
    back_at: Option<Timestamp>,
}

/// Open the chat
///
/// Returns the visitor's open room of latest activity (200) if a visitor's token or a valid
/// identity finds one, otherwise a new room (201). The identity in the body wins over a Bearer
/// token. An invalid token or identity is refused; it never falls back to anonymous.
#[utoipa::path(post, operation_id = "open_chat",
    path = "/api/chat/rooms", tag = "visitor",
    request_body = Option<OpenRequest>, security((), ("visitor" = [])),
    responses(
        (status = 200, description = "the open room", body = OpenAnswer),
        (status = 201, description = "a new room", body = OpenAnswer),
    ))]
pub(crate) async fn open(
    State(state): State<AppState>,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    body: DeferredJson,
) -> Result<(StatusCode, Json<OpenAnswer>), Problem> {
    state.limits.check_open_room(ip)?;
    let body: OpenRequest = body.read().await?;
    let credentials = Credentials::of_request(&state, &headers, body.identity.as_deref())?;
    if let Some(visitor) = credentials.visitor_key(&state).await? {
        state.limits.check_open_room_by_visitor(&visitor)?;
    }
    let typed = typed_details(&body)?;

    let fresh_token = new_token(TokenKind::Visitor);
    let opened = state
        .store
        .open_room(OpenRoom {
            token: credentials.token,
            identity: credentials.identity.clone(),
            details: typed.clone(),
            fresh_token: hash_token(&fresh_token),
        })
        .await?;
    for token in opened.ended {
        state.open_tokens.end(token);
    }
    state.rooms.reload(opened.moved);

    let mut record = opened.record;
    if !opened.created {
        let signed = credentials.identity.map(|identity| identity.details);
        for patch in [
            DetailsPatch::from_identity(signed.unwrap_or_default()),
            DetailsPatch::from_visitor(typed),
        ] {
            record = update_details(&state, record, patch).await?;
        }
    }
    let status = if opened.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let OpenState { open, back_at } = state.settings.now().shop.open_at(Timestamp::now());
    let body = OpenAnswer {
        room: record.room.clone(),
        epoch: state.store.epoch().to_owned(),
        token: opened.token_issued.then_some(fresh_token),
        open,
        back_at,
    };
    Ok((status, Json(body)))
}

/// The credentials of a request.
struct Credentials {
    token: Option<TokenHash>,
    identity: Option<Identity>,
}

impl Credentials {
    fn of_request(
        state: &AppState,
        headers: &HeaderMap,
        identity: Option<&str>,
    ) -> Result<Self, Problem> {
        let bearer = bearer(headers)?;
        let (token, identity) = match (bearer, identity) {
            (bearer, Some(identity)) => {
                (bearer.filter(|token| !is_identity(token)), Some(identity))
            }
            (Some(bearer), None) if is_identity(bearer) => (None, Some(bearer)),
            (bearer, None) => (bearer, None),
        };
        let token = match token.map(|token| (token, TokenKind::of(token))) {
            Some((token, Some(TokenKind::Visitor))) => Some(token),
            // With an identity, a foreign token is ignored like one that has ended.
            Some((_, None)) if identity.is_some() => None,
            Some(_) => return Err(AuthError::BadToken.into()),
            None => None,
        };
        Ok(Self {
            token: token.map(hash_token),
            identity: identity
                .map(|identity| state.auth.identity(identity))
                .transpose()?,
        })
    }

    /// The key for the limit on rooms: a visitor may have many tokens, but has one limit.
    async fn visitor_key(&self, state: &AppState) -> Result<Option<VisitorKey>, Problem> {
        if let Some(identity) = &self.identity {
            return Ok(Some(VisitorKey::User(identity.user.clone())));
        }
        let Some(token) = self.token else {
            return Ok(None);
        };
        let visitor = state.store.visitor_by_token(token).await?;
        Ok(visitor.map(|visitor| match visitor.user {
            Some(user) => VisitorKey::User(user),
            None => VisitorKey::Anonymous(visitor.id),
        }))
    }
}

fn typed_details(body: &OpenRequest) -> Result<Details, Problem> {
    let mut violations = Violations::default();
    let mut line = |field, value: &Option<String>, max_chars| {
        violations.check(check_line(field, value.as_deref(), max_chars))
    };
    let details = Details {
        name: line("customer_name", &body.customer_name, limits::NAME_CHARS),
        email: line("customer_email", &body.customer_email, limits::EMAIL_CHARS),
        phone: line("customer_phone", &body.customer_phone, limits::PHONE_CHARS),
        page_url: line("page_url", &body.page_url, limits::PAGE_URL_CHARS),
    };
    violations.finish()?;
    Ok(details)
}

/// Applies a patch through the room, unless it would change nothing: most visitors who come back
/// send the details that are stored already, which costs no write.
async fn update_details(
    state: &AppState,
    record: Arc<RoomRecord>,
    patch: DetailsPatch,
) -> Result<Arc<RoomRecord>, Problem> {
    let changes = RoomRecord::clone(&record).set_details(patch.clone(), Timestamp::now());
    if !changes {
        return Ok(record);
    }
    let commit = state
        .rooms
        .write(record.room.id, RoomOp::set_details(patch))
        .await?;
    Ok(commit.record)
}
