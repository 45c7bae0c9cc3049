//! The doctor's socket: it sends some frames at a steady pace, and then nothing until it is asked
//! for a silence, whose end it announces. So a client sees whether a proxy holds frames back, and
//! whether it cuts a socket on which nothing happens. It knows nothing of rooms.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::check_address;
use super::closing::{EndReason, close};
use super::upgrade::Handshake;
use super::wire::{Incoming, Wire};
use crate::chat::{Role, Side};
use crate::doctor::{QUIET_SECONDS_MAX, TICK_INTERVAL, TICKS};
use crate::http::auth::bearer;
use crate::http::origin::OriginCheck;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::protocol::CloseCode;

/// How long a socket may stay without asking for anything.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a doctor may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum DoctorFrame {
    /// Silence for this many seconds.
    Quiet { seconds: u64 },
}

/// Opens the socket to admins, and to holders of the doctor's code.
pub(super) async fn open(
    State(state): State<AppState>,
    mut request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    if state.origins.own_origin(request.headers()) == OriginCheck::Foreign {
        return Err(Problem::forbidden(
            "the doctor's socket is open to the server's own pages only",
        ));
    }
    let guard = check_address(&state, &request)?;
    check_caller(&state, request.headers()).await?;
    let (response, upgrade) = Handshake::check(&mut request)?.accept();
    let task_state = state.clone();
    state.socket_tasks.spawn(async move {
        let _counted_until_the_end = guard;
        if let Ok(upgraded) = upgrade.await {
            let mut wire = Wire::new(upgraded, Side::Agent).await;
            let reason = serve(&task_state, &mut wire).await;
            close(task_state, wire, reason).await;
        }
    });
    Ok(response)
}

async fn check_caller(state: &AppState, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(code) = bearer(headers)?
        && state.doctor_code.accepts(code, Instant::now())
    {
        return Ok(());
    }
    // An upgrade changes nothing, but a foreign page must not open one with the cookie.
    let session = state.auth.request_session(headers, &Method::POST).await?;
    if session.agent.role != Role::Admin {
        return Err(Problem::forbidden("the doctor requires the role admin"));
    }
    Ok(())
}

async fn serve(state: &AppState, wire: &mut Wire) -> EndReason {
    tokio::select! {
        reason = run_doctor_socket(wire) => reason,
        () = state.drain.cancelled() => CloseCode::Draining.into(),
    }
}

async fn run_doctor_socket(wire: &mut Wire) -> EndReason {
    for number in 1..=TICKS {
        if number > 1 {
            tokio::time::sleep(TICK_INTERVAL).await;
        }
        let frame = format!(r#"{{"type":"tick","number":{number}}}"#);
        if let Err(reason) = send(wire, frame).await {
            return reason;
        }
    }
    loop {
        let seconds = match tokio::time::timeout(IDLE_TIMEOUT, wire.recv()).await {
            Ok(Incoming::Text(text)) => match serde_json::from_str(&text) {
                Ok(DoctorFrame::Quiet { seconds }) => seconds.min(QUIET_SECONDS_MAX),
                Err(_) => return CloseCode::NotThisProtocol.into(),
            },
            Ok(Incoming::Control) => continue,
            Ok(Incoming::Violation(code)) => return code.into(),
            Ok(Incoming::PeerGone) | Err(_) => return EndReason::PeerGone,
        };
        let silence = tokio::time::sleep(Duration::from_secs(seconds));
        tokio::select! {
            () = silence => {}
            // Whatever comes ends the silence.
            _ = wire.recv() => return EndReason::PeerGone,
        }
        if let Err(reason) = send(wire, r#"{"type":"still_open"}"#.to_owned()).await {
            return reason;
        }
    }
}

async fn send(wire: &mut Wire, frame: String) -> Result<(), EndReason> {
    Ok(wire.send(&mut vec![Utf8Bytes::from(frame)]).await?)
}
