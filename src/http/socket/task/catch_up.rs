//! Reads from the store what the client has not been sent: the pages of a long resume, and gaps.

use std::borrow::Cow;

use super::{Peer, SocketTask, resync_wanted};
use crate::actors::LobbyGone;
use crate::chat::RoomId;
use crate::http::socket::closing::EndReason;
use crate::http::socket::wire::Wire;
use crate::protocol::{CloseCode, ServerFrame, encode};

impl SocketTask {
    /// Whether a long resume has pages left, of a room or of the lobby.
    pub(super) fn is_catching_up(&self) -> bool {
        let lobby = matches!(&self.peer, Peer::Agent { lobby, .. } if lobby.is_catching_up());
        lobby || self.feeds.values().any(|feed| feed.is_catching_up())
    }

    /// Reads one page of a long resume. The next one is read when this one has been sent.
    pub(super) async fn catch_up(&mut self) -> Result<(), EndReason> {
        let (store, presence) = (&self.state.store, &self.state.presence);
        if let Peer::Agent { lobby, .. } = &mut self.peer
            && lobby.is_catching_up()
        {
            let page = lobby.next_page(store, presence).await;
            let page = page.map_err(resync_wanted)?;
            self.frames.push(encode(&ServerFrame::Summaries {
                cursor: Cow::Borrowed(&page.cursor),
                summaries: Cow::Borrowed(&page.summaries),
                more: page.more,
            }));
            if !page.more {
                // What changed while the pages were sent.
                while lobby
                    .close_gap(store, presence, &mut self.frames)
                    .await
                    .map_err(resync_wanted)?
                {}
            }
            return Ok(());
        }
        if let Some(feed) = self.feeds.values_mut().find(|feed| feed.is_catching_up()) {
            feed.catch_up(store, &mut self.frames)
                .await
                .map_err(resync_wanted)?;
        }
        Ok(())
    }

    /// Sends the messages of a room that the client misses.
    pub(super) async fn close_gap(
        &mut self,
        room_id: RoomId,
        wire: &mut Wire,
    ) -> Result<(), EndReason> {
        while let Some(feed) = self.feeds.get_mut(&room_id) {
            let more = feed.close_gap(&self.state.store, &mut self.frames).await;
            if !more.map_err(resync_wanted)? {
                break;
            }
            self.send(wire).await?;
        }
        Ok(())
    }

    /// Sends the rooms' states that a console misses.
    pub(super) async fn close_lobby_gap(&mut self, wire: &mut Wire) -> Result<(), EndReason> {
        while let Peer::Agent { lobby, .. } = &mut self.peer {
            let (store, presence) = (&self.state.store, &self.state.presence);
            let more = lobby.close_gap(store, presence, &mut self.frames).await;
            if !more.map_err(resync_wanted)? {
                break;
            }
            self.send(wire).await?;
        }
        Ok(())
    }

    /// Takes what is new in the lobby's log. If the lobby has died, subscribes to the next one;
    /// the client notices nothing.
    pub(super) async fn take_lobby_changes(
        &mut self,
        changed: Result<(), LobbyGone>,
        wire: &mut Wire,
    ) -> Result<(), EndReason> {
        let Peer::Agent { lobby, .. } = &mut self.peer else {
            return Ok(());
        };
        let gap = match changed {
            Ok(()) => lobby
                .take(&mut self.frames)
                .map_err(|_| CloseCode::ResyncWanted)?,
            Err(LobbyGone) => {
                lobby
                    .resubscribe()
                    .await
                    .map_err(|_| CloseCode::ResyncWanted)?;
                true
            }
        };
        if gap {
            self.close_lobby_gap(wire).await?;
        }
        Ok(())
    }
}
