//! What must hold when parts fail: panics in rooms and in the lobby, a doorbell
//! that cannot be relied on, and random cuts.

#[path = "../common/mod.rs"]
mod common;

mod doorbell;
mod model;
mod supervision;
