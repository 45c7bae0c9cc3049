//! The visitors' calls, under `/api/chat/`.

mod messages;
pub(super) mod open;
pub(super) mod rating;
pub(super) mod rooms;
mod sign_out;
pub(super) mod transcript;

use crate::chat::RoomId;
use crate::chat::RoomRecord;
use crate::http::api::calls::{Calls, calls};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::Visitor;

/// The visitor's calls with their documentation.
pub(crate) fn calls() -> Calls {
    Calls::default()
        .add(calls!(open::open, rooms::list))
        .add(calls!(rooms::get))
        .add(calls!(rooms::close))
        .add(calls!(messages::list, messages::post))
        .add(calls!(messages::read))
        .add(calls!(rating::rate))
        .add(calls!(transcript::transcript))
        .add(calls!(sign_out::logout))
}

/// A room of the visitor. Another visitor's room is `not_found`, like one that does not exist.
async fn own_room(
    state: &AppState,
    visitor: &Visitor,
    room_id: RoomId,
) -> Result<RoomRecord, Problem> {
    state
        .store
        .room(room_id)
        .await?
        .filter(|record| record.visitor_id == visitor.id)
        .ok_or_else(Problem::no_such_room)
}
