//! Tags: a name is taken once, without case, and there is a bound on how many there are.

use crate::chat::{TAGS_MAX, Tag, TagId};
use crate::persistence::{NewTag, Refusal, TagPatch};

/// Adds a tag to those that there are.
pub(crate) fn add(tags: &[Tag], id: TagId, new: NewTag) -> Result<Tag, Refusal> {
    if tags.len() >= TAGS_MAX {
        return Err(Refusal::TooManyTags);
    }
    let NewTag { name, color } = new;
    checked(tags, Tag { id, name, color })
}

/// Changes one of the tags.
pub(crate) fn change(tags: &[Tag], id: TagId, patch: TagPatch) -> Result<Tag, Refusal> {
    let mut tag = find(tags, id)?.clone();
    tag.name = patch.name.unwrap_or(tag.name);
    tag.color = patch.color.unwrap_or(tag.color);
    checked(tags, tag)
}

/// One of the tags.
pub(crate) fn find(tags: &[Tag], id: TagId) -> Result<&Tag, Refusal> {
    tags.iter()
        .find(|tag| tag.id == id)
        .ok_or(Refusal::NotFound)
}

fn checked(tags: &[Tag], tag: Tag) -> Result<Tag, Refusal> {
    let key = tag.name_key();
    let is_taken = |other: &Tag| other.id != tag.id && other.name_key() == key;
    match tags.iter().any(is_taken) {
        true => Err(Refusal::TagTaken),
        false => Ok(tag),
    }
}
