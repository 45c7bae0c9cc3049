//! Writes `web/shared/protocol.ts`: the shapes of the wire as the front ends see them,
//! from the very types that the server encodes and reads.
//!
//! The test fails when the file is not what it would write; `make types` writes it.

use std::fmt::Write;
use std::path::Path;

use ts_rs::{Config, TS};

use super::{admin, messages, visitor};
use crate::chat;
use crate::http::problem;
use crate::protocol::{self, CloseCode};

/// Set by `make types`.
const WRITE: &str = "SHOPTALK_WRITE_TYPES";

const HEAD: &str = "// Generated from the server's types by `make types`; do not edit.\n";

/// A number inside the server, words on the wire.
const TIMESTAMP: &str = "
/** RFC 3339 in UTC with milliseconds. For people to read; nothing is ordered or resumed by it. */
export type Timestamp = string;
";

/// Which of the server's frames each side is sent.
const SIDES: &str = "
/** What the server says to a visitor. */
export type VisitorServerFrame =
  | VisitorWelcome
  | Ping
  | ErrorFrame
  | Exclude<ServerFrame, { type: \"summary\" | \"summaries\" | \"counts\" | \"online\" }>;

/** What the server says to an agent. */
export type AgentServerFrame =
  | AgentWelcome
  | Joined
  | Ping
  | ErrorFrame
  | Exclude<ServerFrame, { type: \"presence\" }>;
";

struct File {
    config: Config,
    text: String,
}

impl File {
    fn shape<T: TS>(&mut self, name: &str) {
        let docs = T::docs().unwrap_or_default();
        let shape = T::inline(&self.config);
        let docs = on_one_line(&docs);
        let shape = laid_out(&shape);
        write!(self.text, "\n{docs}export type {name} ={shape};\n").expect("a String takes all");
    }
}

/// A comment of one line, where it has one.
fn on_one_line(docs: &str) -> String {
    match docs.lines().collect::<Vec<_>>()[..] {
        [_, line, _] => format!("/**{} */\n", line.trim_start_matches(" *")),
        _ => docs.to_owned(),
    }
}

/// The library writes shapes for programs; this lays them out for people.
fn laid_out(shape: &str) -> String {
    let shape = shape.replace("\"type\": ", "type: ").replace(", }", " }");
    let mut text = String::new();
    if shape.contains('\n') {
        // A struct whose fields have comments.
        let mut docs = String::new();
        for line in shape.lines().map(str::trim) {
            match line {
                "/**" => docs = format!("{line}\n"),
                "*/" => {
                    for line in on_one_line(&format!("{docs} */\n")).lines() {
                        writeln!(text, "  {line}").expect("a String takes all");
                    }
                }
                line if line.starts_with('*') => {
                    writeln!(docs, " {line}").expect("a String takes all");
                }
                fields => {
                    let (opens, fields) = match fields.strip_prefix('{') {
                        Some(fields) => (true, fields),
                        None => (false, fields),
                    };
                    let (closes, fields) = match fields.strip_suffix('}') {
                        Some(fields) => (true, fields),
                        None => (false, fields),
                    };
                    text.push_str(if opens { " {\n" } else { "" });
                    for field in fields
                        .split(", ")
                        .map(|field| field.trim_matches([' ', ',']))
                    {
                        if !field.is_empty() {
                            writeln!(text, "  {field};").expect("a String takes all");
                        }
                    }
                    text.push_str(if closes { "}" } else { "" });
                }
            }
        }
    } else if shape.contains(" | {") {
        for variant in shape.split(" | {") {
            let variant = variant.trim_start_matches('{');
            write!(text, "\n  | {{{variant}").expect("a String takes all");
        }
    } else {
        write!(text, " {shape}").expect("a String takes all");
    }
    text
}

fn generate() -> String {
    let mut file = File {
        // A seq stays far below 2⁵³.
        config: Config::new().with_large_int("number"),
        text: HEAD.to_owned(),
    };
    file.text.push_str(TIMESTAMP);
    file.shape::<chat::Status>("Status");
    file.shape::<chat::Side>("Side");
    file.shape::<chat::SenderType>("SenderType");
    file.shape::<chat::SystemEvent>("SystemEvent");
    file.shape::<chat::Role>("Role");
    file.shape::<protocol::ErrorCode>("ErrorCode");
    file.shape::<chat::Room>("Room");
    file.shape::<chat::Message>("Message");
    file.shape::<chat::LastMessage>("LastMessage");
    file.shape::<chat::Summary>("Summary");
    file.shape::<chat::Counts>("Counts");
    file.shape::<chat::Agent>("Agent");

    file.shape::<protocol::VisitorClientFrame>("VisitorClientFrame");
    file.shape::<protocol::AgentClientFrame>("AgentClientFrame");
    file.shape::<protocol::VisitorWelcome<'_>>("VisitorWelcome");
    file.shape::<protocol::AgentWelcome<'_>>("AgentWelcome");
    file.shape::<protocol::Joined<'_>>("Joined");
    file.shape::<protocol::Ping>("Ping");
    file.shape::<protocol::ErrorFrame>("ErrorFrame");
    file.shape::<protocol::ServerFrame<'_>>("ServerFrame");
    file.text.push_str(SIDES);

    file.shape::<problem::FieldError>("FieldError");
    file.shape::<problem::ProblemBody<'_>>("Problem");
    file.shape::<visitor::open::OpenRequest>("OpenRequest");
    file.shape::<visitor::open::OpenAnswer>("OpenAnswer");
    file.shape::<visitor::rooms::RoomAnswer>("RoomAnswer");
    file.shape::<visitor::rooms::RoomList>("RoomList");
    file.shape::<visitor::rooms::ChangedRoom>("ChangedRoom");
    file.shape::<messages::PostRequest>("PostRequest");
    file.shape::<messages::PostAnswer>("PostAnswer");
    file.shape::<messages::ReadMark>("ReadMark");
    file.shape::<messages::MessageList>("MessageList");
    file.shape::<admin::sign_in::LoginRequest>("LoginRequest");
    file.shape::<admin::sign_in::SetupRequest>("SetupRequest");
    file.shape::<admin::sign_in::LogoutRequest>("LogoutRequest");
    file.shape::<admin::sign_in::SessionAnswer>("SessionAnswer");
    file.shape::<admin::me::MePatch>("MePatch");
    file.shape::<admin::rooms::SearchMatch>("SearchMatch");
    file.shape::<admin::rooms::FoundSummary>("FoundSummary");
    file.shape::<admin::rooms::SummaryList>("SummaryList");
    file.shape::<admin::rooms::SummaryAnswer>("SummaryAnswer");
    file.shape::<admin::rooms::RoomChange>("RoomChange");
    file.shape::<admin::agents::AgentRequest>("AgentRequest");
    file.shape::<admin::agents::AgentChange>("AgentChange");
    file.shape::<admin::agents::AgentList>("AgentList");
    file.shape::<admin::AgentAnswer>("AgentAnswer");

    let mut text = file.text;
    text.push_str(
        "\n/** Why the server closes a socket. From 4500 on a client must not reconnect. */\n\
         export const CloseCode = {\n",
    );
    for code in CloseCode::ALL {
        let number = code.as_u16();
        writeln!(text, "  {code:?}: {number},").expect("a String takes all");
    }
    text.push_str(
        "} as const;\nexport type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];\n",
    );
    text
}

#[test]
fn the_front_ends_know_the_shapes_of_the_wire() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/shared/protocol.ts");
    let generated = generate();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &generated).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "web/shared/protocol.ts is not what the server's types say; run `make types`"
    );
}
