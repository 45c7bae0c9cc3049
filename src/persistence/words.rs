//! Splits texts into the words of a text index, for stores that have none of their own. It does as
//! SQLite's tokeniser `unicode61` with `remove_diacritics 2`: letters and digits make words,
//! everything else separates them, and case and accents do not count.

use std::collections::BTreeSet;

use unicode_normalization::char::decompose_canonical;

use super::search_words::{in_word, is_accent};

/// Letters of a word that count. No index has to store longer ones.
pub(crate) const WORD_CHARS: usize = 200;

/// A word as it is in the index: without case and accents.
pub(crate) fn fold(word: &str) -> String {
    word.chars()
        .flat_map(char::to_lowercase)
        .filter(|char| !is_accent(*char))
        .map(without_accent)
        .take(WORD_CHARS)
        .collect()
}

/// A Latin letter without its accents; any other character stays.
pub(crate) fn without_accent(char: char) -> char {
    if char.is_ascii() {
        return char;
    }
    let mut letter = None;
    decompose_canonical(char, |part| letter = letter.or(Some(part)));
    letter.filter(char::is_ascii_alphabetic).unwrap_or(char)
}

/// Adds the words of a text.
pub(crate) fn add(text: &str, words: &mut BTreeSet<String>) {
    let parts = text.split(|char| !in_word(char));
    words.extend(parts.map(fold).filter(|word| !word.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = BTreeSet::new();
        add(text, &mut words);
        words.into_iter().collect()
    }

    #[test]
    fn case_and_accents_do_not_count_and_everything_but_letters_separates() {
        assert_eq!(words("Päckchen, no. 4-711"), ["4", "711", "no", "packchen"]);
        assert_eq!(words("re\u{301}sume\u{301} RÉSUMÉ Ếch"), ["ech", "resume"]);
        let others = words("Йод straße İzmir 한글 ŒUVRE");
        assert_eq!(others, ["izmir", "straße", "œuvre", "йод", "한글"]);
        assert_eq!(words("\u{301} 😀 — '\\"), [""; 0]);
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(words(&"Z".repeat(8_000)), ["z".repeat(WORD_CHARS)]);
    }
}
