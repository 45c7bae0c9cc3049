//! A customer in a terminal: `cargo run --example customer -- --name Ann`
//!
//! Read it beside docs/protocol.md, of which it is the visitor's half. What is said goes to
//! standard output, everything about the connection to standard error. Type a line to send
//! it, `/close` to end the conversation, Ctrl-D to leave.

mod support;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{Backoff, Ended, Line, Outbox, draw, explain, keyboard, list, number, text};
use tokio::sync::mpsc;
use uuid::Uuid;

#[derive(Parser)]
#[command(about = "A customer in a terminal")]
struct Arguments {
    /// Where the server is.
    #[arg(long, default_value = "http://127.0.0.1:8001")]
    url: String,
    /// What the shop sees.
    #[arg(long)]
    name: Option<String>,
    /// Keeps the visitor's token here, so that the next start goes on with the conversation.
    #[arg(long)]
    token_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut customer = Customer::enter(&arguments).await?;
    let mut typed = keyboard();
    let mut backoff = Backoff::new();
    loop {
        match customer.talk(&mut typed, &mut backoff).await {
            Ended::Quit => return Ok(()),
            Ended::Refused(why) => bail!("{why}"),
            Ended::Lost {
                why,
                going_away,
                flooded,
            } => {
                let wait = backoff.next_wait(going_away, flooded);
                eprintln!("-- offline ({why}); trying again in {wait:.1?}, what you type waits");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

struct Customer {
    url: String,
    room_id: String,
    token: String,
    /// The database that `last_seq` belongs to.
    epoch: String,
    /// The last message drawn; none before the first welcome.
    last_seq: Option<u64>,
    /// Whether the last ping knew of a message that we lack.
    behind: bool,
    outbox: Outbox,
    /// Typed after what is in the outbox, so it is sent after that: a message that arrives
    /// behind the end of a conversation would open it again.
    at_last: Option<Value>,
    /// Nothing more will be typed.
    done: bool,
}

impl Customer {
    /// Opens a conversation, or finds the one that the kept token belongs to.
    async fn enter(arguments: &Arguments) -> Result<Self> {
        let url = arguments.url.trim_end_matches('/').to_owned();
        let kept = match &arguments.token_file {
            Some(file) if file.exists() => Some(std::fs::read_to_string(file)?.trim().to_owned()),
            _ => None,
        };
        let mut answer = open_room(&url, arguments, kept.as_deref()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && kept.is_some() {
            eprintln!("-- the kept token has ended, beginning anew");
            answer = open_room(&url, arguments, None).await?;
        }
        if !answer.status().is_success() {
            bail!(explain(answer).await);
        }
        let opened: Value = answer.json().await?;
        // The token is shown once, when it is made. Without a new one the kept one goes on.
        let token = match opened["token"].as_str() {
            Some(new) => {
                if let Some(file) = &arguments.token_file {
                    keep(file, new)?;
                }
                new.to_owned()
            }
            None => kept.context("the server gave no token")?,
        };
        Ok(Self {
            url,
            room_id: text(&opened["room"], "id").to_owned(),
            token,
            epoch: text(&opened, "epoch").to_owned(),
            last_seq: None,
            behind: false,
            outbox: Outbox::default(),
            at_last: None,
            done: false,
        })
    }

    /// One connection, from hello to its end.
    async fn talk(&mut self, typed: &mut mpsc::Receiver<String>, backoff: &mut Backoff) -> Ended {
        let path = format!("/ws/chat/{}/", self.room_id);
        let mut line = match Line::open(&self.url, &path, &self.hello()).await {
            Ok(line) => line,
            Err(ended) => return ended,
        };
        self.outbox.start_again();
        self.behind = false;
        let mut welcomed = false;
        loop {
            if welcomed
                && self.outbox.is_empty()
                && let Some(frame) = self.at_last.take()
                && let Err(ended) = line.send(&frame).await
            {
                return ended;
            }
            if self.done && self.outbox.is_empty() && self.at_last.is_none() {
                line.close().await;
                return Ended::Quit;
            }
            let step = tokio::select! {
                frame = line.next() => match frame {
                    Ok(frame) => {
                        if text(&frame, "type") == "welcome" {
                            welcomed = true;
                            backoff.welcomed(number(&frame, "reconnect_window_ms"));
                        }
                        self.hear(&mut line, &frame).await
                    }
                    Err(ended) => Err(ended),
                },
                words = typed.recv(), if welcomed && self.listens() => { self.say(words); Ok(()) }
                () = self.outbox.ready(), if welcomed => line.send(&self.outbox.send()).await,
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    fn hello(&self) -> Value {
        match self.last_seq {
            Some(seq) => json!({
                "type": "hello", "token": self.token, "epoch": self.epoch, "after": seq,
            }),
            None => json!({"type": "hello", "token": self.token, "tail": 50}),
        }
    }

    /// Whether another line may be typed.
    fn listens(&self) -> bool {
        !self.done && self.at_last.is_none()
    }

    fn say(&mut self, words: Option<String>) {
        match words.as_deref().map(str::trim) {
            None => self.done = true,
            Some("") => {}
            Some("/close") => self.at_last = Some(json!({"type": "close"})),
            // The id is made before the first try and never changes: that is what makes
            // sending again safe.
            Some(content) => self.outbox.push(json!({
                "type": "post", "id": Uuid::new_v4().to_string(), "content": content,
            })),
        }
    }

    async fn hear(&mut self, line: &mut Line, frame: &Value) -> Result<(), Ended> {
        match text(frame, "type") {
            "welcome" => {
                line.welcomed(number(frame, "ping_interval_ms"));
                eprintln!("-- connected, {}", agents(frame));
                self.epoch = text(frame, "epoch").to_owned();
                if frame["recovered"] != true {
                    // The page does not go on where we were. It stands for all we have.
                    if self.last_seq.is_some() {
                        eprintln!("-- the conversation once more, as the server has it:");
                    }
                    let first = list(frame, "messages").first();
                    self.last_seq =
                        Some(first.map_or(0, |first| number(first, "seq").saturating_sub(1)));
                }
                self.take(line, list(frame, "messages")).await
            }
            "messages" => self.take(line, list(frame, "messages")).await,
            "message" => {
                self.take(line, std::slice::from_ref(&frame["message"]))
                    .await
            }
            "ack" => {
                self.outbox.acked(frame);
                Ok(())
            }
            "error" => {
                eprintln!("-- {}: {}", text(frame, "code"), text(frame, "message"));
                if let Some(content) = self.outbox.refused(frame) {
                    eprintln!("-- not sent: {content}");
                }
                Ok(())
            }
            "ping" => {
                line.send(&json!({"type": "pong"})).await?;
                let missing = number(frame, "last_seq") > self.last_seq.unwrap_or(0);
                if missing && self.behind {
                    return Err(Ended::lost("a message is missing"));
                }
                self.behind = missing;
                Ok(())
            }
            "presence" => {
                eprintln!("-- {}", agents(frame));
                Ok(())
            }
            "typing" if text(frame, "sender_type") == "admin" => {
                let name = support::harmless(text(frame, "sender_name"));
                eprintln!("-- {name} is typing");
                Ok(())
            }
            "going_away" => {
                eprintln!("-- the server is about to restart");
                Ok(())
            }
            // `read` and `room` have no place on a plain terminal; what is not known is
            // left alone, so that a newer server does no harm.
            _ => Ok(()),
        }
    }

    /// Draws what is new and says that it has been read.
    async fn take(&mut self, line: &mut Line, messages: &[Value]) -> Result<(), Ended> {
        let mut read = None;
        for message in messages {
            let seq = number(message, "seq");
            let last = self.last_seq.unwrap_or(0);
            if seq <= last {
                continue;
            }
            if seq > last + 1 {
                return Err(Ended::lost("a message is missing"));
            }
            self.last_seq = Some(seq);
            draw(message);
            if text(message, "sender_type") != "customer" {
                read = Some(seq);
            }
        }
        match read {
            Some(seq) => line.send(&json!({"type": "read", "seq": seq})).await,
            None => Ok(()),
        }
    }
}

async fn open_room(
    url: &str,
    arguments: &Arguments,
    token: Option<&str>,
) -> Result<reqwest::Response> {
    let mut call = reqwest::Client::new()
        .post(format!("{url}/api/chat/rooms/"))
        .json(&json!({"customer_name": arguments.name}));
    if let Some(token) = token {
        call = call.bearer_auth(token);
    }
    call.send()
        .await
        .with_context(|| format!("no server at {url}"))
}

/// Whoever has the token is the visitor, so the file is for its owner alone.
fn keep(file: &Path, token: &str) -> Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| writeln!(file, "{token}"))
        .with_context(|| format!("cannot keep the token in {}", file.display()))
}

fn agents(frame: &Value) -> &'static str {
    match frame["agents_online"] == true {
        true => "somebody of the shop is there",
        false => "nobody of the shop is there just now",
    }
}
