//! What both terminal clients need: a line to the server, patience, an outbox, a keyboard.

mod backoff;
mod line;
mod outbox;

use std::io::BufRead;

use serde_json::Value;
use tokio::sync::mpsc;

pub(crate) use backoff::Backoff;
pub(crate) use line::{Ended, Line};
pub(crate) use outbox::Outbox;

/// What is typed, line by line, until the end of standard input.
///
/// A thread reads, because a terminal cannot be waited for without blocking. The channel
/// is short: what is typed faster than it is sent waits in the terminal.
pub(crate) fn keyboard() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A problem document as one sentence; anything else by its status.
pub(crate) async fn explain(answer: reqwest::Response) -> String {
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap_or_default();
    let code = text(&problem, "code");
    let detail = text(&problem, "detail");
    format!("the server answered {status}: {code} {detail}")
}

/// A text field of a frame, or the empty string.
pub(crate) fn text<'a>(frame: &'a Value, field: &str) -> &'a str {
    frame[field].as_str().unwrap_or_default()
}

/// A number of a frame, or zero.
pub(crate) fn number(frame: &Value, field: &str) -> u64 {
    frame[field].as_u64().unwrap_or_default()
}

/// The messages or summaries of a frame.
pub(crate) fn list<'a>(frame: &'a Value, field: &str) -> &'a [Value] {
    frame[field].as_array().map_or(&[], Vec::as_slice)
}

/// A stranger's text without the control characters that could drive our terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Writes one message to standard output.
pub(crate) fn draw(message: &Value) {
    let who = match text(message, "sender_type") {
        "system" => "*",
        _ => text(message, "sender_name"),
    };
    let content = harmless(text(message, "content"));
    println!("{}: {content}", harmless(who));
}
