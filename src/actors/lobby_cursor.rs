/// How far a console has seen the lobby. Opaque to everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LobbyCursor {
    /// In the middle of its first sight: it has to begin again.
    Start,
    /// All changes up to here.
    Change(u64),
}

impl LobbyCursor {
    /// The cursor's text. It names the epoch, so a restored database is noticed.
    pub fn encode(self, epoch: &str) -> String {
        match self {
            Self::Start => format!("{epoch}.s"),
            Self::Change(change) => format!("{epoch}.{change:x}"),
        }
    }

    /// Reads a cursor of this epoch; `None` for any other text.
    pub fn decode(text: &str, epoch: &str) -> Option<Self> {
        let place = text.strip_prefix(epoch)?.strip_prefix('.')?;
        if place == "s" {
            return Some(Self::Start);
        }
        u64::from_str_radix(place, 16).ok().map(Self::Change)
    }
}

#[cfg(test)]
mod tests {
    use super::LobbyCursor;

    #[test]
    fn a_cursor_is_of_one_epoch() {
        let text = LobbyCursor::Change(31).encode("abc");
        assert_eq!(
            LobbyCursor::decode(&text, "abc"),
            Some(LobbyCursor::Change(31))
        );
        assert_eq!(LobbyCursor::decode(&text, "abd"), None);
        assert_eq!(LobbyCursor::decode("abc.zz", "abc"), None);
        assert_eq!(
            LobbyCursor::decode(&LobbyCursor::Start.encode("abc"), "abc"),
            Some(LobbyCursor::Start)
        );
    }
}
