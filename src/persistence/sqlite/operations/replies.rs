use uuid::Uuid;

use crate::chat::{Agent, AgentId, CannedReply, ReplyId};
use crate::persistence::rules::replies as rules;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::replies;
use crate::persistence::{NewReply, ReplyPatch, StoreError, WriteError};

impl SqliteStore {
    pub(crate) async fn replies(&self, agent: AgentId) -> Result<Vec<CannedReply>, StoreError> {
        self.readers()
            .read(move |conn| replies::visible_to(conn, agent))
            .await
    }

    pub(crate) async fn add_reply(
        &self,
        agent: Agent,
        new: NewReply,
    ) -> Result<CannedReply, WriteError> {
        self.write(move |tx| {
            let visible = replies::visible_to(tx.conn, agent.id)?;
            let reply = rules::add(&visible, &agent, Uuid::now_v7(), new.clone())?;
            replies::write(tx, &reply)?;
            Ok(reply)
        })
        .await
    }

    pub(crate) async fn change_reply(
        &self,
        agent: Agent,
        id: ReplyId,
        patch: ReplyPatch,
    ) -> Result<CannedReply, WriteError> {
        self.write(move |tx| {
            let visible = replies::visible_to(tx.conn, agent.id)?;
            let reply = rules::change(&visible, &agent, id, patch.clone())?;
            replies::write(tx, &reply)?;
            Ok(reply)
        })
        .await
    }

    pub(crate) async fn delete_reply(&self, agent: Agent, id: ReplyId) -> Result<(), WriteError> {
        self.write(move |tx| {
            let visible = replies::visible_to(tx.conn, agent.id)?;
            let reply = rules::find(&visible, &agent, id)?;
            replies::delete(tx, reply.id)?;
            Ok(())
        })
        .await
    }
}
