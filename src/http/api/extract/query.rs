//! Query parameters.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::checks::{MAX_NUMBER, whole_number_expected};
use crate::chat::limits;
use crate::http::problem::Problem;

/// Entries that the cursor of a list in memory names, at most: it holds while one of them is there.
const CURSOR_ENTRIES: usize = 4;
/// The length of such a cursor, at most, unless it names a single entry.
const CURSOR_BYTES: usize = 512;

/// The query parameters. Unknown ones are ignored. An empty text counts as absent; an empty number
/// is refused.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query().unwrap_or("")))
    }
}

impl Query {
    fn parse(query: &str) -> Self {
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter as a whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let given = self.0.iter().find(|(key, _)| key == name);
        let Some((_, text)) = given else {
            return Ok(None);
        };
        text.parse::<u64>()
            .ok()
            .filter(|number| *number <= MAX_NUMBER && !text.starts_with('+'))
            .map(Some)
            .ok_or_else(|| Problem::invalid_field(name, whole_number_expected()))
    }

    /// A parameter that is one of a set of names.
    pub(crate) fn parsed<T: FromStr<Err = String>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|message: String| Problem::invalid_field(name, message))
            })
            .transpose()
    }

    /// `limit`: 1 to 200, 50 when left out.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let Some(limit) = self.number("limit")? else {
            return Ok(limits::PAGE_ITEMS_DEFAULT);
        };
        usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=limits::PAGE_ITEMS).contains(limit))
            .ok_or_else(|| {
                Problem::invalid_field("limit", format!("must be 1 to {}", limits::PAGE_ITEMS))
            })
    }

    /// The page of a list that is in memory: up to `limit` entries from where `cursor` points, and
    /// the `next` of the page. `key` tells entries apart; it must be safe in a URL and have no `~`.
    ///
    /// A cursor names the entries that come next, so it holds when those of its page are removed.
    pub(crate) fn page<T>(
        &self,
        mut all: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let limit = self.limit()?;
        if let Some(cursor) = self.cursor() {
            let place = |named: &str| all.iter().position(|entry| key(entry) == named);
            let first = cursor.split('~').find_map(place);
            let first = first.ok_or_else(|| {
                let message = "is not a cursor of this list, or what it names is gone; read the first page again";
                Problem::invalid_field("cursor", message)
            })?;
            all.drain(..first);
        }
        let rest = all.split_off(limit.min(all.len()));
        let named = rest.iter().take(CURSOR_ENTRIES).map(key);
        let next =
            named.reduce(
                |cursor, named| match cursor.len() + 1 + named.len() <= CURSOR_BYTES {
                    true => cursor + "~" + &named,
                    false => cursor,
                },
            );
        Ok((all, next))
    }

    /// `cursor`: the `next` of an earlier page.
    pub(crate) fn cursor(&self) -> Option<String> {
        self.text("cursor").map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_list_in_memory_have_every_entry_once() {
        let page_of = |all: &[u8], query: &str| {
            let page = Query::parse(query).page(all.to_vec(), ToString::to_string);
            page.ok()
        };
        let page = |query: &str| page_of(&[1, 2, 3, 4, 5], query);
        assert_eq!(page(""), Some((vec![1, 2, 3, 4, 5], None)));
        assert_eq!(page("limit=5"), Some((vec![1, 2, 3, 4, 5], None)));
        let next = |names: &str| Some(names.to_owned());
        assert_eq!(page("limit=1"), Some((vec![1], next("2~3~4~5"))));
        assert_eq!(
            page("limit=2&cursor=2~3~4~5"),
            Some((vec![2, 3], next("4~5")))
        );
        assert_eq!(page("limit=2&cursor=4~5"), Some((vec![4, 5], None)));
        assert_eq!(page("cursor=5"), Some((vec![5], None)));
        assert_eq!(page("cursor=6"), None);
        assert_eq!(page("limit=0"), None);
        let rest = page_of(&[5], "limit=2&cursor=3~4~5");
        assert_eq!(rest, Some((vec![5], None)), "the others were removed");
        assert_eq!(page_of(&[], "limit=1"), Some((vec![], None)));
    }

    #[test]
    fn a_limit_is_from_1_to_200() {
        let limit = |query| Query::parse(query).limit().ok();
        assert_eq!(limit(""), Some(50));
        assert_eq!(limit("limit=1"), Some(1));
        assert_eq!(limit("limit=200&x=y"), Some(200));
        for wrong in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1.5",
            "limit=+5",
            "limit=%2B5",
            "limit=99999999999999999999",
        ] {
            assert_eq!(limit(wrong), None, "{wrong}");
        }
    }
}
