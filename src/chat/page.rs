use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::limits::{self, Violation};

/// Pages of one conversation that are kept.
pub const PAGES_KEPT: usize = 20;

/// A page of the shop that a visitor was on. No visitor ever gets it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PageVisit {
    /// Its address, without query and fragment.
    pub url: String,
    /// When the visitor came there.
    pub at: Timestamp,
}

/// Checks the address of a page. Its query and its fragment, which may hold anything about a person,
/// are dropped.
///
/// # Errors
///
/// When it is no address of the web, too long, or has control characters.
pub fn check_page(url: &str) -> Result<String, Violation> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = limits::check_line("url", Some(&url[..end]), limits::PAGE_URL_CHARS)?;
    url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .ok_or_else(|| Violation::new("url", "must begin with https:// or http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_fragment_are_dropped_and_other_addresses_refused() {
        for (url, kept) in [
            ("https://shop.example/", "https://shop.example/"),
            ("https://shop.example/a?email=x#y", "https://shop.example/a"),
            ("http://shop.example/a#b?c", "http://shop.example/a"),
        ] {
            assert_eq!(check_page(url), Ok(kept.to_owned()), "{url}");
        }
        let long = format!("https://shop.example/{}", "x".repeat(2_000));
        let cut = format!("https://shop.example/?{}", "x".repeat(5_000));
        assert!(check_page(&cut).is_ok(), "what is dropped may be long");
        for wrong in ["", "?", "javascript:alert(1)", "/a", "https://a\nb", &long] {
            assert!(check_page(wrong).is_err(), "{wrong:?}");
        }
    }
}
