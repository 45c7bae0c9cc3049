//! Posts that are not settled yet.

use std::collections::VecDeque;
use std::time::Duration;

use shoptalk::chat::{MessageId, RoomId};
use shoptalk::protocol::ErrorFrame;
use tokio::time::Instant;

/// The wait after a retryable refusal that names none.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What a post becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostKind {
    Message,
    /// A note, which only agents can write and get.
    Note,
}

/// A message or a note to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) kind: PostKind,
    pub(crate) room_id: RoomId,
    /// Made before the first attempt and never changed, so that repeating the post is safe.
    pub(crate) id: MessageId,
    pub(crate) content: String,
}

/// Posts in the order of writing, each kept until the server has acked it or refused it for good.
///
/// One post per room is in flight at a time. So the order of writing is the order in the room, even
/// if the server refuses one temporarily, and a slow room does not delay others.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    rooms: Vec<RoomQueue>,
}

#[derive(Debug)]
struct RoomQueue {
    room_id: RoomId,
    /// Never empty.
    posts: VecDeque<Post>,
    in_flight: bool,
    not_before: Option<Instant>,
}

impl Outbox {
    pub(crate) fn push(&mut self, post: Post) {
        match self.queue(post.room_id) {
            Some(queue) => queue.posts.push_back(post),
            None => self.rooms.push(RoomQueue {
                room_id: post.room_id,
                posts: VecDeque::from([post]),
                in_flight: false,
                not_before: None,
            }),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.iter().map(|queue| queue.posts.len()).sum()
    }

    /// Removes and returns all posts, in the order of writing of each room.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Post> {
        std::mem::take(&mut self.rooms)
            .into_iter()
            .flat_map(|queue| queue.posts)
    }

    /// There is a new connection. What was in flight may have arrived or not: it is posted again
    /// with the same id, and stored once.
    pub(crate) fn reconnected(&mut self) {
        for queue in &mut self.rooms {
            queue.in_flight = false;
        }
    }

    /// When [`take_due`](Self::take_due) returns something next; `None` if nothing waits.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let idle = self.rooms.iter().filter(|queue| !queue.in_flight);
        idle.map(|queue| queue.not_before.unwrap_or_else(Instant::now))
            .min()
    }

    /// The next post to send now.
    pub(crate) fn take_due(&mut self) -> Option<Post> {
        let now = Instant::now();
        let queue = self.rooms.iter_mut().find(|queue| {
            !queue.in_flight && queue.not_before.is_none_or(|not_before| not_before <= now)
        })?;
        queue.in_flight = true;
        queue.not_before = None;
        queue.posts.front().cloned()
    }

    /// Handles an ack. Returns whether it settles a post of this outbox.
    pub(crate) fn acked(&mut self, room_id: RoomId, id: MessageId) -> bool {
        self.settle(room_id, id).is_some()
    }

    /// Handles an error. If it is retryable, the post is kept for later; otherwise it is removed
    /// and returned.
    pub(crate) fn refused(&mut self, error: &ErrorFrame) -> Option<Post> {
        let id: MessageId = error.id.as_ref()?.parse().ok()?;
        let queue = self.rooms.iter_mut().find(|queue| queue.has_first(id))?;
        if error.retryable {
            let wait = error.retry_after_ms.map(Duration::from_millis);
            queue.in_flight = false;
            queue.not_before = Some(Instant::now() + wait.unwrap_or(RETRY_AFTER));
            return None;
        }
        let room_id = queue.room_id;
        self.settle(room_id, id)
    }

    fn settle(&mut self, room_id: RoomId, id: MessageId) -> Option<Post> {
        let at = self
            .rooms
            .iter()
            .position(|queue| queue.room_id == room_id && queue.has_first(id))?;
        let queue = &mut self.rooms[at];
        let post = queue.posts.pop_front();
        queue.in_flight = false;
        queue.not_before = None;
        if queue.posts.is_empty() {
            self.rooms.remove(at);
        }
        post
    }

    fn queue(&mut self, room_id: RoomId) -> Option<&mut RoomQueue> {
        self.rooms.iter_mut().find(|queue| queue.room_id == room_id)
    }
}

impl RoomQueue {
    fn has_first(&self, id: MessageId) -> bool {
        self.posts.front().is_some_and(|post| post.id == id)
    }
}

#[cfg(test)]
mod tests {
    use shoptalk::protocol::ErrorCode;
    use uuid::Uuid;

    use super::*;

    fn post(room: u128, id: u128) -> Post {
        Post {
            kind: PostKind::Message,
            room_id: Uuid::from_u128(room),
            id: Uuid::from_u128(id),
            content: format!("message {id}"),
        }
    }

    fn due(outbox: &mut Outbox) -> Vec<u128> {
        std::iter::from_fn(|| outbox.take_due())
            .map(|post| post.id.as_u128())
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_post_per_room_is_in_flight() {
        let mut outbox = Outbox::default();
        for (room, id) in [(1, 10), (1, 11), (2, 20)] {
            outbox.push(post(room, id));
        }
        assert_eq!(due(&mut outbox), [10, 20]);
        assert!(!outbox.acked(Uuid::from_u128(1), Uuid::from_u128(11)));
        assert!(outbox.acked(Uuid::from_u128(1), Uuid::from_u128(10)));
        assert_eq!(due(&mut outbox), [11]);
        outbox.reconnected();
        assert_eq!(due(&mut outbox), [11, 20], "posted again with their ids");
        assert_eq!(outbox.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_post_refused_temporarily_keeps_its_place_and_one_refused_for_good_is_removed() {
        let mut outbox = Outbox::default();
        outbox.push(post(1, 10));
        outbox.push(post(1, 11));
        assert_eq!(due(&mut outbox), [10]);
        let id = Uuid::from_u128(10);
        let busy = ErrorFrame::new(ErrorCode::Busy, "later").about_message(id);
        assert_eq!(outbox.refused(&busy.retry_after(Some(900))), None);
        assert_eq!(due(&mut outbox), [0; 0], "the second does not overtake");
        tokio::time::advance(Duration::from_millis(900)).await;
        assert_eq!(due(&mut outbox), [10]);
        let never = ErrorFrame::new(ErrorCode::TooLarge, "shorter").about_message(id);
        assert_eq!(outbox.refused(&never), Some(post(1, 10)));
        assert_eq!(due(&mut outbox), [11]);
    }
}
