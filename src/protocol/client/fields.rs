//! The fields of one frame: what each may be, and the error that names the one that is wrong.

use serde_json::{Map, Value};

use super::{FrameError, Resume};
use crate::chat::limits::{self, BadContent, Violation};
use crate::chat::{AgentId, MessageId, RoomId, Status, check_page, parse_uuid};
use crate::protocol::ErrorCode;

/// The fields of one frame, decoded one by one so that errors name the field.
pub(super) struct Fields {
    /// The frame's `type`; empty without one.
    pub(super) kind: String,
    object: Map<String, Value>,
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, FrameError> {
        let bad = |message: &str| FrameError {
            code: ErrorCode::BadFrame,
            message: message.to_owned(),
            id: None,
            room_id: None,
        };
        let value: Value = serde_json::from_str(text).map_err(|_| bad("the frame is not JSON"))?;
        let Value::Object(object) = value else {
            return Err(bad("a frame is a JSON object"));
        };
        let kind = object
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned();
        Ok(Self { kind, object })
    }

    pub(super) fn hello(text: &str) -> Result<Self, FrameError> {
        let fields = Self::parse(text)?;
        if fields.kind == "hello" {
            Ok(fields)
        } else {
            Err(fields.error(ErrorCode::BadFrame, "the first frame is a hello"))
        }
    }

    /// A field for the reply, as it was sent.
    pub(super) fn echo(&self, field: &str) -> Option<String> {
        let text = self.object.get(field).and_then(Value::as_str);
        text.map(str::to_owned)
    }

    fn error(&self, code: ErrorCode, message: impl Into<String>) -> FrameError {
        FrameError {
            code,
            message: message.into(),
            id: self.echo("id"),
            room_id: self.echo("room_id"),
        }
    }

    pub(super) fn unknown_type(&self) -> FrameError {
        let message = match self.kind.as_str() {
            "" => "the frame has no type".to_owned(),
            "hello" => "hello is the first frame only".to_owned(),
            _ => "this type of frame is not known here".to_owned(),
        };
        self.error(ErrorCode::BadFrame, message)
    }

    pub(super) fn invalid(&self, violation: &Violation) -> FrameError {
        self.error(
            ErrorCode::Invalid,
            format!("{} {}", violation.field, violation.message),
        )
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn page(&self) -> Result<String, FrameError> {
        let url = self.string("url")?.unwrap_or_default();
        check_page(&url).map_err(|violation| self.invalid(&violation))
    }

    pub(super) fn string(&self, field: &'static str) -> Result<Option<String>, FrameError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.invalid(&Violation::new(field, "must be a string"))),
        }
    }

    pub(super) fn number(&self, field: &'static str) -> Result<Option<u64>, FrameError> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .filter(|number| i64::try_from(*number).is_ok())
                .map(Some)
                .ok_or_else(|| {
                    self.invalid(&Violation::new(
                        field,
                        "must be a whole number from 0 to 9223372036854775807",
                    ))
                }),
        }
    }

    pub(super) fn seq(&self, field: &'static str) -> Result<u64, FrameError> {
        self.number(field)?
            .ok_or_else(|| self.invalid(&Violation::new(field, "is missing")))
    }

    fn bounded(
        &self,
        field: &'static str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, FrameError> {
        let Some(number) = self.number(field)? else {
            return Ok(None);
        };
        usize::try_from(number)
            .ok()
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or_else(|| {
                self.invalid(&Violation::new(
                    field,
                    format!("must be {} to {}", range.start(), range.end()),
                ))
            })
    }

    pub(super) fn limit(&self) -> Result<usize, FrameError> {
        Ok(self
            .bounded("limit", 1..=limits::PAGE_ITEMS)?
            .unwrap_or(limits::PAGE_ITEMS_DEFAULT))
    }

    pub(super) fn resume(&self) -> Result<Resume, FrameError> {
        Ok(Resume {
            epoch: self.string("epoch")?,
            after: self.number("after")?,
            tail: self.bounded("tail", 0..=limits::PAGE_ITEMS)?,
        })
    }

    /// A `room_id` that is not a UUID is `not_found`, like a room that does not exist.
    pub(super) fn room_id(&self) -> Result<RoomId, FrameError> {
        let text = self
            .string("room_id")?
            .ok_or_else(|| self.invalid(&Violation::new("room_id", "is missing")))?;
        parse_uuid(&text).ok_or_else(|| self.error(ErrorCode::NotFound, "there is no such room"))
    }

    pub(super) fn post(&mut self) -> Result<(MessageId, String), FrameError> {
        let id = self
            .string("id")?
            .ok_or_else(|| self.invalid(&Violation::new("id", "is missing")))?;
        let id = limits::check_message_id(&id).map_err(|violation| self.invalid(&violation))?;
        let content = match self.object.get_mut("content") {
            Some(Value::String(content)) => std::mem::take(content),
            Some(Value::Null) | None => {
                return Err(self.invalid(&Violation::new("content", "is missing")));
            }
            Some(_) => return Err(self.invalid(&Violation::new("content", "must be a string"))),
        };
        match limits::check_content(&content) {
            Ok(()) => Ok((id, content)),
            Err(BadContent::Invalid(violation)) => Err(self.invalid(&violation)),
            Err(BadContent::TooLarge) => Err(self.error(
                ErrorCode::TooLarge,
                format!(
                    "content must have at most {} characters",
                    limits::CONTENT_CHARS
                ),
            )),
        }
    }

    /// An agent's id, or null for nobody.
    pub(super) fn agent(&self, field: &'static str) -> Result<Option<Option<AgentId>>, FrameError> {
        match self.object.get(field) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match value.as_str().and_then(parse_uuid) {
                Some(id) => Ok(Some(Some(id))),
                None => {
                    let violation = Violation::new(field, "must be an agent's id or null");
                    Err(self.invalid(&violation))
                }
            },
        }
    }

    pub(super) fn status(&self) -> Result<Status, FrameError> {
        match self.string("status")?.as_deref() {
            Some("active") => Ok(Status::Active),
            Some("closed") => Ok(Status::Closed),
            _ => Err(self.invalid(&Violation::new("status", "must be active or closed"))),
        }
    }
}
