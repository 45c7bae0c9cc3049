//! An agent in a terminal: `cargo run --example agent -- --username mia`
//!
//! Read it beside docs/protocol.md, of which it is the console's half. What is said goes to
//! standard output, everything about the connection to standard error. `/help` lists the
//! commands.

mod support;

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::{Value, json};
use support::{
    Backoff, Ended, Line, Outbox, draw, explain, harmless, keyboard, list, number, text,
};
use tokio::sync::mpsc;
use uuid::Uuid;

const HELP: &str = "-- /rooms  /join N  /leave  /close  /reopen  /quit; anything else is said";

#[derive(Parser)]
#[command(about = "An agent in a terminal")]
struct Arguments {
    /// Where the server is.
    #[arg(long, default_value = "http://127.0.0.1:8001")]
    url: String,
    /// The agent's name. The password is asked for, or taken from SHOPTALK_PASSWORD.
    #[arg(long)]
    username: String,
    /// Takes the password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let password = password(&arguments)?;
    let mut agent = Agent::sign_in(&arguments, &password).await?;
    let mut typed = keyboard();
    let mut backoff = Backoff::new();
    loop {
        match agent.talk(&mut typed, &mut backoff).await {
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

/// The room that is followed message by message.
struct Joined {
    room_id: String,
    /// The last message drawn; none before the first `joined`.
    last_seq: Option<u64>,
    /// Asked for, and the last page is not here yet.
    catching_up: bool,
}

struct Agent {
    url: String,
    token: String,
    /// The database that the cursor and the seqs belong to; none before the first welcome.
    epoch: Option<String>,
    /// How far the lobby has been seen. Opaque: kept, sent back, never looked into.
    cursor: Option<String>,
    rooms: HashMap<String, Value>,
    /// The rooms as `/rooms` numbered them last.
    numbered: Vec<String>,
    joined: Option<Joined>,
    outbox: Outbox,
    /// Typed after what is in the outbox, so it is sent after that: a message that arrives
    /// behind the end of a conversation would open it again.
    at_last: Option<Value>,
    /// Nothing more will be typed.
    done: bool,
}

impl Agent {
    async fn sign_in(arguments: &Arguments, password: &str) -> Result<Self> {
        let url = arguments.url.trim_end_matches('/').to_owned();
        let answer = reqwest::Client::new()
            .post(format!("{url}/api/admin/login/"))
            .json(&json!({"username": arguments.username, "password": password}))
            .send()
            .await
            .with_context(|| format!("no server at {url}"))?;
        if !answer.status().is_success() {
            bail!(explain(answer).await);
        }
        let session: Value = answer.json().await?;
        Ok(Self {
            url,
            token: text(&session, "token").to_owned(),
            epoch: None,
            cursor: None,
            rooms: HashMap::new(),
            numbered: Vec::new(),
            joined: None,
            outbox: Outbox::default(),
            at_last: None,
            done: false,
        })
    }

    /// One connection, from hello to its end.
    async fn talk(&mut self, typed: &mut mpsc::Receiver<String>, backoff: &mut Backoff) -> Ended {
        let mut line = match Line::open(&self.url, "/ws/admin/chat/", &self.hello()).await {
            Ok(line) => line,
            Err(ended) => return ended,
        };
        self.outbox.start_again();
        let mut listed = false;
        loop {
            // While a room is catching up nothing is typed into it: what was said before
            // comes first.
            let settled = listed && !self.joined.as_ref().is_some_and(|room| room.catching_up);
            if settled
                && self.outbox.is_empty()
                && let Some(frame) = self.at_last.take()
                && let Err(ended) = line.send(&frame).await
            {
                return ended;
            }
            if self.done && settled && self.outbox.is_empty() && self.at_last.is_none() {
                line.close().await;
                return Ended::Quit;
            }
            let step = tokio::select! {
                frame = line.next() => match frame {
                    Ok(frame) => {
                        if text(&frame, "type") == "welcome" {
                            backoff.welcomed(number(&frame, "reconnect_window_ms"));
                        }
                        if matches!(text(&frame, "type"), "welcome" | "summaries") {
                            listed = frame["more"] != true;
                        }
                        self.hear(&mut line, &frame, listed).await
                    }
                    Err(ended) => Err(ended),
                },
                words = typed.recv(), if settled && self.listens() => self.say(&mut line, words).await,
                () = self.outbox.ready(), if settled => line.send(&self.outbox.send()).await,
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    fn hello(&self) -> Value {
        json!({
            "type": "hello", "token": self.token, "epoch": self.epoch, "cursor": self.cursor,
        })
    }

    /// Whether another line may be typed.
    fn listens(&self) -> bool {
        !self.done && self.at_last.is_none()
    }

    async fn say(&mut self, line: &mut Line, words: Option<String>) -> Result<(), Ended> {
        let Some(words) = words else {
            self.done = true;
            return Ok(());
        };
        let (command, rest) = words.trim().split_once(' ').unwrap_or((words.trim(), ""));
        match (command, &self.joined) {
            ("", _) => {}
            ("/help", _) => eprintln!("{HELP}"),
            ("/quit", _) => self.done = true,
            ("/rooms", _) => self.show_rooms(),
            ("/join", _) => return self.join(line, rest).await,
            (_, None) => eprintln!("-- join a room first: /join N"),
            ("/leave", Some(room)) => {
                let leave = json!({"type": "leave", "room_id": room.room_id});
                self.joined = None;
                line.send(&leave).await?;
            }
            ("/close", Some(room)) => self.at_last = Some(status(&room.room_id, "closed")),
            ("/reopen", Some(room)) => self.at_last = Some(status(&room.room_id, "active")),
            // The id is made before the first try and never changes: that is what makes
            // sending again safe.
            (_, Some(room)) => self.outbox.push(json!({
                "type": "post", "room_id": room.room_id, "id": Uuid::new_v4().to_string(),
                "content": words.trim(),
            })),
        }
        Ok(())
    }

    async fn join(&mut self, line: &mut Line, number: &str) -> Result<(), Ended> {
        let index = number.trim().parse::<usize>().unwrap_or(0).wrapping_sub(1);
        let Some(room_id) = self.numbered.get(index).cloned() else {
            eprintln!("-- no such number, see /rooms");
            return Ok(());
        };
        if let Some(left) = self.joined.take() {
            line.send(&json!({"type": "leave", "room_id": left.room_id}))
                .await?;
        }
        self.joined = Some(Joined {
            room_id,
            last_seq: None,
            catching_up: true,
        });
        self.ask_to_join(line).await
    }

    /// Joins the present room, from where it has been followed to.
    async fn ask_to_join(&mut self, line: &mut Line) -> Result<(), Ended> {
        let Some(room) = &mut self.joined else {
            return Ok(());
        };
        room.catching_up = true;
        let join = match room.last_seq {
            Some(seq) => json!({
                "type": "join", "room_id": room.room_id, "epoch": self.epoch, "after": seq,
            }),
            None => json!({"type": "join", "room_id": room.room_id, "tail": 50}),
        };
        line.send(&join).await
    }

    /// `listed`: the lobby's list has come to its end.
    async fn hear(&mut self, line: &mut Line, frame: &Value, listed: bool) -> Result<(), Ended> {
        match text(frame, "type") {
            "welcome" => {
                line.welcomed(number(frame, "ping_interval_ms"));
                let name = harmless(text(&frame["agent"], "display_name"));
                eprintln!("-- connected as {name}; /help lists the commands");
                let epoch = Some(text(frame, "epoch").to_owned());
                if self.epoch != epoch {
                    // Another database: the seqs we know mean nothing in it.
                    if let Some(room) = &mut self.joined {
                        room.last_seq = None;
                    }
                    self.epoch = epoch;
                }
                let again = frame["recovered"] == true;
                if !again {
                    self.rooms.clear();
                }
                self.list_rooms(frame);
                if listed && !again {
                    self.show_rooms();
                }
                self.ask_to_join(line).await
            }
            "summaries" => {
                self.list_rooms(frame);
                if listed && self.numbered.is_empty() {
                    self.show_rooms();
                }
                Ok(())
            }
            "summary" => {
                self.put(&frame["summary"], true);
                self.cursor = frame["cursor"].as_str().map(str::to_owned);
                Ok(())
            }
            "joined" if self.follows(frame) => {
                if let Some(room) = &mut self.joined {
                    room.catching_up = frame["more"] == true;
                    if frame["recovered"] != true {
                        // The page does not go on where we were. It stands for all we have.
                        let name = harmless(text(&frame["room"], "customer_name"));
                        eprintln!("-- the conversation with {}", or_visitor(&name));
                        let first = list(frame, "messages").first();
                        room.last_seq =
                            Some(first.map_or(0, |first| number(first, "seq").saturating_sub(1)));
                    }
                }
                self.take(line, list(frame, "messages")).await
            }
            "messages" if self.follows(frame) => {
                if let Some(room) = &mut self.joined {
                    room.catching_up = frame["more"] == true;
                }
                self.take(line, list(frame, "messages")).await
            }
            "message" if self.follows(frame) => {
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
                } else if frame["id"].is_null()
                    && self.follows(frame)
                    && self.joined.as_ref().is_some_and(|room| room.catching_up)
                {
                    // The join itself was refused.
                    self.joined = None;
                }
                Ok(())
            }
            // Without the answer the server takes us for gone.
            "ping" => line.send(&json!({"type": "pong"})).await,
            "typing" if self.follows(frame) && text(frame, "sender_type") == "customer" => {
                eprintln!("-- the customer is typing");
                Ok(())
            }
            "going_away" => {
                eprintln!("-- the server is about to restart");
                Ok(())
            }
            // `counts`, `online`, `read`, `room` have no place on a plain terminal; what is
            // not known is left alone, so that a newer server does no harm.
            _ => Ok(()),
        }
    }

    fn list_rooms(&mut self, frame: &Value) {
        for summary in list(frame, "summaries") {
            self.put(summary, false);
        }
        self.cursor = frame["cursor"].as_str().map(str::to_owned);
    }

    /// Puts a summary in the place of an older one. It is state, not a change: one that
    /// comes twice, or late, does no harm.
    fn put(&mut self, summary: &Value, tell: bool) {
        let room_id = text(summary, "id");
        let known = self.rooms.get(room_id);
        if known.is_some_and(|known| number(known, "version") > number(summary, "version")) {
            return;
        }
        let unread = number(summary, "unread_count");
        let was = known.map_or(0, |known| number(known, "unread_count"));
        let here = self
            .joined
            .as_ref()
            .is_some_and(|room| room.room_id == room_id);
        if tell && !here && unread > was {
            eprintln!("-- {}", row(summary));
        }
        self.rooms.insert(room_id.to_owned(), summary.clone());
    }

    /// The rooms that wait come first, the longest waiting at the top; then the others, the
    /// latest at the top.
    fn show_rooms(&mut self) {
        let mut rooms: Vec<&Value> = self
            .rooms
            .values()
            .filter(|room| text(room, "status") != "closed")
            .collect();
        rooms.sort_by(|a, b| {
            let waiting = |room: &Value| text(room, "status") == "waiting";
            waiting(b).cmp(&waiting(a)).then_with(|| match waiting(a) {
                true => text(a, "waiting_since").cmp(text(b, "waiting_since")),
                false => text(b, "last_message_at").cmp(text(a, "last_message_at")),
            })
        });
        eprintln!("-- {} open", rooms.len());
        for (index, room) in rooms.iter().enumerate() {
            println!("{:>3}  {}", index + 1, row(room));
        }
        self.numbered = rooms
            .iter()
            .map(|room| text(room, "id").to_owned())
            .collect();
    }

    fn follows(&self, frame: &Value) -> bool {
        self.joined
            .as_ref()
            .is_some_and(|room| room.room_id == text(frame, "room_id"))
    }

    /// Draws what is new in the joined room and says that it has been read.
    async fn take(&mut self, line: &mut Line, messages: &[Value]) -> Result<(), Ended> {
        let Some(room) = &mut self.joined else {
            return Ok(());
        };
        let mut read = None;
        for message in messages {
            let seq = number(message, "seq");
            let last = room.last_seq.unwrap_or(0);
            if seq <= last {
                continue;
            }
            if seq > last + 1 && room.catching_up {
                return Ok(());
            }
            if seq > last + 1 {
                // Joining again from what we have brings the rest.
                return self.ask_to_join(line).await;
            }
            room.last_seq = Some(seq);
            draw(message);
            if text(message, "sender_type") == "customer" {
                read = Some(seq);
            }
        }
        match read {
            Some(seq) => {
                let read = json!({"type": "read", "room_id": room.room_id, "seq": seq});
                line.send(&read).await
            }
            None => Ok(()),
        }
    }
}

fn row(summary: &Value) -> String {
    let name = harmless(text(summary, "customer_name"));
    let last = harmless(text(&summary["last_message"], "content"));
    let last: String = last.chars().take(60).collect();
    let unread = number(summary, "unread_count");
    let status = text(summary, "status");
    format!(
        "{status:<8} {:<20} {unread:>2} new  {last}",
        or_visitor(&name)
    )
}

fn or_visitor(name: &str) -> &str {
    match name {
        "" => "Visitor",
        name => name,
    }
}

fn status(room_id: &str, status: &str) -> Value {
    json!({"type": "status", "room_id": room_id, "status": status})
}

fn password(arguments: &Arguments) -> Result<String> {
    if arguments.password_stdin {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Ok(password) = std::env::var("SHOPTALK_PASSWORD") {
        return Ok(password);
    }
    rpassword::prompt_password("Password: ").context("cannot ask for the password")
}
