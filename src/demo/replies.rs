//! The sample canned replies, which all agents share.

use crate::persistence::NewReply;

/// A sample canned reply.
pub(super) struct SampleReply {
    shortcut: &'static str,
    title: &'static str,
    content: &'static str,
}

impl SampleReply {
    pub(super) fn to_new(&self) -> NewReply {
        NewReply {
            shortcut: self.shortcut.to_owned(),
            title: self.title.to_owned(),
            content: self.content.to_owned(),
            shared: true,
        }
    }
}

pub(super) const REPLIES: &[SampleReply] = &[
    SampleReply {
        shortcut: "hello",
        title: "Greeting",
        content: "Hello {{customer_name|there}}, this is {{agent_name}}. How can I help?",
    },
    SampleReply {
        shortcut: "returns",
        title: "How to send something back",
        content: "You can send it back within 30 days, no reason needed. Write here with your order number, and I send you a label.",
    },
    SampleReply {
        shortcut: "shipping",
        title: "How long shipping takes",
        content: "We ship on the next working day. Within the country it takes two days more, abroad four to six.",
    },
    SampleReply {
        shortcut: "thanks",
        title: "End of a conversation",
        content: "Thank you for writing! If anything else comes up, this chat stays open for you.",
    },
];
