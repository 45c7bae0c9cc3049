//! An export: lines of JSON or of CSV, made in bounded parts while the chat goes on.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::chat::{Message, Room};
use crate::csv;
use crate::persistence::{ExportCursor, ExportError, ExportScope, Store, StoreError, TransferLine};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// A line of JSON for each row; `import` reads it.
    #[default]
    Jsonl,
    /// A table of the messages, for spreadsheets.
    Csv,
}

impl ExportFormat {
    /// How names of such files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "jsonl" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            other => Err(format!("'{other}' is not a format; use 'jsonl' or 'csv'")),
        }
    }
}

/// An export in progress, in parts of about 256 KiB.
#[derive(Debug)]
pub struct Export {
    store: Store,
    cursor: Option<ExportCursor>,
    format: ExportFormat,
    /// The header of a table that was not written yet.
    header: &'static str,
    /// The room whose messages come.
    room: Option<Room>,
    rooms: u64,
}

impl Export {
    /// Begins an export. What it holds is fixed now.
    ///
    /// # Errors
    ///
    /// When there is nothing of the kind, or the store cannot be read.
    pub async fn begin(
        store: &Store,
        scope: ExportScope,
        format: ExportFormat,
    ) -> Result<Self, ExportError> {
        Ok(Self {
            store: store.clone(),
            cursor: Some(store.begin_export(scope).await?),
            format,
            header: match format {
                ExportFormat::Jsonl => "",
                ExportFormat::Csv => CSV_HEADER,
            },
            room: None,
            rooms: 0,
        })
    }

    /// The next part, or `None` when it is complete.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or a room was erased meanwhile.
    pub async fn next(&mut self) -> Result<Option<String>, ExportError> {
        loop {
            let mut text = std::mem::take(&mut self.header).to_owned();
            let Some(cursor) = self.cursor.take() else {
                return Ok(None);
            };
            let (cursor, lines) = self.store.export_step(cursor).await?;
            let is_complete = lines.is_empty();
            self.cursor = Some(cursor);
            for line in lines {
                self.write(&mut text, line)?;
            }
            // A step whose lines are all left out of the table has no text.
            match (text.is_empty(), is_complete) {
                (true, true) => return Ok(None),
                (true, false) => {}
                (false, _) => return Ok(Some(text)),
            }
        }
    }

    /// Messages that were written.
    pub fn done(&self) -> u64 {
        self.cursor.as_ref().map_or(0, |cursor| cursor.done)
    }

    /// Messages in all, as far as it was known at the start.
    pub fn total(&self) -> u64 {
        self.cursor.as_ref().map_or(0, |cursor| cursor.total)
    }

    /// Rooms that were begun.
    pub fn rooms(&self) -> u64 {
        self.rooms
    }

    fn write(&mut self, text: &mut String, line: TransferLine) -> Result<(), ExportError> {
        self.rooms += u64::from(matches!(line, TransferLine::Room(_)));
        match (self.format, line) {
            (ExportFormat::Jsonl, line) => {
                let json = serde_json::to_string(&line);
                text.push_str(&json.map_err(|error| StoreError::Internal(error.to_string()))?);
                text.push('\n');
            }
            (ExportFormat::Csv, TransferLine::Room(line)) => self.room = Some(line.room),
            (ExportFormat::Csv, TransferLine::Message(message)) => {
                if let Some(room) = &self.room {
                    write_message(text, room, &message);
                }
            }
            (
                ExportFormat::Csv,
                TransferLine::Agent(_)
                | TransferLine::Tag(_)
                | TransferLine::Visitor(_)
                | TransferLine::Rating(_)
                | TransferLine::Note(_),
            ) => {}
        }
        Ok(())
    }
}

/// The columns of a table. RFC 4180 ends lines with CR LF.
const CSV_HEADER: &str = "room_id,status,customer_name,customer_email,customer_phone,user,page_url,\
    seq,id,sender_type,sender_name,content,event,is_read,created_at\r\n";

fn write_message(text: &mut String, room: &Room, message: &Message) {
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    let event = message.event.map_or("", |event| event.as_str());
    let cells = [
        room.id.to_string(),
        room.status.as_str().to_owned(),
        optional(&room.customer_name),
        optional(&room.customer_email),
        optional(&room.customer_phone),
        optional(&room.user),
        optional(&room.page_url),
        message.seq.to_string(),
        message.id.to_string(),
        message.sender_type.as_str().to_owned(),
        message.sender_name.clone(),
        message.content.clone(),
        event.to_owned(),
        message.is_read.to_string(),
        message.created_at.to_string(),
    ];
    csv::write_row(text, cells);
}
