//! Sample data for `shoptalk demo`: an agent with a well-known password, canned replies,
//! conversations of the last nine days, some of which are waiting, and the shop's cards about some of
//! the customers.

mod cards;
mod conversations;
mod replies;

use std::time::Duration;

use tokio::sync::oneshot;

pub use self::cards::cards_of;
use self::conversations::{CONVERSATIONS, Conversation, DAY, Line};
use self::replies::REPLIES;
use crate::chat::{Agent, Details, Draft, Role, RoomId, Sender, Side, Status};
use crate::credentials::{TokenKind, hash_token, new_token};
use crate::passwords::{HashError, hash_password};
use crate::persistence::{
    Identity, NewAgent, OpenRoom, Principal, RoomOp, Store, StoreError, WriteError,
};

/// The agent's user name.
pub const USERNAME: &str = "admin";
/// The agent's password. The demo listens on loopback addresses only.
pub const PASSWORD: &str = "admin123";
const DISPLAY_NAME: &str = "Mia";

/// Why the sample data could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The store refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// Minutes between two lines; used in turn.
const PAUSES: [u64; 4] = [1, 3, 2, 5];

/// Fills an empty store.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn fill(store: &Store) -> Result<(), FillError> {
    let agent = NewAgent {
        username: USERNAME.to_owned(),
        display_name: DISPLAY_NAME.to_owned(),
        role: Role::Admin,
        password_hash: hash_password(PASSWORD)?,
    };
    set_clock(store, 60 * DAY);
    let agent = store.add_agent(agent, Principal::CommandLine).await?;
    for reply in REPLIES {
        store.add_reply(agent.clone(), reply.to_new()).await?;
    }
    for conversation in CONVERSATIONS {
        write_conversation(store, conversation, &sender(&agent)).await?;
    }
    set_clock(store, 0);
    Ok(())
}

fn set_clock(store: &Store, minutes_ago: u64) {
    store.set_clock_back(Duration::from_secs(60 * minutes_ago));
}

async fn write_conversation(
    store: &Store,
    conversation: &Conversation,
    agent: &Sender,
) -> Result<(), WriteError> {
    let details = Details {
        name: conversation.name.map(str::to_owned),
        email: conversation.email.map(str::to_owned),
        phone: conversation.phone.map(str::to_owned),
        page_url: Some(conversation.page.to_owned()),
    };
    let user = conversation.email.and_then(cards::user_of);
    let identity = user.map(|user| Identity {
        user: user.to_owned(),
        details: details.clone(),
        attributes: None,
    });
    let mut ago = conversation.minutes_ago;
    ago += PAUSES
        .iter()
        .cycle()
        .take(conversation.lines.len())
        .sum::<u64>();
    set_clock(store, ago);
    let fresh_token = hash_token(&new_token(TokenKind::Visitor));
    let opened = store
        .open_room(OpenRoom {
            token: None,
            identity,
            details,
            fresh_token,
        })
        .await?;
    let room_id = opened.record.room.id;
    let (mut seq, mut replied) = (0, 0);
    for (line, pause) in conversation.lines.iter().zip(PAUSES.iter().cycle()) {
        ago -= pause;
        set_clock(store, ago);
        seq += 1;
        let op = match line {
            Line::Visitor(content) => draft(Sender::Visitor, content),
            Line::Agent(content) => {
                replied = seq;
                draft(agent.clone(), content)
            }
            Line::Closed => RoomOp::SetStatus {
                status: Status::Closed,
                by: agent.clone(),
            },
        };
        write(store, room_id, op).await?;
    }
    // An agent who replies has read everything before, and the visitor has read the reply.
    let agents_read = if conversation.read { seq } else { replied };
    for (side, seq) in [(Side::Agent, agents_read), (Side::Visitor, replied)] {
        if seq > 0 {
            write(store, room_id, RoomOp::MarkRead { side, seq }).await?;
        }
    }
    Ok(())
}

fn sender(agent: &Agent) -> Sender {
    Sender::Agent {
        id: agent.id,
        display_name: agent.display_name.clone(),
    }
}

fn draft(sender: Sender, content: &str) -> RoomOp {
    RoomOp::Post(Draft {
        id: uuid::Uuid::now_v7(),
        sender,
        content: content.to_owned(),
        via: None,
    })
}

/// Writes to the store directly, because no room is live yet.
async fn write(store: &Store, room_id: RoomId, op: RoomOp) -> Result<(), WriteError> {
    let (done, outcome) = oneshot::channel();
    store.write_room(
        room_id,
        op,
        Box::new(move |outcome| {
            // Fails only if the caller no longer waits.
            let _ = done.send(outcome);
        }),
    );
    outcome.await.map_err(|_| StoreError::Closed)??;
    Ok(())
}
