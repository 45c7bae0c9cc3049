//! A shop with an agent and a room with messages in it.

use anyhow::{Context, Result, ensure};

use crate::common::{Answer, PASSWORD, Rest, json, new_id};
use crate::process::{Process, Setup};

/// A room with messages in it, and whose it is.
pub(crate) struct Scene {
    pub(crate) agent: Rest,
    pub(crate) visitor: Rest,
    pub(crate) room_id: String,
}

impl Scene {
    pub(crate) async fn set(setup: &mut Setup, server: &Process, messages: usize) -> Result<Self> {
        setup.add_agent().await?;
        let signed_in = sign_in(server).await;
        ensure!(signed_in.status == 200, "{}", signed_in.text);
        let agent = server
            .rest()
            .bearer(signed_in.json()["token"].as_str().context("a token")?);
        let opened = server
            .rest()
            .post("/api/chat/rooms/", json!({"customer_name": "Ann"}))
            .await
            .is(201);
        let scene = Self {
            agent,
            visitor: server
                .rest()
                .bearer(opened["token"].as_str().context("a token")?),
            room_id: opened["room"]["id"].as_str().context("an id")?.to_owned(),
        };
        for _ in 0..messages {
            let posted = scene.post().await?;
            ensure!(posted.status == 201, "{}", posted.text);
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

impl Scene {
    /// As `set`; on a disk that only the server sees, the agent is made over HTTP.
    pub(crate) async fn set_on_a_disk(
        setup: &Setup,
        server: &Process,
        hidden: bool,
    ) -> Result<Self> {
        if hidden {
            let said = setup.said()?;
            let code = said
                .split_once("/admin/setup#")
                .map(|(_, rest)| rest.split_whitespace().next().unwrap_or(""))
                .context("a setup link")?;
            let body = json!({"code": code, "username": "ada", "password": PASSWORD});
            let made = server.rest().post("/api/admin/setup/", body).await;
            ensure!(made.status == 201, "{}", made.text);
        } else {
            setup.add_agent().await?;
        }
        let signed_in = sign_in(server).await;
        ensure!(signed_in.status == 200, "{}", signed_in.text);
        let rest = server.rest();
        let token = signed_in.json()["token"].as_str().context("t")?.to_owned();
        let opened = rest.post("/api/chat/rooms/", json!({})).await.is(201);
        let scene = Self {
            agent: rest.bearer(&token),
            visitor: rest.bearer(opened["token"].as_str().context("a token")?),
            room_id: opened["room"]["id"].as_str().context("an id")?.to_owned(),
        };
        for _ in 0..3 {
            scene.post().await?.is(201);
        }
        Ok(scene)
    }
}

/// What a sign-in of «ada» is answered.
pub(crate) async fn sign_in(server: &Process) -> Answer {
    let body = json!({"username": "ada", "password": PASSWORD});
    server.rest().post("/api/admin/login/", body).await
}
