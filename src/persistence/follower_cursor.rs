//! How far a follower is, as a column holds it.

use crate::chat::ChangeVector;

/// The column's text.
pub(crate) fn to_text(reached: &ChangeVector) -> String {
    let numbers: Vec<String> = reached.numbers().iter().map(u64::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// The vector that a column's text means, or what is wrong with it.
pub(crate) fn from_text(text: &str) -> Result<ChangeVector, String> {
    let numbers: Vec<u64> = serde_json::from_str(text)
        .map_err(|error| format!("the cursor {text:?} of a follower cannot be read: {error}"))?;
    ChangeVector::from_numbers(&numbers)
        .ok_or_else(|| format!("the cursor {text:?} of a follower has too many slots"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        for numbers in [&[0][..], &[7], &[0, 3], &[u64::MAX, 0, 1]] {
            let reached = ChangeVector::from_numbers(numbers).expect("few slots");
            assert_eq!(from_text(&to_text(&reached)), Ok(reached));
        }
        assert!(from_text("7").is_err());
        assert!(from_text("[-1]").is_err());
    }
}
