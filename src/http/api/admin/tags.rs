//! Tags, as admins write and agents list them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chat::limits::{Violation, check_line};
use crate::chat::{TAG_NAME_CHARS, Tag, check_color};
use crate::http::api::extract::{Json, JsonBody, PathId, Query, Violations};
use crate::http::auth::{AdminAuth, AgentAuth};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{NewTag, TagPatch};

/// Rooms that a deleted tag is taken off in one transaction.
const ROOMS_AT_ONCE: usize = 200;

/// A new tag.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct TagRequest {
    /// 1 to 40 characters, compared without case.
    name: String,
    /// `#` and six hexadecimal digits.
    color: String,
}

/// A change of a tag. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct TagChange {
    /// 1 to 40 characters, compared without case.
    name: Option<String>,
    /// `#` and six hexadecimal digits.
    color: Option<String>,
}

/// One tag.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct TagAnswer {
    tag: Tag,
}

/// A page of the tags.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct TagList {
    results: Vec<Tag>,
    /// For `cursor`.
    next: Option<String>,
}

/// Tags
///
/// By name.
#[utoipa::path(get, operation_id = "list_tags",
    path = "/api/admin/tags", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of tags", body = TagList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _agent: AgentAuth,
    query: Query,
) -> Result<Json<TagList>, Problem> {
    let tags = state.store.tags().await?;
    let (results, next) = query.page(tags, |tag| tag.id.to_string())?;
    Ok(Json(TagList { results, next }))
}

/// Add a tag
///
/// A name that another tag has is a conflict, and so is one more than 200 tags.
#[utoipa::path(post, operation_id = "add_tag",
    path = "/api/admin/tags", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = TagRequest, responses((status = 201, description = "the new tag", body = TagAnswer)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    _admin: AdminAuth,
    JsonBody(request): JsonBody<TagRequest>,
) -> Result<(StatusCode, Json<TagAnswer>), Problem> {
    let mut violations = Violations::default();
    let new = NewTag {
        name: violations.check(check_name(&request.name)),
        color: violations.check(check_color(&request.color)),
    };
    violations.finish()?;
    let tag = state.store.add_tag(new).await?;
    state.names.refresh().await?;
    Ok((StatusCode::CREATED, Json(TagAnswer { tag })))
}

/// Change a tag
///
/// It is shown with its new name and colour everywhere.
#[utoipa::path(patch, operation_id = "change_tag",
    path = "/api/admin/tags/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the tag")), request_body = TagChange,
    responses((status = 200, description = "the tag as it is now", body = TagAnswer)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    _admin: AdminAuth,
    PathId(id): PathId,
    JsonBody(request): JsonBody<TagChange>,
) -> Result<Json<TagAnswer>, Problem> {
    let mut violations = Violations::default();
    let name = request.name.as_deref().map(check_name);
    let color = request.color.as_deref().map(check_color);
    let patch = TagPatch {
        name: violations.check(name.transpose()),
        color: violations.check(color.transpose()),
    };
    violations.finish()?;
    let tag = state.store.change_tag(id, patch).await?;
    state.names.refresh().await?;
    Ok(Json(TagAnswer { tag }))
}

/// Delete a tag
///
/// It is off everywhere at once; the versions of rooms that had it follow.
#[utoipa::path(delete, operation_id = "delete_tag",
    path = "/api/admin/tags/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the tag")),
    responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    _admin: AdminAuth,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    state.store.delete_tag(id).await?;
    state.names.refresh().await?;
    // Whatever a failure leaves is done at the next start.
    tokio::spawn(take_off_deleted(state));
    Ok(StatusCode::NO_CONTENT)
}

/// Takes deleted tags off all rooms that still have one.
pub(crate) async fn take_off_deleted(state: AppState) {
    loop {
        match state.store.remove_deleted_tags(ROOMS_AT_ONCE).await {
            Ok(rooms) if rooms.is_empty() => return,
            Ok(rooms) => state.rooms.reload(rooms),
            Err(error) => {
                tracing::warn!(%error, "cannot take a deleted tag off all rooms; it is hidden, and the next start tries again");
                return;
            }
        }
    }
}

fn check_name(name: &str) -> Result<String, Violation> {
    check_line("name", Some(name), TAG_NAME_CHARS)?
        .ok_or_else(|| Violation::new("name", "must not be empty"))
}
