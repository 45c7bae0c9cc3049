//! What admins set for the whole shop.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::current_settings::ChangeError;
use crate::http::api::extract::{Json, JsonBody};
use crate::http::auth::AdminAuth;
use crate::http::problem::{FieldError, Problem};
use crate::http::state::AppState;
use crate::persistence::Principal;
use crate::protocol::ErrorCode;
use crate::settings::{Alerts, Fault, MailSettings, PatchError, Settings, Shop, Widget};

/// The settings of the shop.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct SettingsAnswer {
    /// Counts the changes; a change names the version that it was made from.
    version: u64,
    shop: Shop,
    widget: Widget,
    alerts: Alerts,
    mail: MailSettings,
    /// The keys that the configuration of the server has, such as `mail.after_ms`. They win, and
    /// a change of them changes nothing.
    fixed: Vec<&'static str>,
}

impl SettingsAnswer {
    fn new(state: &AppState, settings: &Settings) -> Self {
        let settings = settings.clone();
        Self {
            version: settings.version,
            shop: settings.shop,
            widget: settings.widget,
            alerts: settings.alerts,
            mail: settings.mail,
            fixed: state.settings.fixed_keys(),
        }
    }
}

/// A JSON merge patch (RFC 7396): what is left out stays, `null` is the default again, and a list
/// is replaced as a whole.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SettingsPatch {
    /// The version that the change was made from.
    version: u64,
    /// `shop`, `widget`, `alerts` and `mail`, as far as they change.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    changes: Map<String, Value>,
}

/// The settings of the shop
///
/// For the role `admin`. They hold on all nodes within 2 seconds. A key that the configuration of
/// the server has wins; `fixed` names it.
#[utoipa::path(get, operation_id = "get_settings",
    path = "/api/admin/settings", tag = "agent", security(("agent" = []), ("cookie" = [])),
    responses((status = 200, description = "the settings", body = SettingsAnswer)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    _admin: AdminAuth,
) -> Result<Json<SettingsAnswer>, Problem> {
    let settings = state.settings.newest().await?;
    Ok(Json(SettingsAnswer::new(&state, &settings)))
}

/// Change the settings of the shop
///
/// For the role `admin`. A JSON merge patch (RFC 7396) with the `version` that it was made from;
/// 409 if somebody else has changed the settings since, and nothing is changed then. All settings
/// together have at most 8,192 bytes.
#[utoipa::path(patch, operation_id = "change_settings",
    path = "/api/admin/settings", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = SettingsPatch,
    responses((status = 200, description = "the settings as they are now", body = SettingsAnswer)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    JsonBody(request): JsonBody<SettingsPatch>,
) -> Result<Json<SettingsAnswer>, Problem> {
    let SettingsPatch {
        version,
        mut changes,
    } = request;
    // Whoever sends back all that they got may send this, too.
    changes.remove("fixed");
    let by = Principal::Agent(session.agent.id);
    let settings = state.settings.change(version, changes, by).await?;
    Ok(Json(SettingsAnswer::new(&state, &settings)))
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => error.into(),
            ChangeError::Patch(error @ PatchError::TooLarge(_)) => {
                Self::new(ErrorCode::TooLarge, error.to_string())
            }
            ChangeError::Patch(PatchError::Invalid(faults)) => {
                let field = |Fault { field, message }| FieldError { field, message };
                Self::invalid_fields(faults.into_iter().map(field).collect())
            }
        }
    }
}
