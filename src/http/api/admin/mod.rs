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

use crate::chat::Agent;
use crate::http::api::calls::{Calls, calls};

/// The agents' calls with their documentation.
pub(crate) fn calls() -> Calls {
    Calls::default()
        .add(calls!(sign_in::login))
        .add(calls!(sign_in::setup))
        .add(calls!(sign_in::logout))
        .add(calls!(me::get, me::patch))
        .add(calls!(rooms::list))
        .add(calls!(rooms::get, rooms::patch))
        .add(calls!(messages::list, messages::post))
        .add(calls!(cards::get))
        .add(calls!(visitor::get))
        .add(calls!(draft::put, draft::delete))
        .add(calls!(messages::redact))
        .add(calls!(notes::list, notes::add))
        .add(calls!(messages::read))
        .add(calls!(ratings::list))
        .add(calls!(room_mail::get))
        .add(calls!(transcript::transcript))
        .add(calls!(transcript::quarantine))
        .add(calls!(bounced::list, bounced::allow))
        .add(calls!(agents::list, agents::add))
        .add(calls!(agents::patch))
        .add(calls!(
            api_tokens::list,
            api_tokens::add,
            api_tokens::end_named
        ))
        .add(calls!(api_tokens::end))
        .add(calls!(push::key))
        .add(calls!(push::list, push::add, push::remove))
        .add(calls!(push::test))
        .add(calls!(replies::list, replies::add))
        .add(calls!(replies::patch, replies::delete))
        .add(calls!(tags::list, tags::add))
        .add(calls!(tags::patch, tags::delete))
        .add(calls!(people::colleagues))
        .add(calls!(people::blocks))
        .add(calls!(reports::get))
        .add(calls!(reports::table))
        .add(calls!(jobs::list, jobs::start))
        .add(calls!(jobs::get, jobs::cancel))
        .add(calls!(jobs::file))
        .add(calls!(settings::get, settings::patch))
        .add(calls!(doctor::seen))
        .add(calls!(doctor::findings))
}

/// One agent.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct AgentAnswer {
    agent: Agent,
}
