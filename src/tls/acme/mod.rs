//! Certificates by ACME (RFC 8555): obtained, stored, renewed in time, and not requested too often.
//!
//! `storage` is what a restart must not forget: the account, the certificate, and when the next
//! attempt may be made. `schedule` decides when; it is pure. `order` gets one certificate. `renewer`
//! does all of it until the server drains.

mod client;
mod order;
mod renewer;
mod schedule;
mod storage;

pub(super) use self::renewer::{Renewer, present_certificate};
pub(super) use self::storage::Storage;
