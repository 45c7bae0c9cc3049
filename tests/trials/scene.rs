//! A shop with an agent and a room with messages in it.

use anyhow::{Context, Result};

use crate::common::{Answer, PASSWORD, Rest, json, new_id};
use crate::process::{Process, Setup};

/// A room with messages in it, and whose it is.
pub(crate) struct Scene {
    pub(crate) agent: Rest,
    pub(crate) visitor: Rest,
    pub(crate) room_id: String,
}

impl Scene {
    /// Makes the first agent by the setup link, so that it works also where only the server
    /// sees the disk, and so many messages in a new room.
    pub(crate) async fn set(setup: &Setup, server: &Process, messages: usize) -> Result<Self> {
        let said = setup.said()?;
        let code = said
            .split_once("/admin/setup#")
            .map(|(_, rest)| rest.split_whitespace().next().unwrap_or(""))
            .context("a setup link")?;
        let rest = server.rest();
        let body = json!({"code": code, "username": "ada", "password": PASSWORD});
        let made = rest.post("/api/admin/setup/", body).await.is(201);
        let opened = rest.post("/api/chat/rooms/", json!({})).await.is(201);
        let scene = Self {
            agent: rest.bearer(made["token"].as_str().context("a token")?),
            visitor: rest.bearer(opened["token"].as_str().context("a token")?),
            room_id: opened["room"]["id"].as_str().context("an id")?.to_owned(),
        };
        for _ in 0..messages {
            scene.post().await?.is(201);
        }
        Ok(scene)
    }

    pub(crate) fn messages(&self) -> String {
        format!("/api/chat/rooms/{}/messages/", self.room_id)
    }

    pub(crate) async fn post(&self) -> Result<Answer> {
        let body = json!({"id": new_id(), "content": "Where is my blue kettle?"});
        Ok(self.visitor.post(&self.messages(), body).await)
    }
}

/// What a sign-in of «ada» is answered.
pub(crate) async fn sign_in(server: &Process) -> Answer {
    let body = json!({"username": "ada", "password": PASSWORD});
    server.rest().post("/api/admin/login/", body).await
}
