//! The devices on which an agent is rung.

use axum::extract::State;
use axum::http::StatusCode;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chat::limits::Violation;
use crate::chat::{Language, Timestamp};
use crate::http::api::extract::{Json, JsonBody, Query};
use crate::http::auth::AgentAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{PushTargets, StoredPushSubscription};
use crate::push::{Delivery, Outcome, PushError, PushMessage, check_subscription};

/// The key that browsers subscribe with.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushKeyAnswer {
    /// The `applicationServerKey`, in base64url.
    key: String,
}

/// A subscription as the browser's `PushSubscription.toJSON()` has it. Its expiration time is
/// ignored: the push service says when a subscription has ended.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushSubscriptionRequest {
    /// An https URL of at most 2,000 characters, not at a private address.
    endpoint: String,
    keys: PushSubscriptionKeys,
    /// The language of the console there, such as `de` or `fr-CA`; what is not a name or somebody's words is
    /// in it. English if it is left out or not spoken here.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    language: Option<String>,
}

/// The keys of a subscription.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushSubscriptionKeys {
    /// The browser's public key: 65 bytes in base64url.
    p256dh: String,
    /// A secret of the browser: 16 bytes in base64url.
    auth: String,
}

/// Which subscription is meant.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushSubscriptionRemoval {
    /// As it was when it subscribed; the other fields are ignored.
    endpoint: String,
}

/// A device that rings.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushDevice {
    /// Where it is reached.
    endpoint: String,
    /// When it subscribed.
    created_at: Timestamp,
    /// Why its push service refused the last message; null if it did not.
    problem: Option<String>,
}

/// One device.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushSubscriptionAnswer {
    subscription: PushDevice,
}

/// A page of the devices of this session.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushSubscriptionList {
    results: Vec<PushDevice>,
    /// For `cursor`.
    next: Option<String>,
}

/// How a test went on one device.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushTestResult {
    /// The device.
    endpoint: String,
    /// `accepted`: its push service will deliver it; `gone`: the push service does not know the
    /// device any more, and it was removed; `refused`; `failed`.
    outcome: PushTestOutcome,
    /// What was wrong and what to do; null if it was accepted.
    detail: Option<String>,
}

/// How a test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub(crate) enum PushTestOutcome {
    Accepted,
    Gone,
    Refused,
    Failed,
}

/// How a test went on every device of this session.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PushTestAnswer {
    results: Vec<PushTestResult>,
}

impl From<PushError> for Problem {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Read(error) => error.into(),
            PushError::Write(error) => error.into(),
            PushError::Key(error) => {
                tracing::error!(%error, "cannot ring devices");
                Self::internal()
            }
        }
    }
}

impl From<StoredPushSubscription> for PushDevice {
    fn from(stored: StoredPushSubscription) -> Self {
        Self {
            endpoint: stored.subscription.endpoint,
            created_at: stored.created_at,
            problem: stored.problem,
        }
    }
}

impl From<Delivery> for PushTestResult {
    fn from(delivery: Delivery) -> Self {
        let (outcome, detail) = match delivery.outcome {
            Outcome::Accepted => (PushTestOutcome::Accepted, None),
            Outcome::Gone => (
                PushTestOutcome::Gone,
                Some(
                    "the push service does not know this device any more: switch it on again"
                        .into(),
                ),
            ),
            Outcome::Refused(why) => (PushTestOutcome::Refused, Some(why)),
            Outcome::Failed(why) => (PushTestOutcome::Failed, Some(why)),
        };
        Self {
            endpoint: delivery.endpoint,
            outcome,
            detail,
        }
    }
}

/// The key to subscribe with
#[utoipa::path(get, operation_id = "get_push_key",
    path = "/api/admin/push/key", tag = "agent", security(("agent" = []), ("cookie" = [])),
    responses((status = 200, description = "the server's public key", body = PushKeyAnswer)))]
pub(crate) async fn key(
    State(state): State<AppState>,
    _agent: AgentAuth,
) -> Result<Json<PushKeyAnswer>, Problem> {
    Ok(Json(PushKeyAnswer {
        key: state.push.public_key().await?,
    }))
}

/// The devices of this session
///
/// Those that subscribed in this session, with what their push services refused.
#[utoipa::path(get, operation_id = "list_push_subscriptions",
    path = "/api/admin/push/subscriptions", tag = "agent",
    security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of devices", body = PushSubscriptionList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    query: Query,
) -> Result<Json<PushSubscriptionList>, Problem> {
    let own = PushTargets::Session(session.token_hash);
    let devices = state.push.devices(own).await?;
    let devices = devices.into_iter().map(PushDevice::from).collect();
    let key = |device: &PushDevice| BASE64URL_NOPAD.encode(device.endpoint.as_bytes());
    let (results, next) = query.page(devices, key)?;
    Ok(Json(PushSubscriptionList { results, next }))
}

/// Ring this device
///
/// Takes the browser's `PushSubscription.toJSON()` (Web Push, RFC 8030). The device is rung while its
/// agent is on duty, until the session ends. A device that is known moves to this session; a session
/// has ten at most, and the oldest go.
#[utoipa::path(post, operation_id = "add_push_subscription",
    path = "/api/admin/push/subscriptions", tag = "agent",
    security(("agent" = []), ("cookie" = [])), request_body = PushSubscriptionRequest,
    responses((status = 201, description = "the device", body = PushSubscriptionAnswer)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    JsonBody(request): JsonBody<PushSubscriptionRequest>,
) -> Result<(StatusCode, Json<PushSubscriptionAnswer>), Problem> {
    let checked = check_subscription(
        &request.endpoint,
        &request.keys.p256dh,
        &request.keys.auth,
        state.push.allows_private(),
    );
    let mut subscription = checked.map_err(|bad| {
        let violation = |bad: crate::push::BadSubscription| Violation {
            field: bad.field,
            message: bad.message,
        };
        Problem::invalid(bad.into_iter().map(violation).collect())
    })?;
    let spoken = request.language.as_deref().and_then(Language::of_tag);
    subscription.language = spoken.unwrap_or(Language::English);
    let stored = state
        .store
        .add_push_subscription(session.token_hash, subscription)
        .await?;
    let answer = PushSubscriptionAnswer {
        subscription: stored.into(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Do not ring this device any more
///
/// A device that this session does not have is no error.
#[utoipa::path(delete, operation_id = "remove_push_subscription",
    path = "/api/admin/push/subscriptions", tag = "agent",
    security(("agent" = []), ("cookie" = [])), request_body = PushSubscriptionRemoval,
    responses((status = 204, description = "it is not rung")))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    JsonBody(request): JsonBody<PushSubscriptionRemoval>,
) -> Result<StatusCode, Problem> {
    state
        .store
        .remove_push_subscription(session.token_hash, request.endpoint)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try the devices of this session
///
/// Rings all of them, also off duty, and says how each push service replied. Takes up to a minute if
/// one does not reply.
#[utoipa::path(post, operation_id = "test_push",
    path = "/api/admin/push/test", tag = "agent", security(("agent" = []), ("cookie" = [])),
    responses((status = 200, description = "how it went on each device", body = PushTestAnswer)))]
pub(crate) async fn test(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
) -> Result<Json<PushTestAnswer>, Problem> {
    let own = PushTargets::Session(session.token_hash);
    let deliveries = state.push.send(own, &PushMessage::trial()).await?;
    Ok(Json(PushTestAnswer {
        results: deliveries.into_iter().map(PushTestResult::from).collect(),
    }))
}
