//! What ends by itself: snoozes of conversations and blocks of visitors.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::actors::Rooms;
use crate::chat::{DeskPatch, RoomId, Timestamp};
use crate::persistence::{Principal, RoomOp, SetBlock, Store, WriteError};

/// How often it is looked whether something has ended.
const INTERVAL: Duration = Duration::from_secs(2);
/// Ends that are carried out at once.
const AT_ONCE: usize = 200;

/// Ends snoozes and blocks whose time has come. Several nodes may do the same: the second one changes
/// nothing.
pub(super) async fn end_snoozes_and_blocks(store: Store, rooms: Rooms, drain: CancellationToken) {
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    while drain.run_until_cancelled(tick.tick()).await.is_some() {
        match end_due(&store, &rooms, Timestamp::now()).await {
            Ok(()) => failing = false,
            // A failure that lasts is logged once.
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot end snoozes and blocks whose time has come, retrying");
                }
            }
        }
    }
}

async fn end_due(store: &Store, rooms: &Rooms, now: Timestamp) -> Result<(), WriteError> {
    for room in store.ended_snoozes(now, AT_ONCE).await? {
        let patch = DeskPatch {
            snoozed_until: Some(None),
            ..DeskPatch::default()
        };
        end(rooms, room, RoomOp::set_desk(patch)).await?;
    }
    for room in store.ended_blocks(now, AT_ONCE).await? {
        let unblock = SetBlock {
            blocked: false,
            until: None,
            by: Principal::Server,
        };
        end(rooms, room, RoomOp::set_block(unblock)).await?;
    }
    Ok(())
}

async fn end(rooms: &Rooms, room: RoomId, op: RoomOp) -> Result<(), WriteError> {
    match rooms.write(room, op).await {
        Ok(_) => Ok(()),
        // It was erased meanwhile.
        Err(WriteError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
