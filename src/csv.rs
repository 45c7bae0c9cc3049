//! Tables for spreadsheets (RFC 4180).

use std::fmt::Write;

/// Writes a row, which ends with CR LF.
pub(crate) fn write_row<C: AsRef<str>>(text: &mut String, cells: impl IntoIterator<Item = C>) {
    for (column, cell) in cells.into_iter().enumerate() {
        if column > 0 {
            text.push(',');
        }
        write_cell(text, cell.as_ref());
    }
    text.push_str("\r\n");
}

/// Writes a cell. A spreadsheet takes text that begins with one of these characters for a formula
/// and may run it; behind an apostrophe it is text.
fn write_cell(text: &mut String, cell: &str) {
    let is_formula = cell
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || cell.starts_with(['\t', '\r', '\n']);
    let escape = if is_formula { "'" } else { "" };
    if is_formula || cell.contains([',', '"', '\r', '\n', ';', '\t', '\'']) {
        let quoted = cell.replace('"', "\"\"");
        // Writing to a string cannot fail.
        let _ = write!(text, "\"{escape}{quoted}\"");
    } else {
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut written = String::new();
        write_cell(&mut written, text);
        written
    }

    #[test]
    fn no_cell_is_a_formula() {
        for formula in [
            "=1+1",
            "+49 30 1234",
            "-2",
            "@SUM(A1)",
            " =1",
            "\t=1",
            "\r=1",
            "\n=1",
            "=HYPERLINK(\"http://x\")",
        ] {
            assert!(cell(formula).starts_with("\"'"), "{formula:?}");
        }
        assert_eq!(cell("1 = 1"), "1 = 1");
    }

    #[test]
    fn quotes_commas_and_line_breaks_stay_in_their_cell() {
        assert_eq!(cell("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell(""), "");
    }
}
