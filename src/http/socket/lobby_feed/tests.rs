use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::actors::{ActorMetrics, ActorOptions, Actors, Faults};
use crate::chat::Details;
use crate::persistence::testing::{TestStore, anonymous};
use crate::persistence::{Identity, OpenRoom, Principal};

struct Lobby {
    actors: Actors,
    store: TestStore,
}

impl Lobby {
    async fn start() -> Self {
        let store = TestStore::new();
        let options = ActorOptions {
            store: store.store.clone(),
            idle_timeout: Duration::from_secs(60),
            presence_grace: Duration::from_secs(10),
            metrics: ActorMetrics::default(),
            faults: Faults::default(),
        };
        let actors = Actors::start(options).await.expect("they start");
        Self { actors, store }
    }

    /// A room with a message, of a visitor who has this user.
    async fn listed_room(&self, user: &str) -> RoomId {
        let open = OpenRoom {
            identity: Some(Identity {
                user: user.to_owned(),
                details: Details::default(),
                attributes: None,
            }),
            ..anonymous(Details::default())
        };
        let opened = self.store.open_room(open).await.expect("it opens");
        let room_id = opened.record.room.id;
        self.store.post_as_visitor(room_id, "hello").await;
        room_id
    }

    async fn erase(&self, user: &str) {
        let who = format!("user:{user}").parse().expect("a person");
        let person = self.store.find_person(&who).await.expect("it looks");
        let begin = self
            .store
            .begin_erasure(person.visitors, Principal::CommandLine);
        begin.await.expect("it begins").expect("somebody was there");
        while self.store.erase_step().await.expect("goes on").is_some() {}
    }

    /// A console that comes back with this cursor, and whether it goes on from there.
    async fn console(&self, cursor: &str) -> (LobbyFeed, bool) {
        let subscription = self.actors.lobby().subscribe().await.expect("a lobby");
        let hello = AgentHello {
            token: None,
            epoch: Some(self.store.epoch().to_owned()),
            cursor: Some(cursor.to_owned()),
        };
        let presence = self.actors.presence();
        let started = LobbyFeed::start(subscription, &hello, &self.store, &presence).await;
        started.expect("it starts")
    }

    async fn next_page(&self, feed: &mut LobbyFeed) -> LobbyPage {
        let presence = self.actors.presence();
        let page = feed.next_page(&self.store, &presence).await;
        page.expect("a page")
    }
}

#[tokio::test]
async fn a_console_that_leaves_before_a_removal_is_sent_does_not_miss_it() {
    let lobby = Lobby::start().await;
    let gone = [
        lobby.listed_room("ann").await,
        lobby.listed_room("bob").await,
    ];
    for number in 0..PAGE_ITEMS {
        lobby.listed_room(&format!("visitor {number}")).await;
    }
    let first = LobbyCursor::Changes(ChangeVector::default());
    let first = first.encode(lobby.store.epoch());
    let (mut feed, recovered) = lobby.console(&first).await;
    assert!(recovered, "nothing was removed yet");
    let page = lobby.next_page(&mut feed).await;
    assert!(page.more, "not all fit into a frame");
    assert!(lobby.console(&page.cursor).await.1, "so far it has all");

    lobby.erase("ann").await;
    lobby.erase("bob").await;
    let mut last_page = lobby.next_page(&mut feed).await;
    while last_page.more {
        last_page = lobby.next_page(&mut feed).await;
    }
    let mut frames = Vec::new();
    let presence = lobby.actors.presence();
    let closed = feed.close_gap(&lobby.store, &presence, &mut frames).await;
    assert!(!closed.expect("it reads"), "there is no more");
    let frames: Vec<Value> = frames
        .iter()
        .map(|frame| serde_json::from_str(frame).expect("JSON"))
        .filter(|frame: &Value| frame["type"] == "removed")
        .collect();
    let removed = frames.iter().map(|frame| frame["room_id"].as_str());
    let removed: Vec<_> = removed.map(|id| id.expect("an id").to_owned()).collect();
    assert_eq!(removed, gone.map(|room_id| room_id.to_string()));

    // Wherever the connection broke, the console has the removals or starts again.
    let cursor = |frame: &Value| frame["cursor"].as_str().expect("a cursor").to_owned();
    for unsafe_cursor in [last_page.cursor, cursor(&frames[0])] {
        let (mut feed, recovered) = lobby.console(&unsafe_cursor).await;
        assert!(
            !recovered,
            "{unsafe_cursor} is past a removal that was not sent"
        );
        let page = lobby.next_page(&mut feed).await;
        assert!(
            page.summaries
                .iter()
                .all(|shown| !gone.contains(&shown.room.id))
        );
    }
    assert!(lobby.console(&cursor(&frames[1])).await.1, "it has all");
}
