//! Messages as agents get them: with the id of the agent who wrote one. [`Message`] by itself is
//! encoded without it, so that whatever forgets to say for whom it encodes is fit for a visitor.

use std::borrow::Borrow;

use serde::{Serialize, Serializer};

use super::{AgentId, Message};

#[derive(Serialize)]
struct ForAgents<'a> {
    #[serde(flatten)]
    message: &'a Message,
    agent_id: Option<AgentId>,
}

impl<'a> From<&'a Message> for ForAgents<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            message,
            agent_id: message.agent_id,
        }
    }
}

/// Encodes a message for agents.
///
/// # Errors
///
/// As the serializer's.
pub fn message<S: Serializer>(
    message: &impl Borrow<Message>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    ForAgents::from(message.borrow()).serialize(serializer)
}

/// Encodes a message for an export: with the agent's id where that is known, as it was before it had
/// one where it is not.
///
/// # Errors
///
/// As the serializer's.
pub fn exported<S: Serializer>(
    message: &impl Borrow<Message>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let message = message.borrow();
    match message.agent_id {
        Some(_) => ForAgents::from(message).serialize(serializer),
        None => message.serialize(serializer),
    }
}

/// Encodes messages for agents.
///
/// # Errors
///
/// As the serializer's.
pub fn messages<S: Serializer>(
    messages: &impl AsRef<[Message]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(messages.as_ref().iter().map(ForAgents::from))
}
