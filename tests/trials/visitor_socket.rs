//! A visitor's socket that resumes after what was seen and records what it is shown.
//!
//! It is the client's low layer on purpose: `shoptalk_client::Visitor` hides what a server does
//! wrong (a message that comes twice, a gap), and a trial has to see it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use shoptalk_client::chat::Message;
use shoptalk_client::protocol::{
    Resume, ServerFrame, VisitorFrame, VisitorHello, VisitorServerFrame,
};
use shoptalk_client::{Closed, Socket, SocketOptions};
use tokio::time::timeout;
use uuid::Uuid;

use crate::common::DEADLINE;
use crate::history::View;

/// How long to wait for a frame, at most. Pings come every 25 s.
pub(crate) const SILENCE: Duration = DEADLINE;

/// Reads what is past the view.
pub(crate) async fn catch_up(
    addr: SocketAddr,
    room_id: Uuid,
    token: &str,
    view: &mut View,
) -> Result<()> {
    let mut socket = VisitorSocket::connect(addr, room_id, token, view).await?;
    while socket.more {
        socket
            .next(view)
            .await?
            .context("the connection was lost")?;
    }
    Ok(())
}

/// A live socket after its welcome.
pub(crate) struct VisitorSocket {
    socket: Socket,
    /// The rest of the resume is still on its way.
    pub(crate) more: bool,
}

impl VisitorSocket {
    /// Connects and resumes, however often it takes: a server may refuse a client that is to come
    /// back later.
    pub(crate) async fn connect(
        addr: SocketAddr,
        room_id: Uuid,
        token: &str,
        view: &mut View,
    ) -> Result<Self> {
        let connected = async {
            loop {
                if let Some(socket) = Self::try_connect(addr, room_id, token, view).await? {
                    return Ok(socket);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, connected).await.context("no server")?
    }

    /// Connects and resumes after what was seen; nothing when there is no server.
    pub(crate) async fn try_connect(
        addr: SocketAddr,
        room_id: Uuid,
        token: &str,
        view: &mut View,
    ) -> Result<Option<Self>> {
        let (base, path) = (format!("http://{addr}"), format!("/ws/chat/{room_id}/"));
        let options = SocketOptions {
            connect_timeout: SILENCE,
            ..SocketOptions::default()
        };
        let Ok(socket) = Socket::connect(&base, &path, options).await else {
            return Ok(None);
        };
        let mut live = Self { socket, more: true };
        let hello = VisitorHello {
            token: Some(token.to_owned()),
            resume: Resume {
                after: Some(view.last()),
                ..Resume::default()
            },
            locale: None,
        };
        if live.send(&hello).await.is_none() {
            return Ok(None);
        }
        match live.next(view).await? {
            None => Ok(None),
            Some(VisitorServerFrame::Welcome(welcome)) => {
                ensure!(welcome.recovered, "no resume after {}", view.last());
                Ok(Some(live))
            }
            Some(VisitorServerFrame::Event(ServerFrame::GoingAway { .. })) => Ok(Some(live)),
            Some(frame) => bail!("no welcome: {frame:?}"),
        }
    }

    /// Sends a frame; nothing when the connection has ended.
    pub(crate) async fn send(&mut self, frame: &impl Serialize) -> Option<()> {
        self.socket.send(frame).await.ok()
    }

    /// The next frame; what it shows goes into the view as it comes. Nothing when the
    /// connection has ended.
    pub(crate) async fn next(&mut self, view: &mut View) -> Result<Option<VisitorServerFrame>> {
        loop {
            let received = timeout(SILENCE, self.socket.receive())
                .await
                .context("a socket without any frame, not even a ping")?;
            let frame = match received {
                Ok(frame) => frame,
                Err(closed @ Closed::BadFrame(_)) => return Err(closed.into()),
                Err(closed) if closed.code().is_some_and(|code| code >= 4500) => {
                    return Err(closed.into());
                }
                Err(_) => return Ok(None),
            };
            match &frame {
                VisitorServerFrame::Ping(_) => {
                    if self.send(&VisitorFrame::Pong).await.is_none() {
                        return Ok(None);
                    }
                    continue;
                }
                VisitorServerFrame::Welcome(welcome) => {
                    record(view, &welcome.messages);
                    self.more = welcome.more;
                }
                VisitorServerFrame::Event(ServerFrame::Messages { messages, more, .. }) => {
                    record(view, messages);
                    self.more = *more;
                }
                VisitorServerFrame::Event(ServerFrame::Message { message, .. }) => {
                    record(view, std::slice::from_ref(message));
                }
                VisitorServerFrame::Event(_) | VisitorServerFrame::Error(_) => {}
            }
            return Ok(Some(frame));
        }
    }
}

fn record(view: &mut View, messages: &[Message]) {
    let seen = messages.iter().map(|message| (message.seq, message.id));
    view.seen.extend(seen);
}
