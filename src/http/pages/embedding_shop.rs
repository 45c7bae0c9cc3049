//! The demo's second shop: a page on another origin, with a strict policy, that embeds the widget, and
//! cards about the sample customers.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tower_http::normalize_path::NormalizePath;

use super::assets;
use super::html::{NO_FRONT_ENDS, html_response, page};
use crate::cards::Card;
use crate::http::connections::Service;

/// Stands for the server's origin in the page's file.
const ORIGIN_PLACEHOLDER: &str = "https://chat.example.com";

/// What is used of a request for cards.
#[derive(Deserialize)]
struct AboutCustomer {
    user: Option<String>,
}

#[derive(Serialize)]
struct Cards {
    cards: Vec<Card>,
}

/// Serves the page and its files, for a listener of its own. `server` is the origin of the server
/// whose widget the page embeds. `cards_of` has the cards about a user; they are made up, so nobody's
/// signature is checked.
pub(crate) fn embedding_shop(server: &str, cards_of: fn(&str) -> Vec<Card>) -> Service {
    let sockets = server.replacen("http", "ws", 1);
    let csp = format!(
        "default-src 'none'; script-src {server}; connect-src {server} {sockets}; \
         style-src 'self'; img-src 'self'"
    );
    let shop_page = assets::text("embed.html").map(|page| {
        page.replace(ORIGIN_PLACEHOLDER, server)
            .replace("{csp}", &csp)
    });
    let response = async move || -> Response {
        match shop_page {
            Some(page) => (
                [
                    (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                    (header::CONTENT_SECURITY_POLICY, csp),
                    (header::CACHE_CONTROL, "no-store".to_owned()),
                ],
                page,
            )
                .into_response(),
            None => html_response(page("No front ends", NO_FRONT_ENDS)),
        }
    };
    let cards = async move |Json(AboutCustomer { user }): Json<AboutCustomer>| {
        let cards = user.as_deref().map(cards_of).unwrap_or_default();
        Json(Cards { cards })
    };
    let router = Router::new()
        .route("/", get(response))
        .route("/cards", post(cards))
        .merge(assets::routes());
    NormalizePath::trim_trailing_slash(router)
}
