//! What browsers load: the front ends' files, the console's page, plain pages, and for the demo a
//! page of another shop.
//!
//! `routes` has the paths; `assets` serves the files that the build has compiled in, `encoded` the
//! best form of each; `widget` adds what admins have set to the widget's file; `html` frames the
//! plain pages; `embedding_shop` is the demo's second listener.

mod assets;
mod embedding_shop;
mod encoded;
mod html;
mod routes;
mod widget;

pub(crate) use self::embedding_shop::embedding_shop;
pub(crate) use self::html::{html_response, page};
pub(crate) use self::routes::{StartPage, routes};
pub(crate) use self::widget::widget_hash;
