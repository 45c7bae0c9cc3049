use std::collections::BTreeMap;

use anyhow::Result;
use hdrhistogram::Histogram;

use super::SLOW;

/// What has been measured since the last `take`.
#[derive(Clone)]
pub(crate) struct Measured {
    /// Messages that have arrived at the other side.
    pub(crate) messages: u64,
    /// From a post (or from when it was due) to the other side; in microseconds, as all of these.
    pub(crate) across: Histogram<u64>,
    /// From a post (or from when it was due) to the sender's ack, by side.
    pub(crate) ack: [Histogram<u64>; 2],
    /// From a message's ack to the first state at a console that shows it or a later one.
    pub(crate) state: Histogram<u64>,
    /// How old the newest message of a state was when the state arrived at a console.
    pub(crate) arrival: Histogram<u64>,
    /// Sockets closed, by code; 0 stands for a closing without a code.
    pub(crate) closed: BTreeMap<u16, u64>,
}

impl Measured {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            messages: 0,
            across: Histogram::new(3)?,
            ack: [Histogram::new(3)?, Histogram::new(3)?],
            state: Histogram::new(3)?,
            arrival: Histogram::new(3)?,
            closed: BTreeMap::new(),
        })
    }

    /// All rounds together.
    pub(crate) fn sum(rounds: &[Self]) -> Result<Self> {
        let mut whole = Self::new()?;
        for round in rounds {
            whole.add(round)?;
        }
        Ok(whole)
    }

    /// Of a warm-up only the closed sockets count.
    pub(crate) fn closed_only(self) -> Result<Self> {
        Ok(Self {
            closed: self.closed,
            ..Self::new()?
        })
    }

    /// Closed sockets as figures: those that were too slow, and all others.
    pub(crate) fn closings(&self) -> [(&'static str, u64); 2] {
        let slow = self.closed.get(&SLOW).copied().unwrap_or(0);
        let all: u64 = self.closed.values().sum();
        [
            ("sockets closed with 4008", slow),
            ("sockets closed otherwise", all - slow),
        ]
    }

    /// Adds what another round has measured.
    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        self.messages += other.messages;
        self.across.add(&other.across)?;
        self.state.add(&other.state)?;
        self.arrival.add(&other.arrival)?;
        for (own, other) in self.ack.iter_mut().zip(&other.ack) {
            own.add(other)?;
        }
        for (code, count) in &other.closed {
            *self.closed.entry(*code).or_default() += count;
        }
        Ok(())
    }
}
