//! Writes whose COMMIT is lost, or whose reply is: what is said of them is what is stored.

mod line;

use shoptalk_local_servers::{Postgres, test_database};

use self::line::{Fate, Line};
use super::left_out_on_sqlite;
use crate::chat::Counts;
use crate::persistence::testing::*;
use crate::persistence::*;

/// Rows of the audit about rooms.
const AUDIT: &str = "SELECT action, actor, subject FROM audit WHERE action = 'visitor_blocked'";

#[tokio::test]
async fn a_patch_whose_commit_is_lost_is_stored_as_a_whole_or_refused_as_a_whole() {
    if left_out_on_sqlite() {
        return;
    }
    for fate in [Fate::NeverArrives, Fate::ReplyIsLost, Fate::ArrivesLate] {
        let database = test_database().expect("PostgreSQL is tested");
        let line = Line::to(Postgres::shared().expect("it runs").port());
        let store = TestStore::in_postgres_at(database, line.port);
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        let (name, color) = ("order".into(), "#112233".into());
        let tag = store.add_tag(NewTag { name, color }).await;
        let (mia, tag) = (store.new_agent("mia").await, tag.expect("added").id);
        let mia = mia.agent_id().expect("an agent");
        let before = record(&store, room).await;

        line.lose_next_commit(fate);
        let reply = store.apply(room, everything(mia, None, tag)).await;
        line.wait_until_over();
        let stored = record(&store, room).await;
        match (fate, &reply) {
            // In time or too late: both may be.
            (Fate::ReplyIsLost | Fate::ArrivesLate, Ok(commit)) => {
                assert!(
                    matches!(commit.effect, Effect::StatusChanged(_)),
                    "{fate:?}"
                );
                assert_eq!(
                    (&commit.record, commit.record.version),
                    (&stored, before.version + 1)
                );
            }
            (
                Fate::NeverArrives | Fate::ArrivesLate,
                Err(WriteError::Store(StoreError::Unavailable(_))),
            ) => {
                assert_eq!(stored, before, "{fate:?}");
                assert_eq!(store.rows(AUDIT), [""; 0], "{fate:?}");
                assert_eq!(store.blocked_visitors(9).await.expect("read"), []);
            }
            _ => panic!("{fate:?}: {reply:?}"),
        }
        assert_eq!(store.contradictions().await, [""; 0], "{fate:?}");

        // Whoever has got no reply asks again.
        let again = store.apply(room, everything(mia, None, tag)).await;
        let again = again.expect("it is committed");
        assert_eq!(again.effect == Effect::Unchanged, reply.is_ok(), "{fate:?}");
        let after = record(&store, room).await;
        assert_eq!(
            (&again.record, after.version),
            (&after, before.version + 1),
            "{fate:?}"
        );
        assert_eq!((after.room.last_seq, after.blocked), (2, true), "{fate:?}");
        let audited = format!("visitor_blocked|{mia}|{room} blocked");
        assert_eq!(store.rows(AUDIT), [audited], "{fate:?}");
        let closed = Counts {
            closed: 1,
            ..Counts::default()
        };
        assert_eq!(store.head().counts, closed, "{fate:?}");
        assert_eq!(store.contradictions().await, [""; 0], "{fate:?}");
    }
}
