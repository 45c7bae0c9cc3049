use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AgentId;
use super::limits::{self, BadContent, Violation};

/// Identifies a canned reply.
pub type ReplyId = Uuid;

/// Characters of a shortcut.
pub const SHORTCUT_CHARS: usize = 50;
/// Shared canned replies, and an agent's own ones, at most.
pub const REPLIES_MAX: usize = 500;

/// An answer that agents have ready. It is a draft when it is inserted, never a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CannedReply {
    /// Its id.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: ReplyId,
    /// What an agent types after `/`: no blanks, no slash.
    pub shortcut: String,
    /// What it is about; may be empty.
    pub title: String,
    /// The text, with `{{customer_name|there}}`, `{{agent_name}}` and `{{hours}}` to be filled in.
    pub content: String,
    /// Whether all agents have it.
    pub shared: bool,
    /// Whose it is, unless it is shared.
    #[serde(skip)]
    pub owner: Option<AgentId>,
}

impl CannedReply {
    /// Shortcuts are compared without case: this is what is compared.
    pub fn shortcut_key(&self) -> String {
        shortcut_key(&self.shortcut)
    }
}

/// See [`CannedReply::shortcut_key`].
pub fn shortcut_key(shortcut: &str) -> String {
    shortcut.to_lowercase()
}

/// Checks a shortcut. A leading slash is taken off.
///
/// # Errors
///
/// When it is empty, too long, or has a blank, a slash or a control character.
pub fn check_shortcut(value: &str) -> Result<String, Violation> {
    let line = limits::check_line("shortcut", Some(value), SHORTCUT_CHARS + 1)?;
    let line = line.unwrap_or_default();
    let shortcut = line.strip_prefix('/').unwrap_or(&line);
    if shortcut.is_empty() || shortcut.chars().count() > SHORTCUT_CHARS {
        return Err(Violation::new(
            "shortcut",
            format!("must have 1 to {SHORTCUT_CHARS} characters"),
        ));
    }
    if shortcut.contains(|char: char| char.is_whitespace() || char == '/') {
        return Err(Violation::new(
            "shortcut",
            "must be one word without a slash, since it is typed behind one",
        ));
    }
    Ok(shortcut.to_owned())
}

/// Checks a canned reply's text, which has to fit into a message.
///
/// # Errors
///
/// When it is blank, too long, or has a NUL character.
pub fn check_reply_content(content: &str) -> Result<String, Violation> {
    match limits::check_content(content) {
        Ok(()) => Ok(content.to_owned()),
        Err(BadContent::Invalid(violation)) => Err(violation),
        Err(BadContent::TooLarge) => Err(Violation::new(
            "content",
            format!("must have at most {} characters", limits::CONTENT_CHARS),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortcut_is_one_word() {
        for (value, shortcut) in [("hi", "hi"), (" /Hi ", "Hi"), ("größe-2", "größe-2")] {
            assert_eq!(check_shortcut(value), Ok(shortcut.to_owned()), "{value:?}");
        }
        let long = "x".repeat(SHORTCUT_CHARS + 1);
        for wrong in ["", " ", "/", "two words", "a/b", "//a", "a\u{7}", &long] {
            assert!(check_shortcut(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_shortcut(&"x".repeat(SHORTCUT_CHARS)).is_ok());
    }
}
