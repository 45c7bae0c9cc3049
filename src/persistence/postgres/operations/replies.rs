//! Every change first takes the lock of changes of agents, so that two nodes give no shortcut twice.

use uuid::Uuid;

use crate::chat::{Agent, AgentId, CannedReply, ReplyId};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{agents, replies};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::replies as rules;
use crate::persistence::{NewReply, ReplyPatch, StoreError, WriteError};

impl PostgresStore {
    pub(crate) async fn replies(&self, agent: AgentId) -> Result<Vec<CannedReply>, StoreError> {
        self.read(async |db| replies::visible_to(db, agent).await)
            .await
    }

    pub(crate) async fn add_reply(
        &self,
        agent: Agent,
        new: NewReply,
    ) -> Result<CannedReply, WriteError> {
        self.write(move |tx| Box::pin(add(tx, agent.clone(), new.clone())))
            .await
    }

    pub(crate) async fn change_reply(
        &self,
        agent: Agent,
        id: ReplyId,
        patch: ReplyPatch,
    ) -> Result<CannedReply, WriteError> {
        self.write(move |tx| Box::pin(change(tx, agent.clone(), id, patch.clone())))
            .await
    }

    pub(crate) async fn delete_reply(&self, agent: Agent, id: ReplyId) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(delete(tx, agent.clone(), id)))
            .await
    }
}

async fn visible(tx: &Tx, agent: AgentId) -> Result<Vec<CannedReply>, TxError> {
    agents::lock_all(tx).await?;
    replies::visible_to(tx, agent).await
}

async fn add(tx: &mut Tx, agent: Agent, new: NewReply) -> Result<CannedReply, TxError> {
    let visible = visible(tx, agent.id).await?;
    let reply = rules::add(&visible, &agent, Uuid::now_v7(), new)?;
    replies::write(tx, &reply).await?;
    Ok(reply)
}

async fn change(
    tx: &mut Tx,
    agent: Agent,
    id: ReplyId,
    patch: ReplyPatch,
) -> Result<CannedReply, TxError> {
    let visible = visible(tx, agent.id).await?;
    let reply = rules::change(&visible, &agent, id, patch)?;
    replies::write(tx, &reply).await?;
    Ok(reply)
}

async fn delete(tx: &mut Tx, agent: Agent, id: ReplyId) -> Result<(), TxError> {
    let visible = visible(tx, agent.id).await?;
    let reply = rules::find(&visible, &agent, id)?;
    replies::delete(tx, reply.id).await
}
