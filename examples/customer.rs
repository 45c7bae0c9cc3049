//! A customer in a terminal: `cargo run --example customer -- --name Ann`
//!
//! It shows how a program uses [`shoptalk_client::Visitor`]; `examples/frames.rs` shows the
//! protocol below it. Messages go to standard output, everything about the connection to
//! standard error. Type a line to send it, `/close` to end the conversation, Ctrl-D to leave.

mod support;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use shoptalk_client::chat::SenderType;
use shoptalk_client::protocol::ErrorCode;
use shoptalk_client::{
    Events, OpenRoom, OpenedRoom, Server, StopReason, Visitor, VisitorEvent, VisitorOptions,
};
use support::{keyboard, print, printable};

#[derive(Parser)]
#[command(about = "A customer in a terminal")]
struct Arguments {
    /// Where the server is.
    #[arg(long, default_value = "http://127.0.0.1:8001")]
    url: String,
    /// The name that the shop sees.
    #[arg(long)]
    name: Option<String>,
    /// Keeps the visitor's token in this file, so that the next start continues the conversation.
    #[arg(long)]
    token_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let server = Server::new(&arguments.url);
    let (opened, token) = open_room(&server, &arguments).await?;
    let (visitor, events) =
        Visitor::start(&server, opened.room.id, &token, VisitorOptions::default());
    tokio::select! {
        biased;
        stopped = show(&visitor, events) => return Err(stopped.into()),
        typed = send_typed(&visitor) => typed?,
    }
    Ok(visitor.finish().await?)
}

/// Opens a conversation, or finds the one that the kept token belongs to.
async fn open_room(server: &Server, arguments: &Arguments) -> Result<(OpenedRoom, String)> {
    let details = OpenRoom {
        customer_name: arguments.name.clone(),
        ..OpenRoom::default()
    };
    let kept = match &arguments.token_file {
        Some(file) if file.exists() => Some(std::fs::read_to_string(file)?.trim().to_owned()),
        _ => None,
    };
    let opened = match server.open_room(kept.as_deref(), &details).await {
        Err(error) if kept.is_some() && error.code() == Some(ErrorCode::Unauthorized) => {
            eprintln!("-- the kept token is no longer valid, starting anew");
            server.open_room(None, &details).await?
        }
        opened => opened?,
    };
    // A token is shown once, when it is made. Without a new one the kept one stays valid.
    let token = match &opened.token {
        Some(new) => {
            if let Some(file) = &arguments.token_file {
                keep(file, new)?;
            }
            new.clone()
        }
        None => kept.context("the server sent no token")?,
    };
    Ok((opened, token))
}

/// Whoever has the token is the visitor, so only the owner may read the file.
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

/// Sends what is typed, and waits at the end until all of it is stored.
async fn send_typed(visitor: &Visitor) -> Result<()> {
    let mut typed = keyboard();
    while let Some(line) = typed.recv().await {
        match line.trim() {
            "" => {}
            "/close" => {
                if let Err(error) = visitor.close_conversation().await {
                    eprintln!("-- not closed: {error}");
                }
            }
            content => {
                visitor.post(content)?;
            }
        }
    }
    Ok(visitor.flush().await?)
}

/// Shows what happens, until the client stops for good.
async fn show(visitor: &Visitor, mut events: Events<VisitorEvent>) -> StopReason {
    let mut shown_before = false;
    loop {
        match events.next().await {
            Some(VisitorEvent::Connected {
                resumed,
                agents_online,
                ..
            }) => {
                eprintln!("-- connected, {}", presence(agents_online));
                if shown_before && !resumed {
                    eprintln!("-- the conversation again, as the server has it now:");
                }
                shown_before = true;
            }
            Some(VisitorEvent::Message(message)) => {
                print(&message);
                if message.sender_type != SenderType::Customer {
                    let _ = visitor.read(message.seq);
                }
            }
            Some(VisitorEvent::Refused { content, error, .. }) => {
                eprintln!("-- not sent: {content} ({})", error.message);
            }
            Some(VisitorEvent::Error(error)) => eprintln!("-- {}", error.message),
            Some(VisitorEvent::AgentsOnline(online)) => eprintln!("-- {}", presence(online)),
            Some(VisitorEvent::Typing {
                sender_type: SenderType::Admin,
                sender_name,
                ..
            }) => eprintln!("-- {} is typing", printable(&sender_name)),
            Some(VisitorEvent::GoingAway) => eprintln!("-- the server is about to restart"),
            Some(VisitorEvent::Offline { reason, retry_in }) => eprintln!(
                "-- offline ({reason}); trying again in {retry_in:.1?}, what you type is kept"
            ),
            Some(VisitorEvent::Stopped { reason, unsettled }) => {
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

fn presence(agents_online: bool) -> &'static str {
    match agents_online {
        true => "the shop is online",
        false => "nobody of the shop is online",
    }
}
