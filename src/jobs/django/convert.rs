//! Converts rows of Django's models to staged rows, and reports each that does not fit.

use jiff::tz::TimeZone;
use uuid::Uuid;

use super::error::ImportError;
use super::record::{Kind, Record};
use super::report::{Finding, Report};
use super::text::{self, Content};
use super::time;
use crate::chat::limits::{EMAIL_CHARS, NAME_CHARS, PHONE_CHARS, fitted_line};
use crate::chat::{Details, SenderType, Timestamp};
use crate::persistence::{StagedMessage, StagedRoom, StagedUser, Staging};

/// The words for a closed room in apps of this kind.
const CLOSED: &[&str] = &[
    "closed", "resolved", "ended", "archived", "done", "inactive",
];

/// Keeps rows in the staging area.
pub(super) struct Converter<'c> {
    pub(super) staging: &'c Staging,
    pub(super) report: &'c mut Report,
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
    /// Whether a time had no zone.
    pub(super) saw_naive: bool,
}

impl Converter<'_> {
    pub(super) fn take(&mut self, kind: Kind, record: &Record) -> Result<(), ImportError> {
        match kind {
            Kind::Room => self.room(record),
            Kind::Message => self.message(record),
            Kind::User => self.user(record),
            Kind::Session => self.session(record),
        }
    }

    fn room(&mut self, record: &Record) -> Result<(), ImportError> {
        let key = record.key().unwrap_or_default();
        let Ok(id) = Uuid::try_parse(&key) else {
            return Err(ImportError::RoomKey(key));
        };
        let row = format!("room {id}");
        let details = Details {
            name: self.line(record, "customer_name", NAME_CHARS, &row)?,
            email: self.line(record, "customer_email", EMAIL_CHARS, &row)?,
            phone: self.line(record, "customer_phone", PHONE_CHARS, &row)?,
            page_url: None,
        };
        let natural = record.natural_reference("user");
        let room = StagedRoom {
            id,
            details,
            session_key: record.text("session_key").map(str::to_owned),
            user_is_natural: natural.is_some(),
            user: natural.or_else(|| record.reference("user")),
            closed: is_closed(record),
            created_at: match record.text("created_at") {
                Some(_) => self.time(record, "created_at", &row),
                None => None,
            },
        };
        if !self.staging.add_room(&room)? {
            self.report.note(
                Finding::Doubled,
                &format!("{row}: twice in the source; the first is taken"),
            );
        }
        Ok(())
    }

    fn message(&mut self, record: &Record) -> Result<(), ImportError> {
        let key = record.key().ok_or(ImportError::NoKeys)?;
        let room = record.reference("room").unwrap_or_default();
        let row = format!("message {key} of room {room}");
        let Ok(room) = Uuid::try_parse(&room) else {
            self.report.note(
                Finding::Orphan,
                &format!("message {key}: it belongs to no room; left out"),
            );
            return Ok(());
        };
        let content = record.content("content");
        if text::is_encrypted(&content) {
            return Err(ImportError::Encrypted(format!(
                "the content of message {key}"
            )));
        }
        match text::fitted(&content) {
            Content::Blank => {
                self.report
                    .note(Finding::Blank, &format!("{row}: blank; left out"));
                return Ok(());
            }
            Content::Nul => {
                self.report.note(
                    Finding::Nul,
                    &format!("{row}: it has a NUL character; left out"),
                );
                return Ok(());
            }
            Content::Parts(_) => {}
        }
        let sender = record.content("sender_type");
        let Some(sender_type) = sender_type(&sender) else {
            self.report.note(
                Finding::UnknownSender,
                &format!(
                    "{row}: its sender_type '{sender}' is neither customer nor admin; left out"
                ),
            );
            return Ok(());
        };
        let sender_name = self.line(record, "sender_name", NAME_CHARS, &row)?;
        // Without a time it comes first in its room, and is dated like the room.
        let created_at = self
            .time(record, "created_at", &row)
            .unwrap_or(Timestamp(i64::MIN));
        self.staging.add_message(&StagedMessage {
            room,
            key,
            created_at,
            sender_type,
            sender_name,
            content,
            is_read: record.is_true("is_read"),
        })?;
        Ok(())
    }

    fn user(&mut self, record: &Record) -> Result<(), ImportError> {
        let text = |field| record.text(field).map(str::to_owned);
        let names = [record.text("first_name"), record.text("last_name")];
        let display_name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        // `dumpdata --natural-primary` leaves the primary keys out.
        let username = text("username");
        let key = record
            .key()
            .or_else(|| username.clone())
            .or_else(|| text("email"));
        self.staging.add_user(&StagedUser {
            key: key.ok_or(ImportError::NoKeys)?,
            username,
            email: text("email"),
            display_name: fitted_line(&display_name, NAME_CHARS),
            password: text("password"),
            is_staff: record.is_true("is_staff"),
            is_superuser: record.is_true("is_superuser"),
            is_active: !record.is_false("is_active"),
        })?;
        Ok(())
    }

    fn session(&mut self, record: &Record) -> Result<(), ImportError> {
        let Some(key) = record.key() else {
            return Ok(());
        };
        let expires_at = record
            .text("expire_date")
            .and_then(|text| time::parse(text, &self.zone));
        if expires_at.is_some_and(|expires| expires.at > self.now) {
            self.staging.add_session(&key)?;
        }
        Ok(())
    }

    /// A line of text, made to fit.
    fn line(
        &mut self,
        record: &Record,
        field: &str,
        max_chars: usize,
        row: &str,
    ) -> Result<Option<String>, ImportError> {
        let Some(text) = record.text(field) else {
            return Ok(None);
        };
        if text::is_encrypted(text) {
            return Err(ImportError::Encrypted(format!("{field} of {row}")));
        }
        if text.trim().chars().count() > max_chars {
            self.report.note(
                Finding::NameCut,
                &format!("{row}: {field} cut to {max_chars} characters"),
            );
        }
        Ok(fitted_line(text, max_chars))
    }

    fn time(&mut self, record: &Record, field: &str, row: &str) -> Option<Timestamp> {
        let text = record.text(field).unwrap_or_default();
        let Some(parsed) = time::parse(text, &self.zone) else {
            self.report.note(
                Finding::BadTime,
                &format!("{row}: {field} '{text}' is no time; another one of the room is taken"),
            );
            return None;
        };
        self.saw_naive |= parsed.is_naive;
        if parsed.is_in_gap {
            self.report.note(
                Finding::TimeInGap,
                &format!(
                    "{row}: {field} '{text}' is in an hour that the clocks of {} skipped; taken as {}",
                    self.zone.iana_name().unwrap_or("UTC"), parsed.at
                ),
            );
        }
        Some(parsed.at)
    }
}

fn is_closed(record: &Record) -> bool {
    let status = record.text("status").unwrap_or_default().to_lowercase();
    CLOSED.contains(&status.as_str()) || record.is_true("is_closed") || record.is_false("is_active")
}

/// Which side a message is from, by the names that apps of this kind use.
fn sender_type(name: &str) -> Option<SenderType> {
    match name.trim().to_lowercase().as_str() {
        "customer" | "user" | "visitor" | "client" | "guest" => Some(SenderType::Customer),
        "admin" | "agent" | "staff" | "support" | "operator" => Some(SenderType::Admin),
        "system" | "bot" => Some(SenderType::System),
        _ => None,
    }
}
