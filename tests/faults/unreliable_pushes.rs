//! The database is the log and a push is only a hint to read it: pushes may be lost, duplicated or
//! late, and every subscriber still sees the log.

use crate::common::{Socket, TestServer, Visitor, json, new_id};

const MESSAGES: usize = 200;

/// Reads until the log is complete. Returns the seqs in the order of their arrival.
async fn seqs_of_log(socket: &mut Socket) -> Vec<u64> {
    let messages = socket.messages(MESSAGES).await;
    messages
        .iter()
        .filter_map(|message| message["seq"].as_u64())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_subscriber_sees_the_log_with_unreliable_pushes() {
    for seed in 1..=3 {
        // With a short ping interval, the loss of the last push is noticed soon.
        let server = TestServer::start_with(|config| config.socket.ping_interval_ms = 200).await;
        server.faults().make_pushes_unreliable(seed);
        let visitor = Visitor::named(&server, "Ann").await;
        let agent = server.agent("mia", "agent").await;
        let mut customer = visitor.online().await;
        let mut console = agent.online().await;
        console
            .send(json!({"type": "join", "room_id": visitor.room_id}))
            .await;
        console.expect("joined").await;
        let mut looker_on = agent.joined(&visitor.room_id).await;

        for turn in 0..MESSAGES {
            let id = new_id();
            let post = json!({"type": "post", "room_id": visitor.room_id, "id": id, "content": turn.to_string()});
            let sender = if turn % 3 == 0 {
                &mut console
            } else {
                &mut customer
            };
            sender.send(post).await;
            sender.ack(&id).await;
        }

        let expected: Vec<u64> = (1..=MESSAGES as u64).collect();
        for socket in [&mut customer, &mut console, &mut looker_on] {
            assert_eq!(seqs_of_log(socket).await, expected, "seed {seed}");
        }
        // The lobby's last summary has the newest state, too.
        looker_on
            .expect_where("the newest summary", |frame| {
                frame["type"] == "summary" && frame["summary"]["last_seq"] == MESSAGES
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_agent_sees_each_note_once_with_unreliable_pushes() {
    const NOTES: u64 = 100;
    for seed in 1..=3 {
        let server = TestServer::start_with(|config| config.socket.ping_interval_ms = 200).await;
        server.faults().make_pushes_unreliable(seed);
        let visitor = Visitor::named(&server, "Ann").await;
        let agent = server.agent("mia", "agent").await;
        let mut writer = agent.joined(&visitor.room_id).await;
        let mut reader = agent.joined(&visitor.room_id).await;
        for turn in 0..NOTES {
            let note = json!({"type": "note", "room_id": visitor.room_id, "id": new_id(), "content": turn.to_string()});
            writer.send(note).await;
            writer.expect("noted").await;
        }
        for socket in [&mut writer, &mut reader] {
            for no in 1..=NOTES {
                let frame = socket.expect("note").await;
                assert_eq!(frame["note"]["no"], no, "seed {seed}");
                assert_eq!(frame["note"]["content"], (no - 1).to_string());
            }
        }
    }
}
