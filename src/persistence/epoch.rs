/// A string that no other database has.
pub(crate) fn new_epoch() -> String {
    format!("{:016x}", rand::random::<u64>())
}
