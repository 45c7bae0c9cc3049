//! Fixtures of the trials: rooms, a signed-in agent, the server's metrics.

use anyhow::{Context, Result, ensure};
use uuid::Uuid;

use crate::common::{PASSWORD, Response, Rest, json, new_id};
use crate::process::{Process, Setup};
use crate::workload;

/// A customer's room.
#[derive(Clone)]
pub(crate) struct Room {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

impl Room {
    pub(crate) async fn open(rest: &Rest) -> Result<Self> {
        let (id, token) = workload::open_room(rest).await?;
        Ok(Self { id, token })
    }

    pub(crate) async fn post(&self, rest: &Rest, content: &str) -> Result<()> {
        let path = format!("/api/chat/rooms/{}/messages/", self.id);
        let body = json!({"id": new_id(), "content": content});
        let posted = rest.bearer(&self.token).post(&path, body).await;
        ensure!(posted.status == 201, "{}", posted.text);
        Ok(())
    }
}

/// The token of "ada", who was added before.
pub(crate) async fn sign_in(server: &Process) -> Result<String> {
    let body = json!({"username": "ada", "password": PASSWORD});
    let signed_in = server.rest().post("/api/admin/login/", body).await;
    ensure!(signed_in.status == 200, "{}", signed_in.text);
    Ok(signed_in.json()["token"].as_str().context("t")?.to_owned())
}

/// Open sockets of both sides.
pub(crate) async fn sockets_open(rest: &Rest) -> usize {
    rest.metric("shoptalk_sockets").await as usize
}

/// Sockets that were closed with 4008.
pub(crate) async fn overflows(rest: &Rest) -> usize {
    rest.metric("shoptalk_outbox_overflows_total").await as usize
}

/// A shop with an agent and a room with messages in it.
pub(crate) struct OpenShop {
    pub(crate) agent: Rest,
    pub(crate) visitor: Rest,
    pub(crate) room_id: String,
}

impl OpenShop {
    /// Makes the first agent by the setup link, which works also where only the server sees the
    /// disk, and `messages` messages in a new room.
    pub(crate) async fn create(setup: &Setup, server: &Process, messages: usize) -> Result<Self> {
        let log = setup.log()?;
        let code = log
            .split_once("/admin/setup#")
            .map(|(_, rest)| rest.split_whitespace().next().unwrap_or(""))
            .context("a setup link")?;
        let rest = server.rest();
        let body = json!({"code": code, "username": "ada", "password": PASSWORD});
        let made = rest.post("/api/admin/setup/", body).await.is(201);
        let opened = rest.post("/api/chat/rooms/", json!({})).await.is(201);
        let shop = Self {
            agent: rest.bearer(made["token"].as_str().context("a token")?),
            visitor: rest.bearer(opened["token"].as_str().context("a token")?),
            room_id: opened["room"]["id"].as_str().context("an id")?.to_owned(),
        };
        for _ in 0..messages {
            shop.post().await?.is(201);
        }
        Ok(shop)
    }

    pub(crate) fn messages(&self) -> String {
        format!("/api/chat/rooms/{}/messages/", self.room_id)
    }

    pub(crate) async fn post(&self) -> Result<Response> {
        let body = json!({"id": new_id(), "content": "Where is my blue kettle?"});
        Ok(self.visitor.post(&self.messages(), body).await)
    }
}

/// Tries to sign "ada" in.
pub(crate) async fn try_sign_in(server: &Process) -> Response {
    let body = json!({"username": "ada", "password": PASSWORD});
    server.rest().post("/api/admin/login/", body).await
}
