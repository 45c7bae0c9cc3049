//! Pings, peers that do not reply to them, and writes that take too long.

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{Peer, SocketTask, resync_wanted};
use crate::chat::RoomId;
use crate::http::socket::closing::EndReason;
use crate::http::socket::feed::RoomFeed;
use crate::http::socket::liveness::Due;
use crate::http::socket::wire::Wire;
use crate::persistence::StoreError;
use crate::protocol::{CloseCode, Ping, encode};

impl SocketTask {
    /// When [`handle_alarm`](Self::handle_alarm) has something to do.
    pub(super) fn next_alarm(&self) -> Instant {
        let next = self.liveness.next();
        self.pending
            .next_deadline()
            .map_or(next, |deadline| deadline.min(next))
    }

    pub(super) async fn handle_alarm(&mut self, wire: &mut Wire) -> Result<(), EndReason> {
        let now = Instant::now();
        self.give_up_overdue_writes(now).await;
        match self.liveness.due(now) {
            // A frame that has arrived meanwhile counts, however late it is read.
            Some(Due::PeerDead) => match wire.recv().now_or_never() {
                Some(incoming) => self.handle_incoming(incoming).await,
                None => Err(CloseCode::NoPong.into()),
            },
            Some(Due::Ping) => self.send_ping(wire).await,
            None => Ok(()),
        }
    }

    async fn give_up_overdue_writes(&mut self, now: Instant) {
        let overdue = self.pending.take_overdue(now);
        if overdue.is_empty() {
            return;
        }
        for write in overdue {
            let error = StoreError::Unavailable("the write was not finished in time".to_owned());
            self.push_write_error(&error.into(), write.room_id, write.id);
        }
        if self.pending.has_held() {
            self.release_held().await;
        }
    }

    /// Before each ping the feeds are compared with the store, so that a push that was lost is
    /// noticed even if no other follows.
    async fn send_ping(&mut self, wire: &mut Wire) -> Result<(), EndReason> {
        // An open console keeps its session in use, and closes if the session has ended.
        if !self.is_visitor() {
            self.check_session().await?;
        }
        let rooms: Vec<RoomId> = self.feeds.keys().copied().collect();
        for room_id in rooms {
            let head = self.state.store.room_head(room_id).await;
            let head = head.map_err(resync_wanted)?.unwrap_or(0);
            let feed = self.feeds.get(&room_id);
            if feed.is_some_and(|feed| feed.delivered() < head) {
                self.close_gap(room_id, wire).await?;
            }
            self.check_notes(room_id).await?;
        }
        let last_seq = match &self.peer {
            Peer::Visitor { room_id, .. } => self.feeds.get(room_id).map(|feed| feed.delivered()),
            Peer::Agent { lobby, .. } => {
                if lobby.is_behind(&self.state.store) {
                    self.close_lobby_gap(wire).await?;
                }
                None
            }
        };
        self.frames.push(encode(&Ping { last_seq }));
        self.liveness.ping_sent(Instant::now());
        Ok(())
    }

    /// Notices notes whose push was lost; the next turn reads them.
    async fn check_notes(&mut self, room_id: RoomId) -> Result<(), EndReason> {
        let notes = |feed: &mut Box<RoomFeed>| feed.notes_mut().is_some();
        if !self.feeds.get_mut(&room_id).is_some_and(notes) {
            return Ok(());
        }
        let last = self.state.store.last_note(room_id).await;
        let last = last.map_err(resync_wanted)?;
        if let Some(notes) = self.feeds.get_mut(&room_id).and_then(|it| it.notes_mut()) {
            notes.goes_to(last);
        }
        Ok(())
    }

    /// Checks that the agent's session still exists, and takes over a changed display name.
    pub(super) async fn check_session(&mut self) -> Result<(), EndReason> {
        let Peer::Agent {
            session,
            auth_version,
            ..
        } = &mut self.peer
        else {
            return Ok(());
        };
        auth_version.borrow_and_update();
        let store = &self.state.store;
        let agent = store.session_agent(*session).await;
        if let Some(agent) = agent.map_err(resync_wanted)? {
            self.joiner.display_name = Some(agent.display_name);
            return Ok(());
        }
        let agent = store.agent(self.joiner.participant_id).await;
        let is_disabled = agent
            .map_err(resync_wanted)?
            .is_some_and(|agent| agent.disabled);
        Err(if is_disabled {
            CloseCode::NotAllowed.into()
        } else {
            CloseCode::TokenRefused.into()
        })
    }
}
