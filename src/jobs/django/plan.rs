//! Makes what the store imports out of staged rows: ids, visitors, order.

use uuid::Uuid;

use super::Sub;
use super::error::ImportError;
use super::report::{Finding, Report};
use super::text::{self, Content};
use crate::chat::limits::{NAME_CHARS, USER_CHARS, check_line, fitted_line};
use crate::chat::{NAMELESS, PastMessage, RoomId, SenderType, Timestamp};
use crate::credentials::{hash_token, session_token};
use crate::jobs::ledger::ErasedIds;
use crate::persistence::{
    ImportedMessage, ImportedRoom, ImportedVisitor, StagedMessage, StagedRoom, StagedUser, Staging,
    UserColumn,
};

/// The namespace of imported visitors, so that each run finds those of the runs before.
const VISITORS: Uuid = Uuid::from_u128(0x5f0c_8d3e_71b2_4c55_9a2e_6b1d_0e4f_7a93);
/// How the session keys begin that the chat made up for sockets without a session.
const MADE_UP_SESSION: &str = "ws_";
/// Users that an error lists, at most.
const LISTED: usize = 10;

/// How rooms are made.
pub(super) struct Planner<'p> {
    pub(super) staging: &'p Staging,
    /// Whether the source has the users whom rooms refer to: a dump need not, and may have those of
    /// another model.
    pub(super) has_users: bool,
    pub(super) sub: Sub,
    /// The key of the tokens for customers whose session goes on.
    pub(super) session_secret: Option<&'p str>,
    /// Rooms whose last message is older are closed.
    pub(super) close_before: Option<Timestamp>,
    pub(super) now: Timestamp,
}

impl Planner<'_> {
    /// Refuses users who cannot be told apart, before anything is imported.
    pub(super) fn check_subs(&self) -> Result<(), ImportError> {
        let users = self.staging.room_users()?;
        if users.is_empty() {
            return Ok(());
        }
        let column = match self.sub {
            Sub::Pk => None,
            Sub::Username => Some(UserColumn::Username),
            Sub::Email => Some(UserColumn::Email),
        };
        let is_natural = users.iter().any(|(_, is_natural)| *is_natural);
        if (column.is_some() || is_natural) && !self.staging.has_users()? {
            return Err(ImportError::NoUsers(match column {
                Some(_) => "--sub username or email",
                None => "a dump with natural keys",
            }));
        }
        if let Some(column) = column {
            let shared = self.staging.shared(column, LISTED)?;
            if !shared.is_empty() {
                return Err(ImportError::Subs(shared_subs(self.sub, &shared)));
            }
        }
        let mut unusable = Vec::new();
        for (key, is_natural) in users {
            if let Some(sub) = self.sub_of(&key, is_natural)?
                && !is_usable(&sub)
            {
                unusable.push(key);
            }
        }
        if unusable.is_empty() {
            return Ok(());
        }
        let more = if unusable.len() > LISTED { ", …" } else { "" };
        unusable.truncate(LISTED);
        Err(ImportError::Subs(format!(
            "the {} of these users is empty, padded with blanks or too long, so no identity can name them: {}{more}; \
             correct it in Django or choose another --sub",
            self.sub.as_str(),
            unusable.join(", ")
        )))
    }

    /// A room with its log, or `None` when it is missing.
    pub(super) fn room(
        &self,
        id: RoomId,
        report: &mut Report,
    ) -> Result<Option<ImportedRoom>, ImportError> {
        let Some(room) = self.staging.room(id)? else {
            return Ok(None);
        };
        let visitor = self.visitor(&room, report)?;
        let staged = self.staging.messages_of(id)?;
        let fallback = fallback_time(&room, &staged).unwrap_or(self.now);
        let mut messages = Vec::with_capacity(staged.len());
        for message in &staged {
            let parts = entries(&room, message, fallback);
            if parts.len() > 1 {
                let line = format!(
                    "message {} of room {id}: too long, split into {}",
                    message.key,
                    parts.len()
                );
                report.note(Finding::TextSplit, &line);
            }
            messages.extend(parts);
        }
        let last_at = messages.last().map(|entry| entry.message.created_at);
        let is_old = match (last_at, self.close_before) {
            (Some(last), Some(before)) => last < before,
            _ => false,
        };
        Ok(Some(ImportedRoom {
            id,
            visitor,
            created_at: room.created_at.unwrap_or(fallback),
            closed: room.closed || is_old,
            details: room.details,
            messages,
        }))
    }

    fn visitor(
        &self,
        room: &StagedRoom,
        report: &mut Report,
    ) -> Result<ImportedVisitor, ImportError> {
        if let Some(key) = &room.user {
            if let Some(user) = self.sub_of(key, room.user_is_natural)? {
                return Ok(ImportedVisitor {
                    id: visitor_id("user", &user),
                    user: Some(user),
                    token: None,
                });
            }
            let line = format!(
                "room {}: its user {key} is missing; imported as anonymous",
                room.id
            );
            report.note(Finding::NoUser, &line);
        }
        let session = room
            .session_key
            .as_deref()
            .filter(|key| !key.starts_with(MADE_UP_SESSION));
        let Some(key) = session else {
            return Ok(ImportedVisitor {
                id: visitor_id("room", &room.id.to_string()),
                user: None,
                token: None,
            });
        };
        let goes_on = room.user.is_none() && self.staging.has_session(key)?;
        let token = self
            .session_secret
            .filter(|_| goes_on)
            .map(|secret| hash_token(&session_token(secret, key)));
        Ok(ImportedVisitor {
            id: visitor_id("session", key),
            user: None,
            token,
        })
    }

    /// How the shop's identities name a user; `None` when the user is missing.
    fn sub_of(&self, key: &str, is_natural: bool) -> Result<Option<String>, ImportError> {
        if self.sub == Sub::Pk && !is_natural {
            let is_missing = self.has_users && self.staging.user(key)?.is_none();
            return Ok((!is_missing).then(|| key.to_owned()));
        }
        let user = if is_natural {
            self.staging.user_by_name(key)?
        } else {
            self.staging.user(key)?
        };
        Ok(user.map(|user: StagedUser| match self.sub {
            Sub::Pk => user.key,
            Sub::Username => user.username.unwrap_or_default(),
            Sub::Email => user.email.unwrap_or_default(),
        }))
    }
}

fn visitor_id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&VISITORS, format!("{kind}:{name}").as_bytes())
}

/// Whether an identity can have this `sub`.
fn is_usable(sub: &str) -> bool {
    check_line("sub", Some(sub), USER_CHARS).is_ok_and(|line| line.as_deref() == Some(sub))
}

fn shared_subs(sub: Sub, shared: &[(String, String)]) -> String {
    let list: Vec<String> = shared
        .iter()
        .map(|(value, users)| format!("'{value}' (users {users})"))
        .collect();
    format!(
        "several users have the same {}, so one would see the conversations of another: {}; make it unique in Django or choose another --sub",
        sub.as_str(),
        list.join(", ")
    )
}

/// The time of messages without a readable one: that of the first that has one, or the room's.
fn fallback_time(room: &StagedRoom, messages: &[StagedMessage]) -> Option<Timestamp> {
    let dated = messages
        .iter()
        .map(|message| message.created_at)
        .find(|at| at.0 > i64::MIN);
    room.created_at.or(dated)
}

/// The message, or its parts when it is too long.
fn entries(
    room: &StagedRoom,
    message: &StagedMessage,
    fallback: Timestamp,
) -> Vec<ImportedMessage> {
    let Content::Parts(parts) = text::fitted(&message.content) else {
        return Vec::new();
    };
    let whole = Uuid::new_v5(&room.id, message.key.as_bytes());
    let part_id = |part: usize| {
        let name = format!("{}/{part}", message.key);
        Uuid::new_v5(&room.id, name.as_bytes())
    };
    let is_split = parts.len() > 1;
    let created_at = match message.created_at {
        Timestamp(i64::MIN) => fallback,
        at => at,
    };
    (1..)
        .zip(parts)
        .map(|(number, part)| {
            let (id, also_known_as) = match (is_split, number) {
                (false, _) => (whole, part_id(1)),
                (true, 1) => (part_id(1), whole),
                (true, number) => (part_id(number), part_id(number)),
            };
            ImportedMessage {
                message: PastMessage {
                    id,
                    sender_type: message.sender_type,
                    sender_name: sender_name(room, message),
                    content: part.to_owned(),
                    via: None,
                    event: None,
                    agent_id: None,
                    created_at,
                },
                also_known_as,
                is_read: message.is_read,
            }
        })
        .collect()
}

fn sender_name(room: &StagedRoom, message: &StagedMessage) -> String {
    let own = message.sender_name.as_deref();
    let instead = match message.sender_type {
        SenderType::Customer => room.details.name.as_deref().unwrap_or(NAMELESS),
        SenderType::Admin => "Agent",
        SenderType::System => "System",
    };
    own.and_then(|name| fitted_line(name, NAME_CHARS))
        .unwrap_or_else(|| instead.to_owned())
}

/// Removes the texts that were removed before.
pub(super) fn redact(room: &mut ImportedRoom, erased: &ErasedIds, report: &mut Report) {
    for entry in &mut room.messages {
        let ids = [entry.message.id, entry.also_known_as];
        if ids.iter().any(|id| erased.has_text(room.id, *id)) {
            entry.message.content.clear();
            let (message, room) = (entry.message.id, room.id);
            let line = format!("message {message} of room {room}: its text was removed; left out");
            report.note(Finding::Redacted, &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Details;

    const ROOM: Uuid = Uuid::from_u128(0xd7a0);

    fn room() -> StagedRoom {
        StagedRoom {
            id: ROOM,
            details: Details::default(),
            session_key: None,
            user: None,
            user_is_natural: false,
            closed: false,
            created_at: None,
        }
    }

    fn message(key: &str, content: &str, at: i64) -> StagedMessage {
        StagedMessage {
            room: ROOM,
            key: key.into(),
            created_at: Timestamp(at),
            sender_type: SenderType::Customer,
            sender_name: None,
            content: content.into(),
            is_read: false,
        }
    }

    #[test]
    fn ids_follow_from_the_room_and_the_key() {
        let whole = entries(&room(), &message("17", "hello", 5), Timestamp(1));
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].message.id, Uuid::new_v5(&ROOM, b"17"));
        let long = "x".repeat(8_001);
        let parts = entries(&room(), &message("17", &long, 5), Timestamp(1));
        let ids: Vec<Uuid> = parts.iter().map(|part| part.message.id).collect();
        let expected = [b"17/1", b"17/2"].map(|name| Uuid::new_v5(&ROOM, name));
        assert_eq!(ids, expected);
        assert_eq!(parts[0].also_known_as, whole[0].message.id);
        assert_eq!(whole[0].also_known_as, ids[0]);
    }

    #[test]
    fn a_message_without_a_time_is_dated_like_its_room() {
        let undated = message("1", "hello", i64::MIN);
        let dated = message("2", "hello", 7);
        let mut room = room();
        assert_eq!(fallback_time(&room, std::slice::from_ref(&undated)), None);
        let at = fallback_time(&room, &[undated.clone(), dated]);
        assert_eq!(at, Some(Timestamp(7)));
        room.created_at = Some(Timestamp(3));
        let at = fallback_time(&room, std::slice::from_ref(&undated)).expect("the room's");
        let entry = &entries(&room, &undated, at)[0];
        assert_eq!(entry.message.created_at, Timestamp(3));
        assert_eq!(entry.message.sender_name, "Visitor");
    }

    #[test]
    fn subs_that_no_identity_can_have_are_unusable() {
        assert!(is_usable("ann@example.com"));
        for sub in ["", " ann", "ann\n", &"a".repeat(256)] {
            assert!(!is_usable(sub), "{sub:?}");
        }
    }
}
