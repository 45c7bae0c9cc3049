//! Malformed text: good text, mutated at random.

use rand::RngExt;
use rand::rngs::StdRng;

/// Pieces that are inserted somewhere.
pub(crate) const PIECES: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "1e-400",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "{\"a\":",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud800",
    "\u{feff}",
    "\u{202e}",
    "\u{0}",
    "\"type\":\"post\",",
    ",",
    "\"",
    "\\",
    "NaN",
    "Infinity",
    "/*",
    "'",
    "<script>",
    "../",
    "%00",
    "\u{10ffff}",
    "\r\n\r\n",
];

/// Cuts, duplicates, swaps or inserts, up to three times; `others` provide ends to splice.
pub(crate) fn mutate(text: &str, others: &[&str], random: &mut StdRng) -> String {
    let mut text = text.to_owned();
    for _ in 0..random.random_range(0..4) {
        let at = boundary(&text, random);
        let until = boundary(&text, random);
        let (at, until) = (at.min(until), at.max(until));
        match random.random_range(0..7) {
            0 => text.truncate(at),
            1 => text.insert_str(at, pick(PIECES, random)),
            2 => text.replace_range(at..until, pick(PIECES, random)),
            3 => text.replace_range(at..until, ""),
            4 => {
                let twice = text[at..until].to_owned();
                text.insert_str(at, &twice);
            }
            // A value instead of another one.
            5 => {
                if let Some(colon) = text[at..].find(':').map(|colon| at + colon + 1) {
                    let end = text[colon..]
                        .find([',', '}'])
                        .map_or(text.len(), |end| colon + end);
                    text.replace_range(colon..end, pick(PIECES, random));
                }
            }
            _ => {
                let other = pick(others, random);
                let cut = boundary(other, random);
                text.replace_range(at.., &other[cut..]);
            }
        }
    }
    text
}

pub(crate) fn pick<'a>(from: &[&'a str], random: &mut StdRng) -> &'a str {
    from[random.random_range(0..from.len())]
}

/// A place between two characters.
fn boundary(text: &str, random: &mut StdRng) -> usize {
    let mut at = random.random_range(0..=text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
