use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bounded queue of the writer's thread. Putting never waits; taking waits, and takes
/// everything that is there, so that writes share a commit.
pub(crate) struct Queue<T> {
    capacity: usize,
    inner: Mutex<Inner<T>>,
    arrived: Condvar,
}

struct Inner<T> {
    items: VecDeque<T>,
    closed: bool,
    /// The taker sleeps; only then does putting have to wake it.
    waiting: bool,
}

/// Why an item was not put into the queue; it is handed back.
pub(crate) enum PutError<T> {
    /// The queue is full.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

/// What [`Queue::take`] found.
pub(crate) enum Taken<T> {
    /// At least one item, in the order they were put.
    Items(Vec<T>),
    /// Nothing came in the time given.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

impl<T> Queue<T> {
    /// An open queue for `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            inner: Mutex::new(Inner {
                items: VecDeque::new(),
                closed: false,
                waiting: false,
            }),
            arrived: Condvar::new(),
        }
    }

    /// Puts an item at the end, or hands it back.
    pub(crate) fn put(&self, item: T) -> Result<(), PutError<T>> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(PutError::Closed(item));
        }
        if inner.items.len() >= self.capacity {
            return Err(PutError::Full(item));
        }
        inner.items.push_back(item);
        let wake = std::mem::take(&mut inner.waiting);
        drop(inner);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes what is there, `max` items at most, waiting at most `max_wait` for the first.
    pub(crate) fn take(&self, max: usize, max_wait: Duration) -> Taken<T> {
        let until = Instant::now() + max_wait;
        let mut inner = self.lock();
        while inner.items.is_empty() {
            if inner.closed {
                return Taken::Closed;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Idle;
            }
            inner.waiting = true;
            inner = self
                .arrived
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            inner.waiting = false;
        }
        let count = inner.items.len().min(max.max(1));
        Taken::Items(inner.items.drain(..count).collect())
    }

    /// Closes the queue for new items; those in it can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Drops what is left; dropping an item completes it.
    pub(crate) fn clear(&self) {
        let items = std::mem::take(&mut self.lock().items);
        drop(items);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_hands_back_and_a_closed_one_drains() {
        let queue = Queue::new(2);
        assert!(queue.put(1).is_ok());
        assert!(queue.put(2).is_ok());
        assert!(matches!(queue.put(3), Err(PutError::Full(3))));
        queue.close();
        assert!(matches!(queue.put(4), Err(PutError::Closed(4))));
        let Taken::Items(items) = queue.take(1, Duration::ZERO) else {
            panic!("there are items");
        };
        assert_eq!(items, [1]);
        assert!(matches!(queue.take(9, Duration::ZERO), Taken::Items(_)));
        assert!(matches!(queue.take(9, Duration::ZERO), Taken::Closed));
    }

    #[test]
    fn an_empty_queue_is_idle_after_a_while() {
        let queue = Queue::<u8>::new(1);
        assert!(matches!(
            queue.take(1, Duration::from_millis(1)),
            Taken::Idle
        ));
    }
}
