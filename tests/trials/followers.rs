//! Two who follow what is committed, by reading what is past the last number that they have seen.

use std::collections::HashMap;

use anyhow::{Context, Result};
use shoptalk_local_servers::Session;

/// By the numbers of messages, which come from a sequence.
#[derive(Default)]
pub(crate) struct BySequence {
    last: u64,
    pub(crate) seen: u64,
}

impl BySequence {
    pub(crate) fn read(&mut self, session: &mut Session) -> Result<()> {
        let sql = format!("SELECT n FROM messages WHERE n > {} ORDER BY n", self.last);
        for row in session.run(&sql)?.lines() {
            self.last = row.parse()?;
            self.seen += 1;
        }
        Ok(())
    }

    /// Messages that are there and that it will never see.
    pub(crate) fn missed(&self, session: &mut Session) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM messages WHERE n <= {}", self.last);
        let stored: u64 = session.run(&sql)?.trim().parse()?;
        Ok(stored - self.seen)
    }
}

/// By the numbers of changes in their slots, as nodes do.
#[derive(Default)]
pub(crate) struct BySlots {
    reached: HashMap<u64, u64>,
    heads: HashMap<u64, u64>,
    /// Changes of rooms behind the numbers that it has seen, which it had not been shown.
    pub(crate) missed: u64,
}

impl BySlots {
    pub(crate) fn read(&mut self, session: &mut Session) -> Result<()> {
        // One statement, so that all of it is of one moment.
        let rows = session.run(
            "SELECT 'slot', slot, change, 0, 0 FROM slots
             UNION ALL SELECT 'room', slot, change, room, version FROM room_heads WHERE change > 0",
        )?;
        let mut reached = HashMap::new();
        for row in rows.lines() {
            let (kind, numbers) = row.split_once('|').context("a row")?;
            let numbers: Vec<u64> = numbers
                .split('|')
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            let [slot, change, room, version] = numbers[..] else {
                anyhow::bail!("not a row: {row}");
            };
            if kind == "slot" {
                reached.insert(slot, change);
                continue;
            }
            let known = self.heads.insert(room, version);
            let is_new = change > self.reached.get(&slot).copied().unwrap_or(0);
            self.missed += u64::from(!is_new && known != Some(version));
        }
        self.reached = reached;
        Ok(())
    }
}
