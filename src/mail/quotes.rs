//! Which part of a reply its writer has written, and which part it quotes.

use crate::chat::limits::CONTENT_CHARS;

/// Messages that one mail may become. A person hardly writes more.
const PARTS_MAX: usize = 4;
/// Characters of a name of an attachment that are kept.
const NAME_CHARS: usize = 80;
/// Attachments that are named.
const NAMES_MAX: usize = 10;
/// Lines that introduce a quote end like this, in the languages of common mail programs.
const INTRODUCTIONS: &[&str] = &[
    "wrote:",
    "writes:",
    "schrieb:",
    "geschrieben:",
    "écrit :",
    "écrit:",
    "escribió:",
    "ha scritto:",
    "escreveu:",
    "schreef:",
    "skrev:",
    "kirjoitti:",
    "napisał:",
    "كتب:",
];
/// Lines that begin the quoted mail in programs that do not mark its lines.
const SEPARATORS: &[&str] = &[
    "-----Original Message-----",
    "-----Ursprüngliche Nachricht-----",
    "-----Message d'origine-----",
    "-----Mensaje original-----",
    "________________________________",
];

/// The text of a reply: first what its writer has written, then what it quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply<'t> {
    pub(super) written: &'t str,
    pub(super) quoted: &'t str,
}

/// Splits a reply. What cannot be told apart counts as written, so that nothing is hidden.
pub(super) fn split(text: &str) -> Reply<'_> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        starts.push((at, line.trim()));
        at += line.len();
    }
    let from = separator(&starts).unwrap_or_else(|| trailing_quote(&starts));
    let cut = starts.get(from).map_or(text.len(), |(at, _)| *at);
    let (written, quoted) = text.split_at(cut);
    if written.trim().is_empty() {
        return Reply {
            written: text.trim(),
            quoted: "",
        };
    }
    Reply {
        written: written.trim(),
        quoted: quoted.trim(),
    }
}

fn separator(lines: &[(usize, &str)]) -> Option<usize> {
    lines.iter().position(|(_, line)| SEPARATORS.contains(line))
}

/// The first line from which on there is nothing but a quote and its introduction.
fn trailing_quote(lines: &[(usize, &str)]) -> usize {
    let is_quote = |line: &str| line.is_empty() || line.starts_with('>');
    let mut from = lines.len();
    while from > 0 && is_quote(lines[from - 1].1) {
        from -= 1;
    }
    let has_quote = lines[from..].iter().any(|(_, line)| !line.is_empty());
    if !has_quote {
        return lines.len();
    }
    // "On Monday, somebody" and "wrote:" may be on lines of their own.
    if from > 0 && is_introduction(lines[from - 1].1) {
        from -= 1;
        if from > 0 && !lines[from - 1].1.is_empty() && begins_introduction(lines[from - 1].1) {
            from -= 1;
        }
    }
    from
}

fn is_introduction(line: &str) -> bool {
    INTRODUCTIONS.iter().any(|end| line.ends_with(end))
}

fn begins_introduction(line: &str) -> bool {
    ["On ", "Am ", "Le ", "El "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// The contents of the messages that a reply becomes: what was written, the names of its
/// attachments, and as far as there is room the quote, each line marked with `>`. Empty if nothing
/// was written.
pub(super) fn contents(text: &str, attachments: &[String]) -> Vec<String> {
    let text = clean(text);
    let Reply { written, quoted } = split(&text);
    let mut whole = written.to_owned();
    let names = attachments.iter().take(NAMES_MAX).map(|name| clean(name));
    for name in names {
        let name: String = name
            .chars()
            .filter(|char| *char != '\n')
            .take(NAME_CHARS)
            .collect();
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(&format!("[{name}]"));
    }
    let mut parts = pieces(&whole);
    if parts.len() > PARTS_MAX {
        parts.truncate(PARTS_MAX);
        if let Some(last) = parts.last_mut() {
            *last = last.chars().take(CONTENT_CHARS - 2).collect::<String>() + " …";
        }
    } else if let Some(last) = parts.last_mut() {
        append_quote(last, quoted);
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn append_quote(content: &mut String, quoted: &str) {
    let mut left = CONTENT_CHARS.saturating_sub(content.chars().count() + 2);
    let mut marked = String::new();
    for line in quoted.lines() {
        let line = match line.starts_with('>') {
            true => line.to_owned(),
            false => format!("> {line}"),
        };
        let length = line.chars().count() + 1;
        if length > left {
            break;
        }
        left -= length;
        marked.push('\n');
        marked.push_str(&line);
    }
    if !marked.is_empty() {
        content.push('\n');
        content.push_str(&marked);
    }
}

/// Pieces that fit a message.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut length = 0;
    for char in text.chars() {
        if length == CONTENT_CHARS {
            if pieces.len() > PARTS_MAX {
                break;
            }
            pieces.push(String::new());
            length = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(char);
        }
        length += 1;
    }
    pieces
}

/// Without control characters, which a message may not or need not have.
fn clean(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .filter(|char| !char.is_control() || matches!(char, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_quote_is_told_from_what_was_written() {
        for (text, written, quoted) in [
            ("Yes, please.", "Yes, please.", ""),
            (
                "Yes.\n\nOn Mon, 1 Jan 2024 at 10:00, Shop <a@b> wrote:\n> Shall we?\n>\n> Shop\n",
                "Yes.",
                "On Mon, 1 Jan 2024 at 10:00, Shop <a@b> wrote:\n> Shall we?\n>\n> Shop",
            ),
            (
                "Ja.\n\nAm 1. Januar 2024 um 10:00 Uhr hat der Shop\n<a@b> geschrieben:\n\n> Gern?\n",
                "Ja.",
                "Am 1. Januar 2024 um 10:00 Uhr hat der Shop\n<a@b> geschrieben:\n\n> Gern?",
            ),
            (
                "Oui.\n-----Message d'origine-----\nDe : Shop\nQuand ?",
                "Oui.",
                "-----Message d'origine-----\nDe : Shop\nQuand ?",
            ),
            // Answers between the lines of a quote stay as they are.
            ("> Red?\nYes.\n> Big?\nNo.", "> Red?\nYes.\n> Big?\nNo.", ""),
            // Nothing is hidden if a quote is all there is.
            ("> Red?\n", "> Red?", ""),
            ("\n\n", "", ""),
        ] {
            assert_eq!(split(text), Reply { written, quoted }, "{text:?}");
        }
    }

    #[test]
    fn the_quote_stands_behind_what_was_written_and_fits() {
        let contents_of = |text: &str| contents(text, &[]);
        assert_eq!(
            contents_of("Yes.\r\n\r\nShop wrote:\r\n> Shall we?\r\n"),
            ["Yes.\n\n> Shop wrote:\n> Shall we?"]
        );
        assert!(contents_of(" \n\0").is_empty());
        let long = format!(
            "{}\nShop wrote:\n> {}",
            "a".repeat(CONTENT_CHARS - 20),
            "b".repeat(100)
        );
        let fitted = contents_of(&long);
        assert_eq!(fitted.len(), 1);
        assert!(
            fitted[0].ends_with("\n\n> Shop wrote:"),
            "no room for the rest"
        );
    }

    #[test]
    fn a_long_mail_becomes_a_few_messages() {
        let parts = contents(&"ä".repeat(CONTENT_CHARS + 1), &[]);
        assert_eq!(parts.len(), 2);
        let parts = contents(&"ä".repeat(CONTENT_CHARS * 40), &[]);
        assert_eq!(parts.len(), PARTS_MAX);
        assert!(parts[PARTS_MAX - 1].ends_with(" …"));
        assert!(
            parts
                .iter()
                .all(|part| part.chars().count() <= CONTENT_CHARS)
        );
    }

    #[test]
    fn attachments_are_named() {
        let names = ["photo.jpg".to_owned(), "a\nb".to_owned()];
        assert_eq!(contents("Look:", &names), ["Look:\n[photo.jpg]\n[ab]"]);
        assert_eq!(contents("", &names[..1]), ["[photo.jpg]"]);
    }
}
