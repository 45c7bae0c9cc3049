//! Changes of a room in several respects at once.

use proptest::option;
use proptest::prelude::*;

use crate::chat::{AgentId, Authority, DeskPatch, DetailsPatch, Sender, Status, TagId, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

/// A patch in which agents, tags and times are small numbers.
#[derive(Debug, Clone)]
pub(super) struct AnyPatch {
    by: usize,
    status: Option<Status>,
    name: Option<Option<u8>>,
    assignee: Option<Option<usize>>,
    expect_assignee: Option<Option<usize>>,
    /// Which of the tags it has.
    tags: Option<[bool; 2]>,
    spam: Option<bool>,
    snooze: Option<Option<u8>>,
    block: Option<(bool, Option<u8>)>,
}

/// Any patch, such as an empty one.
pub(super) fn patch() -> impl Strategy<Value = AnyPatch> {
    let agent = 0..2_usize;
    let status = prop_oneof![Just(Status::Active), Just(Status::Closed)];
    let parts = (
        agent.clone(),
        option::of(status),
        option::of(option::of(0..3_u8)),
        option::of(option::of(agent.clone())),
        option::weighted(0.2, option::of(agent)),
        option::of(any::<[bool; 2]>()),
        option::of(any::<bool>()),
        option::of(option::of(0..3_u8)),
        option::of((any::<bool>(), option::of(0..3_u8))),
    );
    parts.prop_map(
        |(by, status, name, assignee, expect_assignee, tags, spam, snooze, block)| AnyPatch {
            by,
            status,
            name,
            assignee,
            expect_assignee,
            tags,
            spam,
            snooze,
            block,
        },
    )
}

/// The agents and the tags that there are.
#[derive(Clone, Copy)]
pub(super) struct Desks {
    agents: [AgentId; 2],
    tags: [TagId; 2],
}

impl Desks {
    pub(super) async fn new(store: &TestStore) -> Self {
        let agent = async |name| store.new_agent(name).await.agent_id().expect("an agent");
        let tag = async |name: &str| {
            let (name, color) = (name.into(), "#112233".into());
            let added = store.add_tag(NewTag { name, color }).await;
            added.expect("added").id
        };
        Self {
            agents: [agent("mia").await, agent("tom").await],
            tags: [tag("order").await, tag("returns").await],
        }
    }

    /// The operation of a patch, unless it is empty.
    pub(super) fn op(&self, patch: &AnyPatch) -> Option<RoomOp> {
        let by = self.agents[patch.by];
        let agent = |place: Option<usize>| place.map(|place| self.agents[place]);
        let time = |number: u8| Timestamp(9_000_000_000_000 + i64::from(number));
        let chosen = |chosen: [bool; 2]| {
            let tags = self.tags.into_iter().zip(chosen);
            tags.filter_map(|(tag, is_chosen)| is_chosen.then_some(tag))
                .collect()
        };
        let patch = RoomPatch {
            desk: DeskPatch {
                assignee: patch.assignee.map(agent),
                expect_assignee: patch.expect_assignee.map(agent),
                tags: patch.tags.map(chosen),
                spam: patch.spam,
                snoozed_until: patch.snooze.map(|until| until.map(time)),
            },
            details: DetailsPatch {
                name: patch.name.map(|name| name.map(|name| name.to_string())),
                authority: Authority::Agent,
                ..DetailsPatch::default()
            },
            block: patch.block.map(|(blocked, until)| SetBlock {
                blocked,
                until: until.map(time),
                by: Principal::Agent(by),
            }),
            status: patch.status.map(|status| {
                let display_name = "Mia".into();
                (
                    status,
                    Sender::Agent {
                        id: by,
                        display_name,
                    },
                )
            }),
        };
        patch.into_op()
    }
}
