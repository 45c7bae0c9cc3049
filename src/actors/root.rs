use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::Shared;
use super::lobby::Lobby;
use super::messages::SupervisorMsg;
use super::room_supervisor::RoomSupervisor;

/// A new lobby waits this long after the death of the last one.
const LOBBY_BACKOFF: Duration = Duration::from_millis(20);

/// The top of the tree: keeps a lobby there, and gives up when the rooms'
/// supervisor has gone, since nothing could be trusted then.
pub(super) struct Root;

pub(super) enum RootMsg {
    /// Make a lobby.
    StartLobby,
}

pub(super) struct RootState {
    shared: Arc<Shared>,
    rooms: ActorRef<SupervisorMsg>,
    lobby: Option<ActorCell>,
}

impl Actor for Root {
    type Msg = RootMsg;
    type State = RootState;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMsg>,
        shared: Arc<Shared>,
    ) -> Result<RootState, ActorProcessingErr> {
        let (rooms, _) =
            RoomSupervisor::spawn_linked(None, RoomSupervisor, shared.clone(), myself.get_cell())
                .await?;
        shared.supervisor.send_replace(Some(rooms.clone()));
        let mut state = RootState {
            shared,
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
                state.start_lobby(&myself).await?;
                let _ = state.rooms.cast(SupervisorMsg::LobbyRestarted);
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
            state
                .shared
                .fail(format!("the supervisor of the rooms has stopped: {cause}"));
        } else if state
            .lobby
            .as_ref()
            .is_some_and(|lobby| lobby.get_id() == actor.get_id())
        {
            tracing::error!(%cause, "the lobby has failed and is made anew");
            state.shared.metrics.lobby_restarts.increment(1);
            state.lobby = None;
            state.shared.lobby.send_replace(None);
            myself.send_after(LOBBY_BACKOFF, || RootMsg::StartLobby);
        }
        Ok(())
    }
}

impl RootState {
    async fn start_lobby(&mut self, myself: &ActorRef<RootMsg>) -> Result<(), ActorProcessingErr> {
        let (lobby, _) =
            Lobby::spawn_linked(None, Lobby, self.shared.clone(), myself.get_cell()).await?;
        self.lobby = Some(lobby.get_cell());
        self.shared.lobby.send_replace(Some(lobby));
        Ok(())
    }
}
