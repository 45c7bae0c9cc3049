//! What must hold when parts fail: panics in rooms and in the lobby, pushes
//! that are lost, duplicated or late, and connections that are cut at random.

#[path = "../common/mod.rs"]
mod common;

mod model;
mod supervision;
mod unreliable_pushes;
