//! Canned replies: an agent sees the shared ones and their own, and types a shortcut that is among
//! them once. Shared ones are the admins' to write.

use crate::chat::{Agent, CannedReply, REPLIES_MAX, ReplyId, Role};
use crate::persistence::{NewReply, Refusal, ReplyPatch};

/// Adds a reply to those that the agent sees.
pub(crate) fn add(
    visible: &[CannedReply],
    agent: &Agent,
    id: ReplyId,
    new: NewReply,
) -> Result<CannedReply, Refusal> {
    let reply = CannedReply {
        id,
        shortcut: new.shortcut,
        title: new.title,
        content: new.content,
        shared: new.shared,
        owner: (!new.shared).then_some(agent.id),
    };
    check(visible, agent, &reply)?;
    Ok(reply)
}

/// Changes one of the replies that the agent sees.
pub(crate) fn change(
    visible: &[CannedReply],
    agent: &Agent,
    id: ReplyId,
    patch: ReplyPatch,
) -> Result<CannedReply, Refusal> {
    let mut reply = find(visible, agent, id)?.clone();
    reply.shortcut = patch.shortcut.unwrap_or(reply.shortcut);
    reply.title = patch.title.unwrap_or(reply.title);
    reply.content = patch.content.unwrap_or(reply.content);
    reply.shared = patch.shared.unwrap_or(reply.shared);
    reply.owner = (!reply.shared).then_some(agent.id);
    check(visible, agent, &reply)?;
    Ok(reply)
}

/// The reply, if this agent may change or delete it.
pub(crate) fn find<'r>(
    visible: &'r [CannedReply],
    agent: &Agent,
    id: ReplyId,
) -> Result<&'r CannedReply, Refusal> {
    let reply = visible.iter().find(|reply| reply.id == id);
    let reply = reply.ok_or(Refusal::NotFound)?;
    may_write(agent, reply.shared)?;
    Ok(reply)
}

fn check(visible: &[CannedReply], agent: &Agent, reply: &CannedReply) -> Result<(), Refusal> {
    may_write(agent, reply.shared)?;
    let key = reply.shortcut_key();
    let others = || visible.iter().filter(|other| other.id != reply.id);
    if others().any(|other| other.shortcut_key() == key) {
        return Err(Refusal::ShortcutTaken);
    }
    if others()
        .filter(|other| other.shared == reply.shared)
        .count()
        >= REPLIES_MAX
    {
        return Err(Refusal::TooManyReplies);
    }
    Ok(())
}

fn may_write(agent: &Agent, shared: bool) -> Result<(), Refusal> {
    match shared && agent.role != Role::Admin {
        true => Err(Refusal::SharedReply),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::Timestamp;

    fn agent(role: Role) -> Agent {
        Agent {
            id: Uuid::from_u128(1),
            username: "mia".into(),
            display_name: "Mia".into(),
            role,
            disabled: false,
            on_duty: true,
            created_at: Timestamp(0),
        }
    }

    fn new(shortcut: &str, shared: bool) -> NewReply {
        NewReply {
            shortcut: shortcut.into(),
            title: String::new(),
            content: "Hello".into(),
            shared,
        }
    }

    fn id(number: usize) -> Uuid {
        Uuid::from_u128(number as u128 + 10)
    }

    #[test]
    fn a_shortcut_is_taken_once_among_those_that_an_agent_sees() {
        let admin = agent(Role::Admin);
        let visible = vec![add(&[], &admin, id(0), new("Hi", true)).expect("added")];
        for shared in [true, false] {
            let twice = add(&visible, &admin, id(1), new("hI", shared));
            assert_eq!(twice, Err(Refusal::ShortcutTaken));
        }
        let same = ReplyPatch {
            shortcut: Some("hi".into()),
            ..ReplyPatch::default()
        };
        let changed = change(&visible, &admin, id(0), same).expect("it is its own");
        assert_eq!(changed.shortcut, "hi");
    }

    #[test]
    fn agents_write_their_own_and_admins_shared_ones() {
        let (admin, agent) = (agent(Role::Admin), agent(Role::Agent));
        let own = add(&[], &agent, id(0), new("mine", false)).expect("added");
        assert_eq!(own.owner, Some(agent.id));
        let refused = add(&[], &agent, id(1), new("ours", true));
        assert_eq!(refused, Err(Refusal::SharedReply));
        let shared = add(&[], &admin, id(1), new("ours", true)).expect("added");
        assert_eq!(shared.owner, None);
        let visible = [own, shared];
        assert_eq!(
            change(&visible, &agent, id(1), ReplyPatch::default()),
            Err(Refusal::SharedReply)
        );
        let share = ReplyPatch {
            shared: Some(true),
            ..ReplyPatch::default()
        };
        assert_eq!(
            change(&visible, &agent, id(0), share),
            Err(Refusal::SharedReply)
        );
        let unknown = find(&visible, &admin, id(2));
        assert_eq!(unknown, Err(Refusal::NotFound));
    }

    #[test]
    fn the_one_past_the_largest_number_is_refused() {
        let agent = agent(Role::Agent);
        let mut visible = Vec::new();
        for number in 0..REPLIES_MAX {
            let reply = add(
                &visible,
                &agent,
                id(number),
                new(&format!("r{number}"), false),
            );
            visible.push(reply.expect("added"));
        }
        let one_more = add(&visible, &agent, id(REPLIES_MAX), new("more", false));
        assert_eq!(one_more, Err(Refusal::TooManyReplies));
    }
}
