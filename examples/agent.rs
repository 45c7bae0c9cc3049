//! An agent in a terminal: `cargo run --example agent -- --username mia`
//!
//! It shows how a program uses [`shoptalk_client::Agent`]; `examples/frames.rs` shows the
//! protocol below it. Messages go to standard output, everything about the connection to
//! standard error. `/help` lists the commands.

mod support;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;

use anyhow::{Context, Result};
use clap::Parser;
use shoptalk_client::chat::{RoomId, SenderType, Status, Summary};
use shoptalk_client::{Agent, AgentEvent, Events, Server, SocketOptions, StopReason};
use support::{keyboard, print, printable};
use tokio::sync::watch;

const HELP: &str = "-- /rooms  /join N  /leave  /close  /reopen  /quit; any line without a slash is sent to the room";

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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let password = password(&arguments)?;
    let server = Server::new(&arguments.url);
    let session = server.sign_in(&arguments.username, &password).await?;
    let (agent, events) = Agent::start(&server, &session.token, SocketOptions::default());
    let desk = Desk::default();
    tokio::select! {
        biased;
        stopped = show(&agent, &desk, events) => return Err(stopped.into()),
        typed = take_typed(&agent, &desk) => typed?,
    }
    Ok(agent.finish().await?)
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

/// What the agent sees: the rooms, and the one that is followed message by message.
#[derive(Default)]
struct Desk {
    rooms: RefCell<HashMap<RoomId, Summary>>,
    /// The rooms as `/rooms` numbered them last, and those that were shown since.
    numbered: RefCell<Vec<RoomId>>,
    joined: RefCell<Option<RoomId>>,
    /// The list, and the joined room's log, are up to date: what is typed now follows what the
    /// agent has read.
    is_current: watch::Sender<bool>,
}

/// Does what is typed, and waits at the end until all of it is stored.
async fn take_typed(agent: &Agent, desk: &Desk) -> Result<()> {
    let mut typed = keyboard();
    while let Some(line) = typed.recv().await {
        desk.is_current.subscribe().wait_for(|is| *is).await?;
        let line = line.trim();
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let joined = *desk.joined.borrow();
        match (command, joined) {
            ("", _) => {}
            ("/help", _) => eprintln!("{HELP}"),
            ("/quit", _) => break,
            ("/rooms", _) => desk.list(),
            ("/join", _) => join(agent, desk, rest)?,
            ("/leave", Some(room_id)) => {
                *desk.joined.borrow_mut() = None;
                agent.leave(room_id)?;
            }
            ("/close", Some(room_id)) => set_status(agent, room_id, Status::Closed).await,
            ("/reopen", Some(room_id)) => set_status(agent, room_id, Status::Active).await,
            // A typing mistake is nothing for the customer.
            (unknown, _)
                if unknown.starts_with('/')
                    && !["/leave", "/close", "/reopen"].contains(&unknown) =>
            {
                eprintln!(
                    "-- there is no {unknown}, and nothing was sent; /help lists the commands"
                );
            }
            (_, Some(room_id)) => {
                agent.post(room_id, line)?;
            }
            (_, None) => eprintln!("-- join a room first: /join N"),
        }
    }
    Ok(agent.flush().await?)
}

fn join(agent: &Agent, desk: &Desk, number: &str) -> Result<()> {
    let index = number.trim().parse::<usize>().unwrap_or(0).wrapping_sub(1);
    let Some(room_id) = desk.numbered.borrow().get(index).copied() else {
        eprintln!("-- no such number, see /rooms");
        return Ok(());
    };
    if let Some(left) = desk.joined.replace(Some(room_id)) {
        agent.leave(left)?;
    }
    desk.is_current.send_replace(false);
    Ok(agent.join(room_id)?)
}

async fn set_status(agent: &Agent, room_id: RoomId, status: Status) {
    if let Err(error) = agent.set_status(room_id, status).await {
        eprintln!("-- the status stays as it is: {error}");
    }
}

/// Shows what happens, until the client stops for good.
async fn show(agent: &Agent, desk: &Desk, mut events: Events<AgentEvent>) -> StopReason {
    loop {
        match events.next().await {
            Some(AgentEvent::Connected { agent, resumed, .. }) => {
                let name = printable(&agent.display_name);
                eprintln!("-- connected as {name}; /help lists the commands");
                if !resumed {
                    // What follows replaces the list.
                    desk.rooms.borrow_mut().clear();
                    desk.numbered.borrow_mut().clear();
                }
            }
            Some(AgentEvent::Summary(summary)) => desk.put(summary),
            Some(AgentEvent::Listed) => {
                if desk.numbered.borrow().is_empty() {
                    desk.list();
                }
                desk.is_current.send_replace(desk.joined.borrow().is_none());
            }
            Some(AgentEvent::Joined { room, resumed }) if !resumed => {
                eprintln!(
                    "-- the conversation with {}",
                    printable(room.display_name())
                );
            }
            Some(AgentEvent::CaughtUp(_)) => {
                desk.is_current.send_replace(true);
            }
            Some(AgentEvent::JoinRefused { error, .. }) => {
                eprintln!("-- not joined: {}", error.message);
                *desk.joined.borrow_mut() = None;
                desk.is_current.send_replace(true);
            }
            Some(AgentEvent::Message(message)) => {
                print(&message);
                if message.sender_type == SenderType::Customer {
                    let _ = agent.read(message.room_id, message.seq);
                }
            }
            Some(AgentEvent::Refused { content, error, .. }) => {
                eprintln!("-- not sent: {content} ({})", error.message);
            }
            Some(AgentEvent::Error(error)) => eprintln!("-- {}", error.message),
            Some(AgentEvent::Typing {
                sender_type: SenderType::Customer,
                ..
            }) => eprintln!("-- the customer is typing"),
            Some(AgentEvent::GoingAway) => eprintln!("-- the server is about to restart"),
            Some(AgentEvent::Offline { reason, retry_in }) => {
                desk.is_current.send_replace(false);
                eprintln!(
                    "-- offline ({reason}); trying again in {retry_in:.1?}, what you type is kept"
                );
            }
            Some(AgentEvent::Stopped { reason, unsettled }) => {
                for post in unsettled {
                    eprintln!("-- not confirmed: {}", post.content);
                }
                return reason;
            }
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

impl Desk {
    /// Puts a summary in the place of an older one, and shows one with new messages.
    fn put(&self, summary: Summary) {
        let room_id = summary.room.id;
        let is_joined = *self.joined.borrow() == Some(room_id);
        let row = row(&summary);
        let unread = summary.unread_count;
        let before = self.rooms.borrow_mut().insert(room_id, summary);
        let is_live = *self.is_current.borrow();
        if is_live && !is_joined && unread > before.map_or(0, |before| before.unread_count) {
            eprintln!("-- {:>3}  {row}", self.number_of(room_id));
        }
    }

    /// The number that `/join` takes: the room's, or else the next one.
    fn number_of(&self, room_id: RoomId) -> usize {
        let mut numbered = self.numbered.borrow_mut();
        let known = numbered.iter().position(|id| *id == room_id);
        let index = known.unwrap_or_else(|| {
            numbered.push(room_id);
            numbered.len() - 1
        });
        index + 1
    }

    /// Lists the open rooms: those that wait come first, the longest waiting at the top; then
    /// the others, the latest at the top.
    fn list(&self) {
        let rooms = self.rooms.borrow();
        let mut open: Vec<&Summary> = rooms
            .values()
            .filter(|summary| summary.room.status != Status::Closed)
            .collect();
        open.sort_by_key(|summary| match summary.waiting_since {
            Some(since) => (0, Some(since), None),
            None => (1, None, Some(Reverse(summary.room.last_message_at))),
        });
        eprintln!("-- {} open", open.len());
        for (index, summary) in open.iter().enumerate() {
            println!("{:>3}  {}", index + 1, row(summary));
        }
        let numbered = open.iter().map(|summary| summary.room.id).collect();
        *self.numbered.borrow_mut() = numbered;
    }
}

fn row(summary: &Summary) -> String {
    let last = summary.last_message.as_ref();
    let last = last.map_or(String::new(), |last| printable(&last.content));
    format!(
        "{:<8} {:<20} {:>2} new  {}",
        summary.room.status.as_str(),
        printable(summary.room.display_name()),
        summary.unread_count,
        last.chars().take(60).collect::<String>()
    )
}
