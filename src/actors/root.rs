use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::TreeFailure;
use super::context::ActorContext;
use super::lobby::Lobby;
use super::messages::SupervisorMsg;
use super::room_supervisor::RoomSupervisor;

/// How long after a lobby's failure the next one is started.
const LOBBY_BACKOFF: Duration = Duration::from_millis(20);

/// The top of the tree. It starts a new lobby whenever one fails. It reports a [`TreeFailure`] when
/// that is not possible, or when the supervisor of the rooms has stopped.
pub(super) struct Root;

pub(super) enum RootMsg {
    /// Start a lobby.
    StartLobby,
}

pub(super) struct RootState {
    context: Arc<ActorContext>,
    rooms: ActorRef<SupervisorMsg>,
    lobby: Option<ActorCell>,
}

impl Actor for Root {
    type Msg = RootMsg;
    type State = RootState;
    type Arguments = Arc<ActorContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMsg>,
        context: Arc<ActorContext>,
    ) -> Result<RootState, ActorProcessingErr> {
        let (rooms, _) =
            RoomSupervisor::spawn_linked(None, RoomSupervisor, context.clone(), myself.get_cell())
                .await?;
        context.supervisor.send_replace(Some(rooms.clone()));
        let mut state = RootState {
            context,
            rooms,
            lobby: None,
        };
        state.start_lobby(&myself).await?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<RootMsg>,
        message: RootMsg,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMsg::StartLobby => {
                match state.start_lobby(&myself).await {
                    Ok(()) => {
                        let _ = state.rooms.cast(SupervisorMsg::LobbyRestarted);
                    }
                    // The rooms go on until the server has drained.
                    Err(error) => state.context.fail(TreeFailure::LobbyNotRestarted {
                        cause: error.to_string(),
                    }),
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMsg>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let (actor, cause) = match event {
            SupervisionEvent::ActorTerminated(actor, _, reason) => {
                (actor, reason.unwrap_or_default())
            }
            SupervisionEvent::ActorFailed(actor, error) => (actor, error.to_string()),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        if actor.get_id() == state.rooms.get_id() {
            state.context.fail(TreeFailure::SupervisorStopped { cause });
        } else if state
            .lobby
            .as_ref()
            .is_some_and(|lobby| lobby.get_id() == actor.get_id())
        {
            tracing::error!(%cause, "the lobby failed, starting a new one");
            state.context.metrics.lobby_restarts.increment(1);
            state.lobby = None;
            state.context.lobby.send_replace(None);
            myself.send_after(LOBBY_BACKOFF, || RootMsg::StartLobby);
        }
        Ok(())
    }
}

impl RootState {
    async fn start_lobby(&mut self, myself: &ActorRef<RootMsg>) -> Result<(), ActorProcessingErr> {
        let (lobby, _) =
            Lobby::spawn_linked(None, Lobby, self.context.clone(), myself.get_cell()).await?;
        self.lobby = Some(lobby.get_cell());
        self.context.lobby.send_replace(Some(lobby));
        Ok(())
    }
}
