//! What browsers load: the front ends' files, the console's page, plain pages, and for the demo a
//! page of another shop.
//!
//! `routes` has the paths; `assets` serves the files that the build has compiled in; `html` frames
//! the plain pages; `embedding_shop` is the demo's second listener.

mod assets;
mod embedding_shop;
mod html;
mod routes;

pub(crate) use self::assets::widget_hash;
pub(crate) use self::embedding_shop::embedding_shop;
pub(crate) use self::html::{html_response, page};
pub(crate) use self::routes::{StartPage, routes};
