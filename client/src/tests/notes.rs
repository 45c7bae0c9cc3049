//! Notes: the server's part, and what an agent gets of them.

use std::borrow::Cow;
use std::time::Duration;

use shoptalk::chat::{Note, NoteId, RoomId, Timestamp};
use shoptalk::protocol::FrameForAgents;
use tokio::time::timeout;
use uuid::Uuid;

use super::server::{Cut, FakeDial, FakeServer, Faults, Peer};
use super::{DEADLINE, POSTS, SEEDS, room};
use crate::agent::{AgentEvent, AgentProtocol, Command};
use crate::handle::Handle;
use crate::outbox::PostKind;

/// Notes per `joined` frame: few, so that some of them follow it.
const PAGE: usize = 2;

impl FakeServer {
    pub(super) fn notes(&self, room_id: RoomId) -> Vec<Note> {
        self.state().notes.entry(room_id).or_default().clone()
    }

    fn store_note(&self, room_id: RoomId, id: NoteId, content: String) -> (u64, bool) {
        let after_seq = self.log(room_id).len() as u64;
        let mut state = self.state();
        let notes = state.notes.entry(room_id).or_default();
        if let Some(known) = notes.iter().find(|note| note.id == id) {
            return (known.no, true);
        }
        let no = notes.len() as u64 + 1;
        notes.push(Note {
            id,
            room_id,
            no,
            after_seq,
            agent_id: Uuid::nil(),
            agent_name: "Mia".to_owned(),
            content,
            created_at: Timestamp(0),
        });
        drop(state);
        self.notify();
        (no, false)
    }
}

impl Peer {
    pub(super) async fn note(
        &mut self,
        room_id: RoomId,
        id: NoteId,
        content: String,
    ) -> Result<(), Cut> {
        let (no, duplicate) = self.server.store_note(room_id, id, content);
        self.send(&FrameForAgents::Noted {
            room_id,
            id,
            no,
            duplicate,
        })
        .await
    }

    /// The notes of a `joined` frame, the newest number, and whether more follow.
    pub(super) fn note_page(
        &mut self,
        room_id: RoomId,
        after: Option<u64>,
    ) -> (Vec<Note>, u64, bool) {
        let notes = self.server.notes(room_id);
        let skipped = after.unwrap_or(0) as usize;
        let page: Vec<Note> = notes.iter().skip(skipped).take(PAGE).cloned().collect();
        let sent = skipped + page.len();
        self.noted.insert(room_id, sent as u64);
        (page, notes.len() as u64, sent < notes.len())
    }

    pub(super) async fn push_new_notes(&mut self) -> Result<(), Cut> {
        for (room_id, pushed) in self.noted.clone() {
            let notes = self.server.notes(room_id);
            self.noted.insert(room_id, notes.len() as u64);
            for note in notes.iter().skip(pushed as usize) {
                let note = Cow::Borrowed(note);
                self.push(&FrameForAgents::Note { room_id, note }).await?;
            }
        }
        Ok(())
    }

    /// Sends the newest note again, so that the client notices a gap.
    pub(super) async fn repeat_last_note(&mut self, room_id: RoomId) -> Result<(), Cut> {
        if let Some(note) = self.server.notes(room_id).last() {
            let note = Cow::Borrowed(note);
            self.send(&FrameForAgents::Note { room_id, note }).await?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_gets_each_note_once_and_its_own_are_stored_in_order_despite_faults() {
    for seed in 0..SEEDS {
        let server = FakeServer::new(Faults::ALL, seed);
        for n in 0..5 {
            server.store_note(room(1), Uuid::now_v7(), format!("before {n}"));
        }
        let dialer = FakeDial::agent(server.clone());
        let random = fastrand::Rng::with_seed(seed);
        let (handle, mut events) = Handle::start(AgentProtocol::new("token"), dialer, random);
        handle.side(Command::Join(room(1))).expect("it runs");
        let mut written = Vec::new();
        let writing = async {
            for n in 0..POSTS {
                let id = Uuid::now_v7();
                handle
                    .post_as(PostKind::Note, room(1), id, format!("note {n}"))
                    .expect("it runs");
                written.push(id);
                server.store_note(room(1), Uuid::now_v7(), format!("from elsewhere {n}"));
                server.post_from_elsewhere(room(1), n);
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..3_000))).await;
            }
            handle.flush().await.expect("it runs");
        };
        let (mut notes, mut messages, mut noted) = (Vec::new(), Vec::new(), Vec::new());
        let reading = async {
            while notes.len() < 5 + 2 * POSTS || messages.len() < POSTS || noted.len() < POSTS {
                match events.next().await.expect("it runs") {
                    AgentEvent::Note(note) => notes.push(note),
                    AgentEvent::Message(message) => messages.push(message),
                    AgentEvent::Noted { id, .. } => noted.push(id),
                    AgentEvent::Stopped { reason, .. } => panic!("stopped: {reason}"),
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, async { tokio::join!(writing, reading) })
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: something never came"));
        assert_eq!(notes, server.notes(room(1)), "seed {seed}");
        assert_eq!(messages, server.log(room(1)), "seed {seed}");
        assert_eq!(noted, written, "seed {seed}");
        let stored = notes.iter().map(|note| note.id);
        let stored: Vec<NoteId> = stored.filter(|id| written.contains(id)).collect();
        assert_eq!(stored, written, "seed {seed}");
    }
}
