//! Canned replies.

/// A new canned reply, checked.
#[derive(Debug, Clone)]
pub struct NewReply {
    /// What an agent types after `/`.
    pub shortcut: String,
    /// What it is about.
    pub title: String,
    /// The text.
    pub content: String,
    /// Whether all agents get it.
    pub shared: bool,
}

/// A change of a canned reply; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ReplyPatch {
    /// What an agent types after `/`.
    pub shortcut: Option<String>,
    /// What it is about.
    pub title: Option<String>,
    /// The text.
    pub content: Option<String>,
    /// Whether all agents get it.
    pub shared: Option<bool>,
}
