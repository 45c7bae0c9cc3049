use std::str::FromStr;

/// One person, as an operator names them: `user:…`, `email:…` or `phone:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The `sub` of a signed identity, exactly.
    User(String),
    /// An email address in a room's details, ignoring case and blanks.
    Email(String),
    /// A telephone number in a room's details, ignoring case and blanks.
    Phone(String),
}

/// The text names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name the person as user:…, email:… or phone:…, for example email:ann@example.com")]
pub struct BadWho;

impl FromStr for Who {
    type Err = BadWho;

    fn from_str(text: &str) -> Result<Self, BadWho> {
        let (kind, value) = text.split_once(':').ok_or(BadWho)?;
        let folded = fold(value);
        if folded.is_empty() {
            return Err(BadWho);
        }
        match kind {
            "user" => Ok(Self::User(value.to_owned())),
            "email" => Ok(Self::Email(folded)),
            "phone" => Ok(Self::Phone(folded)),
            _ => Err(BadWho),
        }
    }
}

impl Who {
    /// Whether a room with these details is one of the person's. A user's rooms are found by
    /// their visitor instead.
    pub fn has_details(&self, email: Option<&str>, phone: Option<&str>) -> bool {
        let equals = |value: Option<&str>, wanted: &str| value.is_some_and(|it| fold(it) == wanted);
        match self {
            Self::User(_) => false,
            Self::Email(wanted) => equals(email, wanted),
            Self::Phone(wanted) => equals(phone, wanted),
        }
    }
}

/// Text as persons are compared: in lower case and without blanks.
fn fold(text: &str) -> String {
    text.chars()
        .filter(|char| !char.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_found_whatever_the_case_and_the_blanks() {
        let ann: Who = "email: Ann@Example.COM ".parse().expect("a person");
        assert!(ann.has_details(Some("ann@example.com"), None));
        assert!(ann.has_details(Some(" ANN@example.com"), Some("1")));
        assert!(!ann.has_details(Some("joann@example.com"), None));
        assert!(!ann.has_details(None, Some("ann@example.com")));
        let phone: Who = "phone:+49 30 1234".parse().expect("a person");
        assert!(phone.has_details(None, Some("+493 01234")));
        assert!(!phone.has_details(None, None));
        let user: Who = "user:a:B 7".parse().expect("a person");
        assert_eq!(user, Who::User("a:B 7".into()));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in [
            "",
            "ann@example.com",
            "email:",
            "email:  ",
            "mail:a@b",
            "user:",
        ] {
            assert_eq!(text.parse::<Who>(), Err(BadWho), "{text}");
        }
    }
}
