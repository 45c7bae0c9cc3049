//! Rooms out of the lines of an export.

use std::collections::HashSet;

use serde::Deserialize;

use crate::chat::{Agent, Message, Note, Tag, VisitorId};
use crate::persistence::{
    TransferItem, TransferRating, TransferRoom, TransferVisitor, WholeRoom, check_message,
    check_note, check_rating, check_room,
};

/// Gathers the lines of each room, and checks them.
#[derive(Default)]
pub(super) struct Assembler {
    room: Option<Box<WholeRoom>>,
    /// Visitors that have a line so far; a room's has to be among them.
    visitors: HashSet<VisitorId>,
    /// After a bad line, messages, ratings and notes are skipped until the next room: what follows from one
    /// mistake is not named a thousand times.
    skips_messages: bool,
}

/// The `type` of a line, which is read first.
#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

impl Assembler {
    /// Adds a line. Passes the items that it completes to `done`.
    pub(super) fn take(
        &mut self,
        line: &[u8],
        done: &mut impl FnMut(TransferItem),
    ) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        let kind: Kind = parse(line)?;
        match kind.r#type.as_str() {
            "message" => return self.take_of_room(line, "message", add_message),
            "rating" => return self.take_of_room(line, "rating", add_rating),
            "note" => return self.take_of_room(line, "note", add_note),
            _ => {}
        }
        let closed = self.close_room(done);
        let taken = self.take_row(&kind.r#type, line, done);
        self.skips_messages = taken.is_err();
        closed.and(taken)
    }

    fn take_row(
        &mut self,
        kind: &str,
        line: &[u8],
        done: &mut impl FnMut(TransferItem),
    ) -> Result<(), String> {
        match kind {
            "agent" => {
                done(TransferItem::Agent(parse::<Agent>(line)?));
                Ok(())
            }
            "tag" => {
                done(TransferItem::Tag(parse::<Tag>(line)?));
                Ok(())
            }
            "visitor" => {
                let visitor: TransferVisitor = parse(line)?;
                self.visitors.insert(visitor.id);
                done(TransferItem::Visitor(visitor));
                Ok(())
            }
            "room" => self.begin_room(parse(line)?),
            other => Err(format!(
                "this version of shoptalk does not know the type {other:?}; import the file with the version that \
                 exported it, or a newer one"
            )),
        }
    }

    /// Ends the file. Passes the last room to `done`.
    pub(super) fn finish(&mut self, done: &mut impl FnMut(TransferItem)) -> Result<(), String> {
        self.close_room(done)
    }

    fn begin_room(&mut self, line: TransferRoom) -> Result<(), String> {
        if !self.visitors.contains(&line.visitor_id) {
            return Err(format!(
                "the room's visitor {} has no line before it",
                line.visitor_id
            ));
        }
        self.room = Some(Box::new(WholeRoom {
            line,
            messages: Vec::new(),
            ratings: Vec::new(),
            notes: Vec::new(),
        }));
        Ok(())
    }

    /// Adds to the room before it what a line has.
    fn take_of_room(
        &mut self,
        line: &[u8],
        kind: &str,
        add: impl FnOnce(&mut WholeRoom, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.skips_messages {
            return Ok(());
        }
        let Some(open) = self.room.as_mut() else {
            self.skips_messages = true;
            return Err(format!("a {kind} has to follow the line of its room"));
        };
        let added = add(open, line);
        if added.is_err() {
            self.room = None;
            self.skips_messages = true;
        }
        added
    }

    fn close_room(&mut self, done: &mut impl FnMut(TransferItem)) -> Result<(), String> {
        let Some(open) = self.room.take() else {
            return Ok(());
        };
        let WholeRoom { line, messages, .. } = &*open;
        if (messages.len() as u64) < line.room.last_seq {
            return Err(format!(
                "the room {} ends after {} of {} messages: the file is incomplete",
                line.room.id,
                messages.len(),
                line.room.last_seq
            ));
        }
        check_room(line, messages)
            .map_err(|problem| format!("the room {} before it: {problem}", line.room.id))?;
        done(TransferItem::Room(open));
        Ok(())
    }
}

fn add_message(room: &mut WholeRoom, line: &[u8]) -> Result<(), String> {
    let message: Message = parse(line)?;
    check_message(&room.line, room.messages.len() as u64 + 1, &message)?;
    room.messages.push(message);
    Ok(())
}

fn add_rating(room: &mut WholeRoom, line: &[u8]) -> Result<(), String> {
    let rating: TransferRating = parse(line)?;
    if rating.room_id != room.line.room.id {
        return Err(format!(
            "the rating is of the room {}, but follows the line of {}",
            rating.room_id, room.line.room.id
        ));
    }
    let before = room.ratings.last();
    check_rating(&room.line, &room.messages, before, &rating.rating)?;
    room.ratings.push(rating.rating);
    Ok(())
}

fn add_note(room: &mut WholeRoom, line: &[u8]) -> Result<(), String> {
    let note: Note = parse(line)?;
    check_note(room, &note)?;
    room.notes.push(note);
    Ok(())
}

fn parse<'l, T: Deserialize<'l>>(line: &'l [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| format!("is not as export writes it: {error}"))
}
