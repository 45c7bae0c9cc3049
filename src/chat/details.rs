use serde::{Deserialize, Serialize};

/// Which of a customer's details came from a signed identity. Unsigned input never overwrites them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SignedFields {
    /// The name is signed.
    pub name: bool,
    /// The email address is signed.
    pub email: bool,
    /// The phone number is signed.
    pub phone: bool,
}

/// What is known about a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// At most [`limits::NAME_CHARS`](super::limits::NAME_CHARS) characters.
    pub name: Option<String>,
    /// At most [`limits::EMAIL_CHARS`](super::limits::EMAIL_CHARS) characters.
    pub email: Option<String>,
    /// At most [`limits::PHONE_CHARS`](super::limits::PHONE_CHARS) characters.
    pub phone: Option<String>,
    /// The page that the chat was opened on.
    pub page_url: Option<String>,
}

/// A change of a room's details. The outer `Option` is whether a field changes at all, the inner one
/// its new value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetailsPatch {
    /// New name.
    pub name: Option<Option<String>>,
    /// New email address.
    pub email: Option<Option<String>>,
    /// New phone number.
    pub phone: Option<Option<String>>,
    /// New page.
    pub page_url: Option<Option<String>>,
    /// Whether signed details may be overwritten.
    pub authority: Authority,
}

/// Who changes details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authority {
    /// The visitor, by typing: changes unsigned details only.
    #[default]
    Visitor,
    /// The shop's back end, by signing: changes all details, which are signed from then on.
    Identity,
    /// An agent, by correcting: changes all details, which are unsigned from then on.
    Agent,
}

impl DetailsPatch {
    /// A patch from what a visitor typed. Fields left empty do not change.
    pub fn from_visitor(details: Details) -> Self {
        Self::of(details, Authority::Visitor)
    }

    /// A patch from signed claims. Absent claims change nothing.
    pub fn from_identity(details: Details) -> Self {
        Self::of(details, Authority::Identity)
    }

    fn of(details: Details, authority: Authority) -> Self {
        Self {
            name: details.name.map(Some),
            email: details.email.map(Some),
            phone: details.phone.map(Some),
            page_url: details.page_url.map(Some),
            authority,
        }
    }

    /// Whether the patch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.email.is_none()
            && self.phone.is_none()
            && self.page_url.is_none()
    }
}

/// Applies one field of a patch. Returns whether the value or its signature changed.
pub(super) fn apply_field(
    value: &mut Option<String>,
    signed: &mut bool,
    new: Option<Option<String>>,
    authority: Authority,
) -> bool {
    let Some(new) = new else { return false };
    if *signed && authority == Authority::Visitor {
        return false;
    }
    let becomes_signed = authority == Authority::Identity;
    let changed = *value != new || (becomes_signed && !*signed);
    if *value != new || becomes_signed {
        *signed = becomes_signed;
    }
    *value = new;
    changed
}
