//! The pages of a room's log, the same for every store: what to read for one, and where it ends.

use std::ops::RangeInclusive;

use crate::chat::Message;
use crate::persistence::{MessagePage, json_size};

/// The seqs to read for the page after a seq.
pub(crate) fn seqs_after(after: u64, items: usize, head: u64) -> RangeInclusive<u64> {
    let last = after.saturating_add(at_most(items)).min(head);
    after.saturating_add(1)..=last
}

/// The seqs to read for the page before a seq, or for the newest one.
pub(crate) fn seqs_before(before: Option<u64>, items: usize, head: u64) -> RangeInclusive<u64> {
    let last = before.map_or(head, |before| before.saturating_sub(1).min(head));
    last.saturating_sub(at_most(items)) + 1..=last
}

/// The largest number of messages in a page: `items`, or as many as can fit into its bytes.
fn at_most(items: usize) -> u64 {
    items.min(json_size::PAGE_BUDGET_MESSAGES) as u64
}

/// The first of these messages, until there are `items` of them or a page is full.
pub(crate) fn fill<E>(
    messages: impl Iterator<Item = Result<Message, E>>,
    items: usize,
) -> Result<Vec<Message>, E> {
    let mut page = Vec::new();
    let mut bytes = 0;
    for message in messages.take(items) {
        let message = message?;
        bytes += json_size::message(&message);
        if bytes > json_size::PAGE_BUDGET_BYTES && !page.is_empty() {
            break;
        }
        page.push(message);
    }
    Ok(page)
}

/// The page after a seq.
pub(crate) fn page_after(after: u64, messages: Vec<Message>, head: u64) -> MessagePage {
    MessagePage {
        more: after.saturating_add(messages.len() as u64) < head,
        messages,
        head,
    }
}

/// The page that ends with `last`, from its messages with the newest first.
pub(crate) fn page_before(last: u64, mut newest_first: Vec<Message>, head: u64) -> MessagePage {
    newest_first.reverse();
    MessagePage {
        more: (newest_first.len() as u64) < last,
        messages: newest_first,
        head,
    }
}
