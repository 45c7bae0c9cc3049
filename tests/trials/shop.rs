//! What trials ask of a shop: rooms, a signed-in agent, what the server counts.

use anyhow::{Context, Result, ensure};
use uuid::Uuid;

use crate::common::{PASSWORD, Rest, json, new_id};
use crate::people;
use crate::process::Process;

/// A customer's room.
#[derive(Clone)]
pub(crate) struct Room {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

impl Room {
    pub(crate) async fn open(rest: &Rest) -> Result<Self> {
        let (id, token) = people::open_room(rest).await?;
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

/// The token of «ada», who was added before.
pub(crate) async fn sign_in(server: &Process) -> Result<String> {
    let body = json!({"username": "ada", "password": PASSWORD});
    let signed_in = server.rest().post("/api/admin/login/", body).await;
    ensure!(signed_in.status == 200, "{}", signed_in.text);
    Ok(signed_in.json()["token"].as_str().context("t")?.to_owned())
}

/// The sum of a metric over its labels.
pub(crate) async fn metric(rest: &Rest, name: &str) -> Result<usize> {
    let text = rest.get("/metrics").await.text;
    Ok(text
        .lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum::<f64>() as usize)
}

pub(crate) async fn sockets_open(rest: &Rest) -> Result<usize> {
    metric(rest, "shoptalk_sockets{").await
}

pub(crate) async fn overflows(rest: &Rest) -> Result<usize> {
    metric(rest, "shoptalk_outbox_overflows_total").await
}
