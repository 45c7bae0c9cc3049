//! The pages of the console's list and of a visitor's own rooms, the same for every store: what to read for one, and where the
//! next one begins.

use crate::chat::{RoomRecord, Status};
use crate::persistence::list_cursor::ListCursor;
use crate::persistence::room_row::RoomRow;
use crate::persistence::{Refusal, RoomFilter, RoomOrder, RoomPage, RoomQuery, json_size};

/// Cursor of rooms by their newest message.
const BY_ACTIVITY: char = 'a';
/// Cursor of the waiting rooms, the longest waiting first.
const WAITING: char = 'w';
/// Cursor of a visitor's own rooms.
const OWN_ROOMS: char = 'v';
/// Cursor of the rooms that come after the waiting ones.
const REST: char = 'r';
/// All statuses but `waiting`.
const NOT_WAITING: [Status; 2] = [Status::Active, Status::Closed];

/// What to read for a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListPlan {
    order: RoomOrder,
    limit: usize,
    pub(crate) filter: RoomFilter,
    /// First the waiting rooms whose `waiting_n` is above this, the longest waiting first.
    pub(crate) waiting_after: Option<i64>,
    /// Then rooms of these statuses, the newest message first …
    pub(crate) statuses: Vec<Status>,
    /// … whose `last_n` is below this.
    pub(crate) before: i64,
}

impl ListPlan {
    /// The plan of a query. Refused with `BadCursor`.
    pub(crate) fn new(query: &RoomQuery) -> Result<Self, Refusal> {
        match query.order {
            RoomOrder::Activity => Self::by_activity(query),
            RoomOrder::Waiting => Self::by_waiting(query),
        }
    }

    fn by_activity(query: &RoomQuery) -> Result<Self, Refusal> {
        let before = match &query.cursor {
            Some(cursor) => ListCursor::decode(cursor, &[(BY_ACTIVITY, 1)])?.keys[0],
            None => i64::MAX,
        };
        Ok(Self {
            order: query.order,
            limit: query.limit,
            filter: query.filter,
            waiting_after: None,
            statuses: query.status.map_or(Status::ALL.to_vec(), |one| vec![one]),
            before,
        })
    }

    fn by_waiting(query: &RoomQuery) -> Result<Self, Refusal> {
        let cursor = match &query.cursor {
            Some(cursor) => Some(ListCursor::decode(cursor, &[(WAITING, 1), (REST, 1)])?),
            None => None,
        };
        let (after, before) = match cursor {
            Some(cursor) if cursor.list == REST => (None, cursor.keys[0]),
            Some(cursor) => (Some(cursor.keys[0]), i64::MAX),
            None => (Some(0), i64::MAX),
        };
        let with_waiting = matches!(query.status, None | Some(Status::Waiting));
        Ok(Self {
            order: query.order,
            limit: query.limit,
            filter: query.filter,
            waiting_after: after.filter(|_| with_waiting),
            statuses: match query.status {
                None => NOT_WAITING.to_vec(),
                Some(Status::Waiting) => Vec::new(),
                Some(status) => vec![status],
            },
            before,
        })
    }

    /// Rooms to read, at most: one more than the page has, to see whether there is a next page.
    pub(crate) fn items(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// The page, from the rooms that were read.
    pub(crate) fn page(&self, mut rooms: Vec<RoomRow>) -> RoomPage {
        let fitting = fitting(rooms.iter().map(|room| &room.record), self.limit);
        let more = fitting < rooms.len();
        rooms.truncate(fitting);
        let next = rooms.last().filter(|_| more).map(|last| {
            let last_n = last.keys.last_n.unwrap_or(0);
            match (self.order, last.keys.waiting_n) {
                (RoomOrder::Activity, _) => ListCursor::encode(BY_ACTIVITY, &[last_n]),
                (RoomOrder::Waiting, Some(n)) => ListCursor::encode(WAITING, &[n]),
                (RoomOrder::Waiting, None) => ListCursor::encode(REST, &[last_n]),
            }
        });
        RoomPage {
            records: rooms.into_iter().map(|room| room.record).collect(),
            next,
        }
    }
}

/// The number that a page of a visitor's own rooms stays below: that of the last room of the page
/// before. Refused with `BadCursor`.
pub(crate) fn own_rooms_before(cursor: Option<&str>) -> Result<i64, Refusal> {
    match cursor {
        Some(cursor) => Ok(ListCursor::decode(cursor, &[(OWN_ROOMS, 1)])?.keys[0]),
        None => Ok(i64::MAX),
    }
}

/// A page of a visitor's own rooms, from one room more than it has, if there is one.
pub(crate) fn own_rooms(mut rooms: Vec<RoomRow>, limit: usize) -> RoomPage {
    let more = rooms.len() > limit;
    rooms.truncate(limit);
    let last = rooms.last().filter(|_| more);
    RoomPage {
        next: last.map(|last| ListCursor::encode(OWN_ROOMS, &[last.keys.pk])),
        records: rooms.into_iter().map(|row| row.record).collect(),
    }
}

/// Brings rooms of several statuses, read one status after the other, into the order of activity.
pub(crate) fn newest_first(rooms: &mut Vec<RoomRow>, items: usize) {
    rooms.sort_by_key(|room| std::cmp::Reverse(room.keys.last_n));
    rooms.truncate(items);
}

/// How many of these rooms a page has: at most `items`, as many as fit into a frame, and always one.
pub(crate) fn fitting<'r>(records: impl Iterator<Item = &'r RoomRecord>, items: usize) -> usize {
    let mut bytes = 0;
    let mut records = records.take(items).peekable();
    let least = usize::from(records.peek().is_some());
    let fitting = records
        .take_while(|record| {
            bytes += json_size::summary(record);
            bytes <= json_size::PAGE_BUDGET_BYTES
        })
        .count();
    fitting.max(least)
}
