//! The code with which the command reads what the server sees of its requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::credentials::{random_code, secrets_match};

/// How long a code works: a run with the longest silence fits.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The one code that is valid at present. Whoever can connect to the control socket can make one,
/// which ends the previous one. It gives access to the doctor's calls only. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct DoctorCode(Arc<Mutex<Option<(String, Instant)>>>);

impl DoctorCode {
    /// Makes a code.
    pub fn issue(&self, now: Instant) -> String {
        let code = random_code();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((code.clone(), now + LIFETIME));
        code
    }

    /// Whether this is the code, and still valid.
    pub fn accepts(&self, code: &str, now: Instant) -> bool {
        let present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        present
            .as_ref()
            .is_some_and(|(valid, until)| now < *until && secrets_match(valid, code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_code_is_accepted_for_a_while() {
        let codes = DoctorCode::default();
        let now = Instant::now();
        assert!(!codes.accepts("", now));
        let first = codes.issue(now);
        assert!(codes.accepts(&first, now));
        assert!(!codes.accepts("another", now));
        let second = codes.issue(now);
        assert!(!codes.accepts(&first, now));
        assert!(codes.accepts(&second, now));
        assert!(!codes.accepts(&second, now + LIFETIME));
    }
}
