//! Whether the API's description has what the server replies: each response that a test reads is
//! looked up there.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

/// A call of the description.
struct Call {
    method: String,
    segments: Vec<String>,
    statuses: BTreeSet<String>,
}

static CALLS: LazyLock<Vec<Call>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(&shoptalk::api_description()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let calls = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("methods");
        item.iter().map(|(method, call)| Call {
            method: method.to_uppercase(),
            segments: segments(path).map(str::to_owned).collect(),
            statuses: call["responses"]
                .as_object()
                .expect("responses")
                .keys()
                .cloned()
                .collect(),
        })
    });
    calls.collect()
});

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

impl Call {
    /// How many segments of the path the call names, if it is one of this call.
    fn fits(&self, method: &str, path: &str) -> Option<usize> {
        let given: Vec<&str> = segments(path).collect();
        if self.method != method || self.segments.len() != given.len() {
            return None;
        }
        let mut named = 0;
        for (own, given) in self.segments.iter().zip(given) {
            if own == given {
                named += 1;
            } else if !own.starts_with('{') {
                return None;
            }
        }
        Some(named)
    }
}

/// Fails if the path is one of the API and its description lacks this status.
#[track_caller]
pub fn assert_described(method: &str, path: &str, status: u16) {
    if !path.starts_with("/api/") {
        return;
    }
    let fitting = CALLS
        .iter()
        .filter_map(|call| Some((call.fits(method, path)?, call)));
    // No such call: 404 or 405, which no description has.
    let Some((_, call)) = fitting.max_by_key(|(named, _)| *named) else {
        return;
    };
    assert!(
        call.statuses.contains(&status.to_string()),
        "{method} {path} replied {status}, and the API's description has {:?} alone",
        call.statuses
    );
}
