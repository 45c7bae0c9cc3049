use crate::chat::{
    ChangeId, Desk, Details, DetailsPatch, Room, RoomId, RoomRecord, SignedFields, Status,
    Timestamp,
};
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::{Identity, Refusal};

/// As whom a visitor opens the chat.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpenAs {
    /// A visitor whom the store knows.
    Known(StoredVisitor),
    /// A visitor to be made: anonymous, or this user.
    New {
        /// The signed identity's `sub`.
        user: Option<String>,
    },
    /// A user, known or to be made, who takes over an anonymous visitor's rooms.
    Merge {
        anonymous: StoredVisitor,
        user: Box<OpenAs>,
    },
}

/// Whom the request names. A signed identity wins over a token.
#[derive(Debug, Clone)]
pub(crate) struct Credentials<'r> {
    pub(crate) identity: Option<&'r Identity>,
    /// The visitor of that identity, if there has been one.
    pub(crate) identified: Option<StoredVisitor>,
    pub(crate) has_token: bool,
    /// The visitor of the token, if it is valid.
    pub(crate) by_token: Option<StoredVisitor>,
}

/// Decides as whom the chat is opened. Refused with `BadToken` when there is no identity and the
/// token is unknown or has ended.
pub(crate) fn open_as(credentials: Credentials<'_>) -> Result<OpenAs, Refusal> {
    let Some(identity) = credentials.identity else {
        return match (credentials.has_token, credentials.by_token) {
            (_, Some(visitor)) => Ok(OpenAs::Known(visitor)),
            (true, None) => Err(Refusal::BadToken),
            (false, None) => Ok(OpenAs::New { user: None }),
        };
    };
    let user = match credentials.identified {
        Some(visitor) => OpenAs::Known(visitor),
        None => OpenAs::New {
            user: Some(identity.user.clone()),
        },
    };
    Ok(match credentials.by_token {
        // Only an anonymous visitor may become a user; two users never merge.
        Some(anonymous) if anonymous.user.is_none() => OpenAs::Merge {
            anonymous,
            user: Box::new(user),
        },
        _ => user,
    })
}

/// Whether opening a room issues a token: with every new room and every valid identity.
pub(crate) fn issues_token(created: bool, identity: Option<&Identity>) -> bool {
    created || identity.is_some()
}

/// A room without messages. A signed identity's details win over what was typed.
pub(crate) fn new_room(
    id: RoomId,
    visitor: &StoredVisitor,
    identity: Option<&Identity>,
    details: Details,
    now: Timestamp,
) -> RoomRecord {
    let mut record = RoomRecord {
        room: Room {
            id,
            status: Status::Active,
            customer_name: None,
            customer_email: None,
            customer_phone: None,
            user: visitor.user.clone(),
            page_url: None,
            created_at: now,
            updated_at: now,
            last_message_at: None,
            last_seq: 0,
            customer_read_seq: 0,
            admin_read_seq: 0,
        },
        visitor_id: visitor.id,
        blocked: visitor.blocked,
        signed: SignedFields::default(),
        version: 0,
        change: ChangeId::default(),
        unread_count: 0,
        waiting_since: None,
        last_message: None,
        desk: Desk::default(),
    };
    if let Some(identity) = identity {
        let patch = DetailsPatch::from_identity(identity.details.clone());
        record.set_details(patch, now);
    }
    record.set_details(DetailsPatch::from_visitor(details), now);
    // However many details it was made with, the room has not changed yet.
    record.version = 0;
    record
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn visitor(user: Option<&str>) -> StoredVisitor {
        StoredVisitor {
            id: Uuid::from_u128(7),
            user: user.map(str::to_owned),
            blocked: false,
        }
    }

    fn identity() -> Identity {
        Identity {
            user: "ann".into(),
            details: Details {
                name: Some("Signed".into()),
                ..Details::default()
            },
            attributes: None,
        }
    }

    #[test]
    fn a_token_alone_has_to_be_valid() {
        let by_token = |has_token, by_token| {
            open_as(Credentials {
                identity: None,
                identified: None,
                has_token,
                by_token,
            })
        };
        assert_eq!(by_token(true, None), Err(Refusal::BadToken));
        assert_eq!(by_token(false, None), Ok(OpenAs::New { user: None }));
        let known = visitor(None);
        assert_eq!(
            by_token(true, Some(known.clone())),
            Ok(OpenAs::Known(known))
        );
    }

    #[test]
    fn an_identity_takes_over_an_anonymous_visitor_and_never_another_user() {
        let identity = identity();
        let with = |identified: Option<StoredVisitor>, by_token: Option<StoredVisitor>| {
            open_as(Credentials {
                identity: Some(&identity),
                identified,
                has_token: true,
                by_token,
            })
            .expect("an identity opens the chat")
        };
        let new = || OpenAs::New {
            user: Some("ann".into()),
        };
        assert_eq!(with(None, None), new(), "an invalid token does not matter");
        assert_eq!(
            with(None, Some(visitor(None))),
            OpenAs::Merge {
                anonymous: visitor(None),
                user: Box::new(new()),
            }
        );
        assert_eq!(with(None, Some(visitor(Some("bob")))), new());
        let ann = visitor(Some("ann"));
        assert_eq!(with(Some(ann.clone()), None), OpenAs::Known(ann));
    }

    #[test]
    fn a_new_room_prefers_signed_details_and_has_not_changed() {
        let typed = Details {
            name: Some("Typed".into()),
            phone: Some("123".into()),
            ..Details::default()
        };
        let record = new_room(
            Uuid::from_u128(1),
            &visitor(Some("ann")),
            Some(&identity()),
            typed,
            Timestamp(5),
        );
        assert_eq!(record.room.customer_name.as_deref(), Some("Signed"));
        assert_eq!(record.room.customer_phone.as_deref(), Some("123"));
        assert!(record.signed.name && !record.signed.phone);
        assert_eq!(record.version, 0);
    }
}
