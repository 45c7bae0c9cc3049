use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AppState, admin, health, visitor};

pub(crate) fn build() -> (Router<AppState>, OpenApi) {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .merge(visitor::routes())
        .merge(admin::routes())
        .split_for_parts()
}

pub(crate) fn routes(_document: OpenApi) -> Router<AppState> {
    Router::new()
}
