//! The agents' calls, under `/api/admin/`.

pub(super) mod agents;
pub(super) mod api_tokens;
pub(super) mod bounced;
pub(super) mod cards;
pub(super) mod doctor;
pub(super) mod draft;
mod fields;
pub(super) mod jobs;
pub(super) mod me;
mod messages;
pub(super) mod notes;
pub(super) mod people;
pub(super) mod push;
pub(super) mod ratings;
pub(super) mod replies;
pub(super) mod reports;
pub(super) mod room_change;
pub(super) mod room_mail;
pub(super) mod rooms;
pub(super) mod settings;
pub(super) mod sign_in;
pub(crate) mod tags;
pub(super) mod transcript;
pub(super) mod visitor;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::chat::Agent;
use crate::http::state::AppState;

/// The agents' routes with their documentation.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::login))
        .routes(routes!(sign_in::setup))
        .routes(routes!(sign_in::logout))
        .routes(routes!(me::get, me::patch))
        .routes(routes!(rooms::list))
        .routes(routes!(rooms::get, rooms::patch))
        .routes(routes!(messages::list, messages::post))
        .routes(routes!(cards::get))
        .routes(routes!(visitor::get))
        .routes(routes!(draft::put, draft::delete))
        .routes(routes!(messages::redact))
        .routes(routes!(notes::list, notes::add))
        .routes(routes!(messages::read))
        .routes(routes!(ratings::list))
        .routes(routes!(room_mail::get))
        .routes(routes!(transcript::transcript))
        .routes(routes!(transcript::quarantine))
        .routes(routes!(bounced::list, bounced::allow))
        .routes(routes!(agents::list, agents::add))
        .routes(routes!(agents::patch))
        .routes(routes!(
            api_tokens::list,
            api_tokens::add,
            api_tokens::end_named
        ))
        .routes(routes!(api_tokens::end))
        .routes(routes!(push::key))
        .routes(routes!(push::list, push::add, push::remove))
        .routes(routes!(push::test))
        .routes(routes!(replies::list, replies::add))
        .routes(routes!(replies::patch, replies::delete))
        .routes(routes!(tags::list, tags::add))
        .routes(routes!(tags::patch, tags::delete))
        .routes(routes!(people::colleagues))
        .routes(routes!(people::blocks))
        .routes(routes!(reports::get))
        .routes(routes!(reports::table))
        .routes(routes!(jobs::list, jobs::start))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(jobs::file))
        .routes(routes!(settings::get, settings::patch))
        .routes(routes!(doctor::seen))
        .routes(routes!(doctor::findings))
}

/// One agent.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct AgentAnswer {
    agent: Agent,
}
