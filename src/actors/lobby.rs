use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Shared;
use super::cursor::Cursor;
use super::frontier::Frontier;
use super::hooks::HookPoint;
use super::ids::SubscriptionId;
use super::messages::{LobbyMsg, Report, RoomMsg};
use super::outbox::{Event, LobbyPlace};
use super::subscriber::Console;
use crate::chat::{Counts, RoomId, Summary};
use crate::protocol::{ServerFrame, encode};

/// A room is told to consoles at once, and then again after this time at the
/// earliest: at most four times a second.
const ROOM_THROTTLE: Duration = Duration::from_millis(250);
/// How often the lobby looks whether something passed it by.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Rooms that are reread at a time.
const RESYNC_PAGE: usize = 200;

/// The actor that tells consoles what happens in all rooms.
///
/// It holds no room: a summary is state that a room or the store has, and passes
/// through. So the lobby can die at any time and be made anew.
pub(super) struct Lobby;

pub(super) struct LobbyState {
    shared: Arc<Shared>,
    consoles: HashMap<SubscriptionId, Console>,
    frontier: Frontier,
    /// Where the frontier and the store's head stood at the last heartbeat.
    last_heartbeat: (u64, u64),
    /// Rooms that have reported and may do so again at that time, in its order.
    throttled: VecDeque<(Instant, ActorRef<RoomMsg>)>,
    throttle_armed: bool,
    told_counts: Counts,
    counts_told_at: Option<Instant>,
    /// Since when there has been no console, while agents still count as online.
    agents_gone_at: Option<Instant>,
    agents_armed: bool,
}

impl Actor for Lobby {
    type Msg = LobbyMsg;
    type State = LobbyState;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<LobbyMsg>,
        shared: Arc<Shared>,
    ) -> Result<LobbyState, ActorProcessingErr> {
        let head = shared.store.head();
        myself.send_interval(HEARTBEAT, || LobbyMsg::Heartbeat);
        let mut state = LobbyState {
            shared,
            consoles: HashMap::new(),
            frontier: Frontier::new(head.change),
            last_heartbeat: (head.change, head.change),
            throttled: VecDeque::new(),
            throttle_armed: false,
            told_counts: head.counts,
            counts_told_at: None,
            agents_gone_at: None,
            agents_armed: false,
        };
        // The agents of an earlier lobby get the grace to come back.
        state.arm_agents(&myself);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<LobbyMsg>,
        message: LobbyMsg,
        state: &mut LobbyState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LobbyMsg::Ping(reply) => {
                let _ = reply.send(());
            }
            LobbyMsg::Report(report) => state.report(&myself, report),
            LobbyMsg::Online {
                room_id,
                customer_online,
            } => state.online(room_id, customer_online),
            LobbyMsg::Subscribe { console, reply } => state.subscribe(console, reply),
            LobbyMsg::Leave(id) => {
                state.consoles.remove(&id);
            }
            LobbyMsg::Resync => state.resync().await,
            LobbyMsg::ThrottleDue => state.release(&myself),
            LobbyMsg::Heartbeat => state.heartbeat().await,
            LobbyMsg::AgentsDue => state.agents_due(),
        }
        state.arm_agents(&myself);
        Ok(())
    }
}

impl LobbyState {
    fn report(&mut self, myself: &ActorRef<LobbyMsg>, report: Box<Report>) {
        self.shared
            .hooks
            .reach(HookPoint::LobbyReport, Some(report.summary.room.id));
        self.frontier.add(report.changes);
        self.tell_summary(&report.summary, self.frontier.reached());
        self.tell_counts();
        self.throttled
            .push_back((Instant::now() + ROOM_THROTTLE, report.room));
        self.arm_throttle(myself);
    }

    fn arm_throttle(&mut self, myself: &ActorRef<LobbyMsg>) {
        if let (false, Some((due, _))) = (self.throttle_armed, self.throttled.front()) {
            self.throttle_armed = true;
            myself.send_after(due.saturating_duration_since(Instant::now()), || {
                LobbyMsg::ThrottleDue
            });
        }
    }

    fn release(&mut self, myself: &ActorRef<LobbyMsg>) {
        self.throttle_armed = false;
        let now = Instant::now();
        while let Some((_, room)) = self.throttled.pop_front_if(|(due, _)| *due <= now) {
            // A room that has gone to rest has nothing to report.
            let _ = room.cast(RoomMsg::LobbyReady);
        }
        self.arm_throttle(myself);
    }

    /// Tells a summary with a cursor that no console has to be told anything
    /// before.
    fn tell_summary(&mut self, summary: &Summary, cursor: u64) {
        if self.consoles.is_empty() {
            return;
        }
        let text = Cursor::Change(cursor).encode(self.shared.store.epoch());
        let frame = encode(&ServerFrame::Summary {
            cursor: &text,
            summary,
        });
        let hooks = &self.shared.hooks;
        self.consoles.retain(|_, console| {
            if !console.live.is_on() {
                return true;
            }
            console.told += 1;
            let place = LobbyPlace {
                subscription: console.id,
                number: console.told,
            };
            hooks.ring(&console.outbox, || Event::Summary {
                place,
                cursor,
                frame: frame.clone(),
            })
        });
    }

    fn tell(&mut self, event: impl Fn() -> Event) {
        self.consoles
            .retain(|_, console| !console.live.is_on() || console.outbox.push(event()));
    }

    /// Counts are told when they change, at most as often as a room.
    fn tell_counts(&mut self) {
        let counts = self.shared.store.head().counts;
        let too_soon = self
            .counts_told_at
            .is_some_and(|at| at.elapsed() < ROOM_THROTTLE);
        if counts == self.told_counts || too_soon {
            return;
        }
        self.told_counts = counts;
        self.counts_told_at = Some(Instant::now());
        let frame: Utf8Bytes = encode(&ServerFrame::Counts { counts });
        self.tell(|| Event::Counts {
            counts,
            frame: frame.clone(),
        });
    }

    fn online(&mut self, room_id: RoomId, customer_online: bool) {
        let frame = encode(&ServerFrame::Online {
            room_id,
            customer_online,
        });
        self.tell(|| Event::Online {
            room_id,
            customer_online,
            frame: frame.clone(),
        });
    }

    fn subscribe(&mut self, console: Console, reply: oneshot::Sender<()>) {
        self.shared.hooks.reach(HookPoint::LobbySubscribe, None);
        if reply.send(()).is_ok() {
            self.consoles.insert(console.id, console);
            self.shared.presence.set_agents_online(true);
        }
    }

    /// The agents count as gone when no console came back within the grace.
    fn arm_agents(&mut self, myself: &ActorRef<LobbyMsg>) {
        let online = *self.shared.presence.agents_online().borrow();
        if !online || !self.consoles.is_empty() {
            self.agents_gone_at = None;
            return;
        }
        let gone_for = self
            .agents_gone_at
            .get_or_insert_with(Instant::now)
            .elapsed();
        if !self.agents_armed {
            self.agents_armed = true;
            let left = self.shared.presence_grace.saturating_sub(gone_for);
            myself.send_after(left, || LobbyMsg::AgentsDue);
        }
    }

    fn agents_due(&mut self) {
        self.agents_armed = false;
        let grace = self.shared.presence_grace;
        if self.agents_gone_at.is_some_and(|at| at.elapsed() >= grace) {
            self.shared.presence.set_agents_online(false);
        }
    }

    /// A frontier that has stood still for a whole beat, behind changes that were
    /// there before the beat, has lost a report.
    async fn heartbeat(&mut self) {
        self.shared.hooks.reach(HookPoint::LobbyHeartbeat, None);
        self.tell_counts();
        let now = (self.frontier.reached(), self.shared.store.head().change);
        let (frontier_before, head_before) = std::mem::replace(&mut self.last_heartbeat, now);
        if now.0 == frontier_before && head_before > frontier_before {
            self.resync().await;
        }
    }

    /// Tells everything past the frontier as the store has it.
    async fn resync(&mut self) {
        loop {
            let page = match self
                .shared
                .store
                .changed_since(self.frontier.reached(), RESYNC_PAGE)
                .await
            {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the lobby could not be reread; it tries again");
                    return;
                }
            };
            for record in &page.records {
                let summary = record.summary(self.shared.presence.is_online(record.room.id));
                self.tell_summary(&summary, record.change);
            }
            self.frontier.advance_to(page.change);
            if !page.more {
                break;
            }
        }
        self.tell_counts();
    }
}
