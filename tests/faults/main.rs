//! What must hold when parts fail: panics in rooms and in the lobby, a doorbell
//! that cannot be relied on, random cuts, and `kill -9` of the real binary.

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod doorbell;
mod model;
mod supervision;
