//! The text of a search box as a query of the text index.

use crate::chat::RoomRecord;
use crate::persistence::words;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Characters of a search, at most; further ones are ignored.
const TYPED_CHARS: usize = 400;
/// Words of a search, at most; further ones are ignored.
const WORDS: usize = 16;
/// Characters of a snippet.
const SNIPPET_CHARS: usize = 160;
/// Characters of a snippet before the match.
const LEAD_CHARS: usize = 40;

/// The words of a search. All must occur, the last one as a prefix.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SearchWords {
    words: Vec<String>,
}

/// Cursor of a search: the newest number when it began, and the last one seen.
pub(crate) const SEARCH: char = 's';
/// Matches that a search looks at, at most, beginning with the newest. The bound makes a common
/// word as cheap as a rare one.
pub(crate) const MATCHES_MAX: usize = 10_000;

/// Whether it is a combining accent, which the index removes, and which ends no word.
pub(crate) fn is_accent(char: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&char)
}

/// Whether the index takes this character as part of a word.
pub(crate) fn in_word(char: char) -> bool {
    // Most of them, without a look into tables.
    if char.is_ascii() {
        return char.is_ascii_alphanumeric();
    }
    is_category_of_words(char)
}

fn is_category_of_words(char: char) -> bool {
    let group = char.general_category_group();
    is_accent(char)
        || matches!(
            group,
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number
        )
        || char.general_category() == GeneralCategory::PrivateUse
}

impl SearchWords {
    /// The words of `typed`, or `None` when there is nothing to look for. Text without
    /// letters or digits is no word, and other characters separate words.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let typed: String = typed.chars().take(TYPED_CHARS).collect();
        let words: Vec<String> = typed
            .split(|char| !in_word(char))
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .take(WORDS)
            .map(str::to_owned)
            .collect();
        (!words.is_empty()).then_some(Self { words })
    }

    /// The query. Every word is quoted, so that operators are plain text. `endings` are all
    /// words of the index that begin with the last one; without any the index finds them.
    pub(crate) fn query(&self, endings: &[String]) -> String {
        let quoted = |words: &[String], between: &str| {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            words.join(between)
        };
        if endings.is_empty() {
            return format!("{} *", quoted(&self.words, " AND "));
        }
        let mut query = quoted(&self.words[..self.words.len() - 1], " AND ");
        if !query.is_empty() {
            query.push_str(" AND ");
        }
        format!("{query}({})", quoted(endings, " OR "))
    }

    /// The words without case and accents.
    pub(crate) fn folded(&self) -> Vec<String> {
        self.words.iter().map(|word| words::fold(word)).collect()
    }

    /// The text that is shown of a room whose details match.
    pub(crate) fn details_text(record: &RoomRecord) -> String {
        let room = &record.room;
        [&room.customer_name, &room.customer_email]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" · ")
    }

    /// The last word, which is the beginning of words in the index, without case and accents, nearly
    /// as the index stores words.
    pub(crate) fn beginning(&self) -> String {
        let last = self.words.last().map_or("", String::as_str);
        last.chars().map(fold).collect()
    }

    /// The text around the first match in `text`, or its beginning when the words
    /// are found elsewhere. Plain text on one line.
    pub(crate) fn snippet(&self, text: &str) -> String {
        let chars: Vec<char> = text
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        let found = self.find(&chars).unwrap_or(0);
        let from = if chars.len() <= SNIPPET_CHARS {
            0
        } else {
            let latest = chars.len() - SNIPPET_CHARS;
            begin_of_word(&chars, found.saturating_sub(LEAD_CHARS).min(latest), found)
        };
        let until = chars.len().min(from + SNIPPET_CHARS);
        let mut snippet = String::new();
        if from > 0 {
            snippet.push('…');
        }
        snippet.extend(&chars[from..until]);
        if until < chars.len() {
            snippet.push('…');
        }
        snippet
    }

    /// Where the first word of `text` begins that one of the words matches.
    fn find(&self, text: &[char]) -> Option<usize> {
        let last = self.words.len() - 1;
        let wanted: Vec<(Vec<char>, bool)> = self
            .words
            .iter()
            .enumerate()
            .flat_map(|(place, word)| {
                let parts: Vec<&str> = word
                    .split(|char: char| !char.is_alphanumeric())
                    .filter(|part| !part.is_empty())
                    .collect();
                let end = parts.len().saturating_sub(1);
                parts
                    .into_iter()
                    .enumerate()
                    .map(move |(part_place, part)| {
                        let is_prefix = place == last && part_place == end;
                        (part.chars().map(fold).collect(), is_prefix)
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut at = 0;
        while at < text.len() {
            if !text[at].is_alphanumeric() {
                at += 1;
                continue;
            }
            let end = text[at..]
                .iter()
                .position(|char| !char.is_alphanumeric())
                .map_or(text.len(), |length| at + length);
            let word: Vec<char> = text[at..end].iter().copied().map(fold).collect();
            let matches = wanted
                .iter()
                .any(|(part, is_prefix)| word == *part || (*is_prefix && word.starts_with(part)));
            if matches {
                return Some(at);
            }
            at = end;
        }
        None
    }
}

/// The first beginning of a word in `from..=until`, so that no snippet starts in the middle of one.
fn begin_of_word(text: &[char], from: usize, until: usize) -> usize {
    if from == 0 {
        return 0;
    }
    (from..until)
        .find(|&at| text[at - 1].is_whitespace())
        .unwrap_or(from)
}

/// A letter without case and accent, nearly as in the index. Where they differ, a snippet may begin
/// elsewhere, but no match is lost.
fn fold(char: char) -> char {
    words::without_accent(char.to_lowercase().next().unwrap_or(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(typed: &str) -> SearchWords {
        SearchWords::parse(typed).expect("there are words")
    }

    #[test]
    fn ascii_is_as_the_tables_of_unicode_have_it() {
        for char in (0..=u8::MAX).map(char::from) {
            assert_eq!(in_word(char), is_category_of_words(char), "{char:?}");
        }
    }

    #[test]
    fn operators_and_quotes_are_plain_text() {
        assert_eq!(words("a OR b").query(&[]), r#""a" AND "OR" AND "b" *"#);
        assert_eq!(words(r#"say "hi"#).query(&[]), r#""say" AND "hi" *"#);
        assert_eq!(words("  - foo-bar ** ").query(&[]), r#""foo" AND "bar" *"#);
        assert_eq!(words("cafe\u{301}s").query(&[]), "\"cafe\u{301}s\" *");
        let endings = ["week".to_owned(), "weekly".to_owned()];
        assert_eq!(words("week").query(&endings), r#"("week" OR "weekly")"#);
        assert_eq!(
            words("a Wéek").query(&endings),
            r#""a" AND ("week" OR "weekly")"#
        );
        assert_eq!(words("a Wéek").beginning(), "week");
        for nothing in ["", "   ", "* - \"", "\0"] {
            assert_eq!(SearchWords::parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_snippet_shows_the_first_match() {
        let text = format!(
            "{} where is my Päckchen\nnow {}",
            "bla ".repeat(80),
            "x ".repeat(200)
        );
        let snippet = words("packch").snippet(&text);
        assert!(snippet.contains("my Päckchen now"), "{snippet}");
        assert!(snippet.starts_with('…') && snippet.ends_with('…'));
        assert!(snippet.chars().count() <= SNIPPET_CHARS + 2);
        assert_eq!(words("zzz").snippet("short"), "short");
    }

    #[test]
    fn a_match_at_the_very_end_is_shown() {
        let text = format!("{}needle", "y".repeat(400) + " ");
        assert!(words("needle").snippet(&text).ends_with("needle"));
        let one_word = "z".repeat(1_000);
        assert!(words("zz").snippet(&one_word).starts_with('z'));
    }
}
