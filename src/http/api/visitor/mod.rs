//! The visitors' calls, under `/api/chat/`.

mod messages;
pub(super) mod open;
pub(super) mod rating;
pub(super) mod rooms;
mod sign_out;
pub(super) mod transcript;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::chat::RoomId;
use crate::chat::RoomRecord;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::Visitor;

/// The visitor's routes with their documentation.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(open::open, rooms::list))
        .routes(routes!(rooms::get))
        .routes(routes!(rooms::close))
        .routes(routes!(messages::list, messages::post))
        .routes(routes!(messages::read))
        .routes(routes!(rating::rate))
        .routes(routes!(transcript::transcript))
        .routes(routes!(sign_out::logout))
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
