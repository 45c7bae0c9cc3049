//! Generates `web/shared/protocol.ts`, the protocol's types for the front ends, from the types that
//! the server encodes and decodes.
//!
//! The test fails while the file differs; `make types` writes it.

use std::fmt::Write;
use std::path::Path;

use ts_rs::{Config, TS};

use super::{admin, messages, visitor};
use crate::cards;
use crate::chat;
use crate::doctor;
use crate::http::problem;
use crate::jobs::{erase, export, kept_backups, registry};
use crate::persistence::{BouncedAddress, QuarantineReason, QuarantinedMail};
use crate::protocol::{self, CloseCode};
use crate::reports;
use crate::settings;

/// Set by `make types`.
const WRITE: &str = "SHOPTALK_WRITE_TYPES";

const HEAD: &str = "// Generated from the server's types by `make types`; do not edit.\n";

/// A number in the server, a string on the wire.
const TIMESTAMP: &str = "
/** RFC 3339 in UTC with milliseconds. For people to read; nothing is ordered or resumed by it. */
export type Timestamp = string;

/** Any JSON object. */
export type JsonObject = { [key: string]: unknown };
";

/// Which frames the server sends to each side.
const SIDES: &str = "
/** What the server sends to a visitor. */
export type VisitorServerFrame =
  | VisitorWelcome
  | Ping
  | ErrorFrame
  | Exclude<ServerFrame, { type: \"summary\" | \"summaries\" | \"removed\" | \"counts\" | \"online\" | \"viewers\" | \"draft\" | \"page\" }>;

/** What the server sends to an agent. */
export type AgentServerFrame =
  | AgentWelcome
  | Joined
  | Ping
  | ErrorFrame
  | FrameForAgents
  | Exclude<ServerFrame, { type: \"presence\" | \"message\" | \"messages\" | \"history\" }>;
";

struct File {
    config: Config,
    text: String,
}

impl File {
    fn declare<T: TS>(&mut self, name: &str) {
        let docs = T::docs().unwrap_or_default();
        let shape = T::inline(&self.config);
        let docs = on_one_line(&docs);
        let shape = formatted(&shape);
        write!(self.text, "\n{docs}export type {name} ={shape};\n")
            .expect("writing to a String cannot fail");
    }
}

/// Puts a doc comment with one line of text on one line.
fn on_one_line(docs: &str) -> String {
    match docs.lines().collect::<Vec<_>>()[..] {
        [_, line, _] => format!("/**{} */\n", line.trim_start_matches(" *")),
        _ => docs.to_owned(),
    }
}

/// Breaks a type into lines, since the library writes it on one.
fn formatted(shape: &str) -> String {
    let shape = shape.replace("\"type\": ", "type: ").replace(", }", " }");
    let mut text = String::new();
    if shape.contains('\n') {
        // A struct with documented fields.
        let mut docs = String::new();
        for line in shape.lines().map(str::trim) {
            match line {
                "/**" => docs = format!("{line}\n"),
                "*/" => {
                    for line in on_one_line(&format!("{docs} */\n")).lines() {
                        writeln!(text, "  {line}").expect("writing to a String cannot fail");
                    }
                }
                line if line.starts_with('*') => {
                    writeln!(docs, " {line}").expect("writing to a String cannot fail");
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
                            writeln!(text, "  {field};").expect("writing to a String cannot fail");
                        }
                    }
                    text.push_str(if closes { "}" } else { "" });
                }
            }
        }
    } else if shape.contains(" | {") {
        for variant in shape.split(" | {") {
            let variant = variant.trim_start_matches('{');
            write!(text, "\n  | {{{variant}").expect("writing to a String cannot fail");
        }
    } else {
        write!(text, " {shape}").expect("writing to a String cannot fail");
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
    file.declare::<chat::Status>("Status");
    file.declare::<chat::Side>("Side");
    file.declare::<chat::SenderType>("SenderType");
    file.declare::<chat::SystemEvent>("SystemEvent");
    file.declare::<chat::Via>("Via");
    file.declare::<chat::Role>("Role");
    file.declare::<protocol::ErrorCode>("ErrorCode");
    file.declare::<chat::Room>("Room");
    file.declare::<chat::Message>("Message");
    file.declare::<chat::Note>("Note");
    file.declare::<chat::LastMessage>("LastMessage");
    file.declare::<chat::Assignee>("Assignee");
    file.declare::<chat::Tag>("Tag");
    file.declare::<chat::Summary>("Summary");
    file.declare::<chat::Counts>("Counts");
    file.declare::<chat::Suggestion>("Suggestion");
    file.declare::<chat::PageVisit>("PageVisit");
    file.declare::<chat::Agent>("Agent");

    file.declare::<protocol::VisitorClientFrame>("VisitorClientFrame");
    file.declare::<protocol::AgentClientFrame>("AgentClientFrame");
    file.declare::<protocol::VisitorWelcome<'_>>("VisitorWelcome");
    file.declare::<protocol::AgentWelcome<'_>>("AgentWelcome");
    file.declare::<protocol::Joined<'_>>("Joined");
    file.declare::<protocol::Ping>("Ping");
    file.declare::<protocol::ErrorFrame>("ErrorFrame");
    file.declare::<protocol::ServerFrame<'_>>("ServerFrame");
    file.declare::<protocol::FrameForAgents<'_>>("FrameForAgents");
    file.text.push_str(SIDES);

    file.declare::<problem::FieldError>("FieldError");
    file.declare::<problem::ProblemBody<'_>>("Problem");
    file.declare::<visitor::open::OpenRequest>("OpenRequest");
    file.declare::<visitor::open::OpenAnswer>("OpenAnswer");
    file.declare::<visitor::rooms::RoomAnswer>("RoomAnswer");
    file.declare::<visitor::rooms::RoomList>("RoomList");
    file.declare::<visitor::rooms::ChangedRoom>("ChangedRoom");
    file.declare::<messages::PostRequest>("PostRequest");
    file.declare::<messages::PostAnswer>("PostAnswer");
    file.declare::<messages::ReadMark>("ReadMark");
    file.declare::<messages::MessageList>("MessageList");
    file.declare::<admin::notes::NoteAnswer>("NoteAnswer");
    file.declare::<admin::notes::NoteList>("NoteList");
    file.declare::<admin::sign_in::LoginRequest>("LoginRequest");
    file.declare::<admin::sign_in::SetupRequest>("SetupRequest");
    file.declare::<admin::sign_in::LogoutRequest>("LogoutRequest");
    file.declare::<admin::sign_in::SessionAnswer>("SessionAnswer");
    file.declare::<admin::me::MePatch>("MePatch");
    file.declare::<admin::rooms::SearchMatch>("SearchMatch");
    file.declare::<admin::rooms::FoundSummary>("FoundSummary");
    file.declare::<admin::rooms::ListCounts>("ListCounts");
    file.declare::<admin::rooms::SummaryList>("SummaryList");
    file.declare::<admin::rooms::SummaryAnswer>("SummaryAnswer");
    file.declare::<admin::room_change::RoomChange>("RoomChange");
    file.declare::<admin::visitor::VisitorAnswer>("VisitorAnswer");
    file.declare::<cards::Card>("Card");
    file.declare::<admin::cards::CardsAnswer>("CardsAnswer");
    file.declare::<admin::draft::DraftRequest>("DraftRequest");
    file.declare::<admin::draft::DraftAnswer>("DraftAnswer");
    file.declare::<admin::agents::AgentRequest>("AgentRequest");
    file.declare::<admin::agents::AgentChange>("AgentChange");
    file.declare::<admin::agents::AgentList>("AgentList");
    file.declare::<admin::AgentAnswer>("AgentAnswer");
    file.declare::<chat::CannedReply>("CannedReply");
    file.declare::<admin::replies::ReplyRequest>("ReplyRequest");
    file.declare::<admin::replies::ReplyChange>("ReplyChange");
    file.declare::<admin::replies::ReplyAnswer>("ReplyAnswer");
    file.declare::<admin::replies::ReplyList>("ReplyList");
    file.declare::<chat::Rating>("Rating");
    file.declare::<visitor::rating::RatingRequest>("RatingRequest");
    file.declare::<visitor::rating::RatingAnswer>("RatingAnswer");
    file.declare::<admin::ratings::RatingList>("RatingList");
    file.declare::<chat::Right>("Right");
    file.declare::<chat::ApiToken>("ApiToken");
    file.declare::<admin::api_tokens::ApiTokenRequest>("ApiTokenRequest");
    file.declare::<admin::api_tokens::ApiTokenRemoval>("ApiTokenRemoval");
    file.declare::<admin::api_tokens::ApiTokenAnswer>("ApiTokenAnswer");
    file.declare::<admin::api_tokens::ApiTokenList>("ApiTokenList");
    file.declare::<admin::tags::TagRequest>("TagRequest");
    file.declare::<admin::tags::TagChange>("TagChange");
    file.declare::<admin::tags::TagAnswer>("TagAnswer");
    file.declare::<admin::tags::TagList>("TagList");
    file.declare::<admin::people::Colleague>("Colleague");
    file.declare::<admin::people::ColleagueList>("ColleagueList");
    file.declare::<admin::people::Block>("Block");
    file.declare::<admin::people::BlockList>("BlockList");
    file.declare::<admin::push::PushKeyAnswer>("PushKeyAnswer");
    file.declare::<admin::push::PushSubscriptionKeys>("PushSubscriptionKeys");
    file.declare::<admin::push::PushSubscriptionRequest>("PushSubscriptionRequest");
    file.declare::<admin::push::PushSubscriptionRemoval>("PushSubscriptionRemoval");
    file.declare::<admin::push::PushDevice>("PushDevice");
    file.declare::<admin::push::PushSubscriptionAnswer>("PushSubscriptionAnswer");
    file.declare::<admin::push::PushSubscriptionList>("PushSubscriptionList");
    file.declare::<admin::push::PushTestOutcome>("PushTestOutcome");
    file.declare::<admin::push::PushTestResult>("PushTestResult");
    file.declare::<admin::push::PushTestAnswer>("PushTestAnswer");
    file.declare::<reports::ReportBy>("ReportBy");
    file.declare::<reports::MessageFigures>("MessageFigures");
    file.declare::<reports::Durations>("Durations");
    file.declare::<reports::RatingFigures>("RatingFigures");
    file.declare::<reports::ReportRow>("ReportRow");
    file.declare::<reports::Report>("Report");
    file.declare::<registry::JobKind>("JobKind");
    file.declare::<registry::JobState>("JobState");
    file.declare::<registry::Job>("Job");
    file.declare::<export::ExportFormat>("ExportFormat");
    file.declare::<admin::jobs::NewJob>("NewJob");
    file.declare::<admin::jobs::JobAnswer>("JobAnswer");
    file.declare::<admin::jobs::BackupState>("BackupState");
    file.declare::<admin::jobs::JobList>("JobList");
    file.declare::<erase::ErasedCounts>("ErasedCounts");
    file.declare::<kept_backups::KeptBackup>("KeptBackup");
    file.declare::<erase::Receipt>("Receipt");
    file.declare::<settings::Day>("Day");
    file.declare::<settings::Interval>("Interval");
    file.declare::<settings::TimeSpan>("TimeSpan");
    file.declare::<settings::Exception>("Exception");
    file.declare::<settings::Shop>("Shop");
    file.declare::<settings::WidgetTexts>("WidgetTexts");
    file.declare::<settings::WidgetSide>("WidgetSide");
    file.declare::<settings::Ask>("Ask");
    file.declare::<settings::Prechat>("Prechat");
    file.declare::<settings::Widget>("Widget");
    file.declare::<settings::Alerts>("Alerts");
    file.declare::<settings::MailSettings>("MailSettings");
    file.declare::<admin::settings::SettingsAnswer>("SettingsAnswer");
    file.declare::<QuarantineReason>("QuarantineReason");
    file.declare::<QuarantinedMail>("QuarantinedMail");
    file.declare::<admin::transcript::QuarantineList>("QuarantineList");
    file.declare::<BouncedAddress>("BouncedAddress");
    file.declare::<admin::bounced::BouncedList>("BouncedList");
    file.declare::<admin::bounced::BouncedRemoval>("BouncedRemoval");
    file.declare::<admin::room_mail::RoomMail>("RoomMail");
    file.declare::<doctor::Seen>("Seen");
    file.declare::<doctor::UpgradeProbe>("UpgradeProbe");
    file.declare::<doctor::QuietProbe>("QuietProbe");
    file.declare::<doctor::WidgetProbe>("WidgetProbe");
    file.declare::<doctor::BodyProbe>("BodyProbe");
    file.declare::<doctor::ClockProbe>("ClockProbe");
    file.declare::<doctor::Validity>("Validity");
    file.declare::<doctor::Certificate>("Certificate");
    file.declare::<doctor::Observations>("Observations");
    file.declare::<doctor::Proxy>("Proxy");
    file.declare::<doctor::Advice>("Advice");
    file.declare::<doctor::Check>("Check");
    file.declare::<doctor::Level>("Level");
    file.declare::<doctor::Finding>("Finding");
    file.declare::<admin::doctor::FindingList>("FindingList");

    let mut text = file.text;
    text.push_str(
        "\n/** Why the server closes a socket. From 4500 on a client must not reconnect. */\n\
         export const CloseCode = {\n",
    );
    for code in CloseCode::ALL {
        let number = code.as_u16();
        writeln!(text, "  {code:?}: {number},").expect("writing to a String cannot fail");
    }
    text.push_str(
        "} as const;\nexport type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];\n",
    );
    text
}

#[test]
fn the_front_ends_types_are_those_of_the_server() {
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
