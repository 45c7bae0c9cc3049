//! What both terminal clients need beside `shoptalk-client`: a keyboard and a screen.

use std::io::BufRead;

use shoptalk_client::chat::{Message, SenderType};
use tokio::sync::mpsc;

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

/// Somebody else's text without the control characters that could drive our terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Writes one message to standard output.
pub(crate) fn print(message: &Message) {
    let sender = match message.sender_type {
        SenderType::System => "*",
        SenderType::Customer | SenderType::Admin => &message.sender_name,
    };
    println!("{}: {}", printable(sender), printable(&message.content));
}
