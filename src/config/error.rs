/// A mistake in the configuration, in one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read, or a key is unknown or of the wrong type.
    #[error("configuration: {0}")]
    Unreadable(String),
    /// A value breaks its key's rules.
    #[error("configuration: {key}: {problem}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right. Never a secret.
        problem: String,
    },
}

impl ConfigError {
    pub(super) fn invalid(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            key,
            problem: problem.into(),
        }
    }
}
