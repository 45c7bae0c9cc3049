//! The languages that the widget and the console speak.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `ar`, which runs from right to left.
    Arabic,
    /// `de`.
    German,
    /// `en`, spoken to everybody whose language is not known.
    English,
    /// `es`.
    Spanish,
    /// `fr`.
    French,
}

impl Language {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 5] = [
        Self::Arabic,
        Self::German,
        Self::English,
        Self::Spanish,
        Self::French,
    ];

    /// Its code by ISO 639.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::German => "de",
            Self::English => "en",
            Self::Spanish => "es",
            Self::French => "fr",
        }
    }

    /// The language of a tag such as `de` or `fr-CA`, if it is one of these.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        let is_it = |language: &Self| language.code().eq_ignore_ascii_case(primary);
        Self::ALL.into_iter().find(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn a_tag_is_known_by_its_first_part_in_any_case() {
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.code()), Some(language));
        }
        for (tag, language) in [
            ("fr-CA", Some(Language::French)),
            ("DE_at", Some(Language::German)),
            ("ar-u-nu-latn", Some(Language::Arabic)),
            ("it", None),
            ("english", None),
            ("", None),
            ("-de", None),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
    }
}
