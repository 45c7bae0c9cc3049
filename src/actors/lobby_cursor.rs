use crate::chat::ChangeVector;

/// How far a console has seen the lobby. Opaque to everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LobbyCursor {
    /// In the middle of its first rooms, which have no order to resume by: it has to start again.
    Start,
    /// All changes up to here.
    Changes(ChangeVector),
}

impl LobbyCursor {
    /// The cursor's text: the epoch, so that another database's cursor is recognised, a dot, and
    /// `s` or the number of each slot in hexadecimal, separated by hyphens.
    pub fn encode(&self, epoch: &str) -> String {
        match self {
            Self::Start => format!("{epoch}.s"),
            Self::Changes(changes) => {
                let mut text = epoch.to_owned();
                for (slot, number) in changes.numbers().iter().enumerate() {
                    let separator = if slot == 0 { '.' } else { '-' };
                    text.push_str(&format!("{separator}{number:x}"));
                }
                text
            }
        }
    }

    /// Reads a cursor of this epoch; `None` for any other text.
    pub fn decode(text: &str, epoch: &str) -> Option<Self> {
        let position = text.strip_prefix(epoch)?.strip_prefix('.')?;
        if position == "s" {
            return Some(Self::Start);
        }
        let numbers = position
            .split('-')
            .map(|number| u64::from_str_radix(number, 16));
        let numbers = numbers.collect::<Result<Vec<u64>, _>>().ok()?;
        ChangeVector::from_numbers(&numbers).map(Self::Changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(number: u64) -> LobbyCursor {
        LobbyCursor::Changes(ChangeVector::of_single_writer(number))
    }

    #[test]
    fn a_cursor_belongs_to_one_epoch() {
        let text = changes(31).encode("abc");
        assert_eq!(LobbyCursor::decode(&text, "abc"), Some(changes(31)));
        assert_eq!(LobbyCursor::decode(&text, "abd"), None);
        let start = LobbyCursor::Start.encode("abc");
        assert_eq!(LobbyCursor::decode(&start, "abc"), Some(LobbyCursor::Start));
    }

    /// Consoles hold cursors of earlier versions.
    #[test]
    fn the_text_of_a_single_slot_stays_as_it_was() {
        assert_eq!(changes(31).encode("abc"), "abc.1f");
        assert_eq!(LobbyCursor::Start.encode("abc"), "abc.s");
    }

    #[test]
    fn other_texts_are_no_cursors() {
        for text in ["", "abc", "abc.", "abc.zz", "abc.-1", "abc.1-", "abc.+1f-"] {
            assert_eq!(LobbyCursor::decode(text, "abc"), None, "{text}");
        }
    }
}
