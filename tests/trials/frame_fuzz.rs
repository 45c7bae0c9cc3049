//! P12: malformed frames, made by mutating good ones at random.

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shoptalk::protocol;
use shoptalk_client::tungstenite::Message;
use shoptalk_client::{Socket, SocketOptions};

use crate::common::{DEADLINE, PASSWORD, Value, json};
use crate::mutation::{self, pick};
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload;

/// One good frame of each kind.
const FRAMES: &[&str] = &[
    r#"{"type":"hello","token":"abc","epoch":"0011223344556677","after":118,"tail":50}"#,
    r#"{"type":"hello","token":"abc","epoch":"0011223344556677","cursor":"12.34"}"#,
    r#"{"type":"post","id":"01890a5d-ac96-774b-bcce-b302099a8057","content":"Where is it? \u00e9 🫖"}"#,
    r#"{"type":"post","room_id":"01890a5d-ac96-774b-bcce-b302099a8057","id":"01890a5d-ac96-774b-bcce-b302099a8058","content":"On its way"}"#,
    r#"{"type":"read","seq":121}"#,
    r#"{"type":"read","room_id":"01890a5d-ac96-774b-bcce-b302099a8057","seq":121}"#,
    r#"{"type":"typing"}"#,
    r#"{"type":"typing","room_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    r#"{"type":"history","before":90,"limit":50}"#,
    r#"{"type":"history","room_id":"01890a5d-ac96-774b-bcce-b302099a8057","before":90,"limit":50}"#,
    r#"{"type":"close"}"#,
    r#"{"type":"pong"}"#,
    r#"{"type":"join","room_id":"01890a5d-ac96-774b-bcce-b302099a8057","epoch":"00","after":1,"tail":200}"#,
    r#"{"type":"leave","room_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    r#"{"type":"status","room_id":"01890a5d-ac96-774b-bcce-b302099a8057","status":"closed"}"#,
];

/// A good frame, changed at random.
fn mutate(random: &mut StdRng) -> String {
    let mut frame = mutation::mutate(pick(FRAMES, random), FRAMES, random);
    if random.random_range(0..2_000) == 0 {
        frame = frame.replacen(':', &format!(":\"{}\",\"x\":", "long ".repeat(20_000)), 1);
    }
    frame
}

/// Frames in the decoders, where a panic ends this process.
pub(crate) async fn decoders(form: Form, line: Line) -> Result<()> {
    let inputs: u64 = form.pick(150_000, 10_000_000);
    let (taken, refused) = tokio::task::spawn_blocking(move || {
        let mut random = StdRng::seed_from_u64(form.seed);
        let (mut taken, mut refused) = (0_u64, 0_u64);
        let mut note = |result: Result<(), String>| -> Result<()> {
            match result {
                Ok(()) => taken += 1,
                Err(text) => {
                    ensure!(!text.is_empty(), "an empty refusal");
                    refused += 1;
                }
            }
            Ok(())
        };
        for at in 0..inputs {
            let frame = mutate(&mut random);
            note(match at % 4 {
                0 => refusal_text(protocol::decode_visitor_frame(&frame)),
                1 => refusal_text(protocol::decode_agent_frame(&frame)),
                2 => refusal_text(protocol::decode_visitor_hello(&frame)),
                _ => refusal_text(protocol::decode_agent_hello(&frame)),
            })?;
        }
        Ok::<_, anyhow::Error>((taken, refused))
    })
    .await??;
    line.figure(
        &format!("{inputs} frames in the decoders"),
        format!("0 panics; {taken} accepted, {refused} refused with an error"),
        "0 panics",
        taken > 0 && refused > 0,
    )
}

fn refusal_text<T>(decoded: Result<T, protocol::FrameError>) -> Result<(), String> {
    decoded.map(|_| ()).map_err(|error| error.message)
}

/// Frames on the sockets of a running server.
pub(crate) async fn sockets(form: Form, line: Line) -> Result<()> {
    let inputs = form.pick(3_000, 200_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let rest = server.rest();
    let signed_in = rest
        .post(
            "/api/admin/login/",
            json!({"username": "ada", "password": PASSWORD}),
        )
        .await
        .is(200);
    let (mut sent, mut sockets, mut errors) = (0, 0, 0);
    let memory = server.resident()?;
    while sent < inputs {
        let (room_id, token) = workload::open_room(&rest).await?;
        let (path, token) = if random.random() {
            (format!("/ws/chat/{room_id}/"), Value::from(token))
        } else {
            ("/ws/admin/chat/".to_owned(), signed_in["token"].clone())
        };
        let base = format!("http://{}", server.addr);
        let mut socket = Socket::connect(&base, &path, SocketOptions::default()).await?;
        sockets += 1;
        socket
            .send(&json!({"type": "hello", "token": token}))
            .await?;
        // Until the server closes it, or enough was sent.
        for _ in 0..random.random_range(1..60) {
            let frame = mutate(&mut random)
                .replace("01890a5d-ac96-774b-bcce-b302099a8057", &room_id.to_string());
            sent += 1;
            let frame = if random.random_range(0..50) == 0 {
                Message::binary(frame.into_bytes())
            } else {
                Message::text(frame)
            };
            if socket.send_message(frame).await.is_err() {
                break;
            }
        }
        let _ = socket.send_message(Message::Close(None)).await;
        while let Ok(frame) = tokio::time::timeout(DEADLINE, socket.receive::<Value>())
            .await
            .context("a socket that does not close")?
        {
            if frame["type"] == "error" {
                errors += 1;
                ensure!(
                    frame["code"] != "internal"
                        && frame["message"]
                            .as_str()
                            .is_some_and(|words| !words.is_empty()),
                    "{frame}"
                );
            }
        }
    }
    let grown = server.resident()?.saturating_sub(memory) >> 20;
    let ready = rest.get("/readyz").await.status;
    ensure!(ready == 200, "/readyz answers {ready}");
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!("{sent} frames on {sockets} sockets"),
        format!("0 panics; {errors} refused with an error; memory + {grown} MiB"),
        "0 panics, 0 internal errors, memory + ≤ 64 MiB (in the long form)",
        errors > 0 && (!form.long || grown < 64),
    )
}
