//! The messages of a room over REST, shared by both sides. The callers check who may see the room.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chat::limits::check_message_id;
use crate::chat::{Draft, Message, RoomId, Sender, Side, for_agents};
use crate::http::api::extract::{DeferredJson, Json, Query, check_content, check_seq};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Effect, RoomOp};

/// A message to post.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PostRequest {
    /// Chosen by the sender; posting it again is safe.
    #[schema(format = Uuid)]
    pub(super) id: String,
    /// 1 to 8,000 characters, not blank, without NUL.
    pub(super) content: String,
}

/// A message that is on disk.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PostAnswer {
    pub(super) message: Message,
}

/// A message that is on disk, for agents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentPostAnswer {
    #[serde(serialize_with = "for_agents::message")]
    #[schema(value_type = AgentMessage)]
    pub(super) message: Message,
}

/// A message as agents get it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `for_agents` encodes")]
pub(crate) struct AgentMessage {
    #[serde(flatten)]
    message: Message,
    /// Which agent wrote it, where that is known.
    agent_id: Option<uuid::Uuid>,
}

/// How far a side has read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ReadMark {
    /// A seq of the room.
    seq: u64,
}

/// A page of a room's messages, in seq order.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct MessageList {
    results: Vec<Message>,
    /// Where the next page begins, for the parameter that was used; `before` when none was.
    next: Option<u64>,
}

/// A page of a room's messages for agents, in seq order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentMessageList {
    #[serde(serialize_with = "for_agents::messages")]
    #[schema(value_type = Vec<AgentMessage>)]
    results: Vec<Message>,
    /// Where the next page begins, for the parameter that was used; `before` when none was.
    next: Option<u64>,
}

impl From<PostAnswer> for AgentPostAnswer {
    fn from(PostAnswer { message }: PostAnswer) -> Self {
        Self { message }
    }
}

impl From<MessageList> for AgentMessageList {
    fn from(MessageList { results, next }: MessageList) -> Self {
        Self { results, next }
    }
}

/// Lists messages by the parameters `after`, `before` and `limit`.
pub(crate) async fn list(
    state: &AppState,
    room_id: RoomId,
    query: &Query,
) -> Result<MessageList, Problem> {
    let limit = query.limit()?;
    let (page, next) = match (query.number("after")?, query.number("before")?) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid_field(
                "before",
                "cannot be combined with after",
            ));
        }
        (Some(after), None) => {
            let page = state.store.messages_after(room_id, after, limit).await?;
            let next = page.messages.last().map(|message| message.seq);
            (page, next)
        }
        (None, before) => {
            let page = state.store.messages_before(room_id, before, limit).await?;
            let next = page.messages.first().map(|message| message.seq);
            (page, next)
        }
    };
    Ok(MessageList {
        next: next.filter(|_| page.more),
        results: page.messages,
    })
}

/// Posts a message: 201 for a new one, 200 for a duplicate.
pub(crate) async fn post(
    state: &AppState,
    room_id: RoomId,
    sender_id: uuid::Uuid,
    sender: Sender,
    body: DeferredJson,
) -> Result<(StatusCode, PostAnswer), Problem> {
    let posted = try_post(state, room_id, sender_id, sender, body).await;
    if let Err(problem) = &posted {
        state.metrics.post_refused(problem.code);
    }
    posted
}

async fn try_post(
    state: &AppState,
    room_id: RoomId,
    sender_id: uuid::Uuid,
    sender: Sender,
    body: DeferredJson,
) -> Result<(StatusCode, PostAnswer), Problem> {
    state.limits.check_post(sender_id)?;
    let request: PostRequest = body.read().await?;
    let id =
        check_message_id(&request.id).map_err(|violation| Problem::invalid(vec![violation]))?;
    check_content(&request.content)?;
    let draft = Draft {
        id,
        sender,
        content: request.content,
        via: None,
    };
    let commit = state.rooms.write(room_id, RoomOp::Post(draft)).await?;
    match commit.effect {
        Effect::Posted(message) => Ok((StatusCode::CREATED, PostAnswer { message })),
        Effect::Duplicate(message) => Ok((StatusCode::OK, PostAnswer { message })),
        effect => {
            tracing::error!(?effect, "bug: a post was committed as something else");
            Err(Problem::internal())
        }
    }
}

/// Moves a side's read mark forward and returns where it is.
pub(crate) async fn read(
    state: &AppState,
    room_id: RoomId,
    side: Side,
    mark: &ReadMark,
) -> Result<Json<ReadMark>, Problem> {
    let seq = check_seq(mark.seq)?;
    let commit = state
        .rooms
        .write(room_id, RoomOp::MarkRead { side, seq })
        .await?;
    Ok(Json(ReadMark {
        seq: commit.record.room.read_seq(side),
    }))
}
