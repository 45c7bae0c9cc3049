//! What agents change of a room.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::chat::limits::{self, check_line};
use crate::chat::{
    Agent, AgentId, Authority, DeskPatch, DetailsPatch, ROOM_TAGS_MAX, RoomRecord, Sender, Status,
    TagId, Timestamp,
};
use crate::http::api::extract::{Violations, ids, nullable, nullable_id};
use crate::http::desk_ids::check_desk;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Principal, RoomOp, RoomPatch, SetBlock};

/// A change of a room. A detail that is null or empty is removed.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct RoomChange {
    /// `active` or `closed`.
    status: Option<Status>,
    /// At most 100 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    customer_name: Option<Option<String>>,
    /// At most 254 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    customer_email: Option<Option<String>>,
    /// At most 40 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    customer_phone: Option<Option<String>>,
    /// Keep this visitor from posting, in all their rooms.
    blocked: Option<bool>,
    /// Block until this time; null: without an end.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Timestamp>)]
    blocked_until: Option<Option<Timestamp>>,
    /// The agent who answers from now on; null: nobody.
    #[serde(default, deserialize_with = "nullable_id")]
    #[schema(value_type = Option<Uuid>)]
    assignee: Option<Option<AgentId>>,
    /// The agent who has to be the assignee until now; null: nobody.
    #[serde(default, deserialize_with = "nullable_id")]
    #[schema(value_type = Option<Uuid>)]
    expect_assignee: Option<Option<AgentId>>,
    /// All its tags from now on, at most 20.
    #[serde(default, deserialize_with = "ids")]
    #[schema(value_type = Option<Vec<Uuid>>)]
    tags: Option<Vec<TagId>>,
    /// Spam is outside of lists and counts, and rings nobody.
    spam: Option<bool>,
    /// Put off until this time or the customer's next message; null: no longer.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Timestamp>)]
    snoozed_until: Option<Option<Timestamp>>,
}

impl RoomChange {
    /// What is to be done, if anything.
    pub(super) async fn into_op(
        mut self,
        state: &AppState,
        room: &RoomRecord,
        agent: Agent,
    ) -> Result<Option<RoomOp>, Problem> {
        let desk = self.desk_patch(state).await?;
        let mut violations = Violations::default();
        let mut line = |field, change: Option<Option<String>>, max_chars| {
            change.map(|value| violations.check(check_line(field, value.as_deref(), max_chars)))
        };
        let details = DetailsPatch {
            name: line("customer_name", self.customer_name, limits::NAME_CHARS),
            email: line("customer_email", self.customer_email, limits::EMAIL_CHARS),
            phone: line("customer_phone", self.customer_phone, limits::PHONE_CHARS),
            page_url: None,
            authority: Authority::Agent,
        };
        violations.finish()?;
        if self.status == Some(Status::Waiting) {
            return Err(Problem::invalid_field(
                "status",
                "must be active or closed; only a customer's message makes a room wait",
            ));
        }
        let until = future("blocked_until", self.blocked_until)?;
        // A time blocks; no time makes a block that there is endless.
        let blocked = (self.blocked).or(until.map(|until| until.is_some() || room.blocked));
        let by = Sender::Agent {
            id: agent.id,
            display_name: agent.display_name,
        };
        let patch = RoomPatch {
            desk,
            details,
            block: blocked.map(|blocked| SetBlock {
                blocked,
                until: until.flatten(),
                by: Principal::Agent(agent.id),
            }),
            status: self.status.map(|status| (status, by)),
        };
        Ok(patch.into_op())
    }

    async fn desk_patch(&mut self, state: &AppState) -> Result<DeskPatch, Problem> {
        if self.expect_assignee.is_some() && self.assignee.is_none() {
            return Err(Problem::invalid_field(
                "expect_assignee",
                "only makes sense with assignee",
            ));
        }
        let tags = self.tags.take();
        let count = tags.as_ref().map_or(0, Vec::len);
        if count > ROOM_TAGS_MAX {
            return Err(Problem::invalid_field(
                "tags",
                format!("must be at most {ROOM_TAGS_MAX}"),
            ));
        }
        let patch = DeskPatch {
            assignee: self.assignee,
            expect_assignee: self.expect_assignee,
            tags,
            spam: self.spam,
            snoozed_until: future("snoozed_until", self.snoozed_until)?,
        };
        check_desk(&state.names, &patch).await?;
        Ok(patch)
    }
}

fn future(
    field: &str,
    time: Option<Option<Timestamp>>,
) -> Result<Option<Option<Timestamp>>, Problem> {
    match time.flatten() {
        Some(time) if time <= Timestamp::now() => {
            Err(Problem::invalid_field(field, "must be in the future"))
        }
        _ => Ok(time),
    }
}
