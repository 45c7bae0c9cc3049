//! How a room reads its record, and what follows when it has.

use std::sync::Arc;

use super::RoomActorState;
use super::decisions::Loaded;
use crate::actors::messages::RoomMsg;
use crate::chat::RoomRecord;
use crate::persistence::{StoreError, WriteError};

impl RoomActorState {
    /// Reads the record through the writer's queue, so that everything an earlier incarnation has
    /// queued is committed before.
    pub(super) fn load(&mut self) {
        self.state.read_started();
        let myself = self.myself.clone();
        self.context.store.load_room(
            self.room_id,
            Box::new(move |outcome| {
                // A room that has died meanwhile reads again when it is needed.
                let _ = myself.cast(RoomMsg::Loaded(outcome));
            }),
        );
    }

    pub(super) fn loaded(&mut self, outcome: Result<Option<Arc<RoomRecord>>, WriteError>) {
        match outcome {
            Ok(record) => self.take_record(Ok(record)),
            // The batch failed because of the writes beside this read. All that was queued before
            // is settled all the same, and a reader's connection may still work.
            Err(WriteError::Store(StoreError::Unavailable(_) | StoreError::Full)) => {
                let (store, room_id) = (self.context.store.clone(), self.room_id);
                let myself = self.myself.clone();
                tokio::spawn(async move {
                    let outcome = store.room(room_id).await;
                    let outcome = outcome.map(|record| record.map(Arc::new));
                    let _ = myself.cast(RoomMsg::LoadedByReader(outcome));
                });
            }
            Err(WriteError::Store(cause)) => self.take_record(Err(cause)),
            Err(WriteError::Refused(refusal)) => {
                self.take_record(Err(StoreError::Internal(refusal.to_string())));
            }
        }
    }

    pub(super) fn take_record(&mut self, outcome: Result<Option<Arc<RoomRecord>>, StoreError>) {
        let mut refused = Vec::new();
        match self.state.read_finished(outcome, &mut refused) {
            Loaded::First { presence } => self.set_presence(presence),
            Loaded::Changed { before } => self.changed_elsewhere(&before),
            Loaded::Unchanged => {}
            Loaded::Gone => self.end(),
        }
        for message in refused {
            self.turn_away(message);
        }
        for message in self.state.take_deferred() {
            self.route(message);
        }
    }

    /// Something other than this room has changed the record: a visitor signed in and took the
    /// room along, or was blocked from another room.
    fn changed_elsewhere(&mut self, before: &RoomRecord) {
        let Some(record) = self.state.record() else {
            return;
        };
        let versions = before.version + 1..record.version + 1;
        self.subscribers.close_former_owners(record.visitor_id);
        self.subscribers.broadcast_room(&before.room, &record.room);
        self.expect_notices(versions);
    }
}
