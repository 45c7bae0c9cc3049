use crate::chat::*;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::*;

impl PostgresStore {
    pub(crate) async fn agent_count(&self) -> Result<u64, StoreError> {
        Err(StoreError::Internal("agent_count is not there yet".into()).into())
    }

    pub(crate) async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        Err(StoreError::Internal("agents is not there yet".into()).into())
    }

    pub(crate) async fn agent(&self, _id: AgentId) -> Result<Option<Agent>, StoreError> {
        Err(StoreError::Internal("agent is not there yet".into()).into())
    }

    pub(crate) async fn agent_credentials(
        &self,
        _username: &str,
    ) -> Result<Option<AgentCredentials>, StoreError> {
        Err(StoreError::Internal("agent_credentials is not there yet".into()).into())
    }

    pub(crate) async fn add_agent(
        &self,
        _agent: NewAgent,
        _by: Principal,
    ) -> Result<Agent, WriteError> {
        Err(StoreError::Internal("add_agent is not there yet".into()).into())
    }

    pub(crate) async fn set_up(
        &self,
        _agent: NewAgent,
        _session: NewSession,
    ) -> Result<Agent, WriteError> {
        Err(StoreError::Internal("set_up is not there yet".into()).into())
    }

    pub(crate) async fn change_agent(
        &self,
        _id: AgentId,
        _patch: AgentPatch,
        _by: Principal,
    ) -> Result<Agent, WriteError> {
        Err(StoreError::Internal("change_agent is not there yet".into()).into())
    }

    pub(crate) async fn has_foreign_passwords(&self) -> Result<bool, StoreError> {
        Err(StoreError::Internal("has_foreign_passwords is not there yet".into()).into())
    }

    pub(crate) async fn replace_password_hash(
        &self,
        _verified: AgentCredentials,
        _new_hash: String,
    ) -> Result<bool, WriteError> {
        Err(StoreError::Internal("replace_password_hash is not there yet".into()).into())
    }

    pub(crate) async fn start_session(
        &self,
        _verified: AgentCredentials,
        _session: NewSession,
    ) -> Result<(), WriteError> {
        Err(StoreError::Internal("start_session is not there yet".into()).into())
    }

    pub(crate) async fn session_agent(
        &self,
        _token: TokenHash,
    ) -> Result<Option<Agent>, StoreError> {
        Err(StoreError::Internal("session_agent is not there yet".into()).into())
    }

    pub(crate) async fn end_session(&self, _token: TokenHash) -> Result<(), WriteError> {
        Err(StoreError::Internal("end_session is not there yet".into()).into())
    }

    pub(crate) async fn end_sessions_of(&self, _agent: AgentId) -> Result<(), WriteError> {
        Err(StoreError::Internal("end_sessions_of is not there yet".into()).into())
    }

    pub(crate) async fn audit(
        &self,
        _action: AuditAction,
        _by: Principal,
        _subject: Option<String>,
    ) -> Result<(), WriteError> {
        Err(StoreError::Internal("audit is not there yet".into()).into())
    }
}
