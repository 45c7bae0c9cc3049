use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::figures::Gathered;
use super::{Report, ReportBy, ReportRange, ReportRow};
use crate::chat::{AgentId, SenderType, SystemEvent, Timestamp};
use crate::persistence::{ReportLine, ReportMessage, ReportRoom};

/// What agents and tags are called, and which rooms have which tags.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The names of agents, or of tags.
    pub names: HashMap<Uuid, String>,
    /// The tags of rooms, by the store's numbers of the rooms.
    pub tags: HashMap<i64, Vec<Uuid>>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Day(usize),
    Id(Option<Uuid>),
}

/// Adds up what the store reads.
#[derive(Debug)]
pub struct Collector {
    by: ReportBy,
    range: ReportRange,
    names: Names,
    rows: BTreeMap<Group, Gathered>,
    total: Gathered,
    room: Option<Room>,
}

/// The room whose messages come.
#[derive(Debug)]
struct Room {
    line: ReportRoom,
    /// When its first message was written.
    began: Option<Timestamp>,
    asked: Option<Timestamp>,
    answer: Option<(Timestamp, Option<AgentId>)>,
    /// Who wrote last among the agents.
    agent: Option<AgentId>,
    /// When it was closed, unless something was written since.
    closed: Option<Timestamp>,
    /// Where figures were added for messages; they go again if the room has gone.
    messages: Vec<(Timestamp, bool, Option<AgentId>)>,
    /// Scores, when the conversation was closed, and who wrote last before.
    scores: Vec<(u8, Timestamp, Option<AgentId>)>,
}

impl Collector {
    /// Begins a report.
    pub fn new(by: ReportBy, range: ReportRange, names: Names) -> Self {
        let mut rows = BTreeMap::new();
        if by == ReportBy::Day {
            rows.extend((0..range.days.len()).map(|day| (Group::Day(day), Gathered::default())));
        }
        Self {
            by,
            range,
            names,
            rows,
            total: Gathered::default(),
            room: None,
        }
    }

    /// Takes the next line: a room, then its messages in the order of their seqs.
    pub fn take(&mut self, line: ReportLine) {
        match line {
            ReportLine::Room(line) => {
                self.close_room();
                self.room = Some(Room::new(line));
            }
            ReportLine::Message(message) => {
                if let Some(room) = &mut self.room {
                    room.take(&message);
                }
            }
            ReportLine::Gone => self.room = None,
        }
    }

    /// The report, once there are no more lines.
    pub fn finish(mut self) -> Report {
        self.close_room();
        let rows = std::mem::take(&mut self.rows);
        let mut rows: Vec<ReportRow> = rows
            .into_iter()
            .map(|(group, gathered)| self.row(group, gathered))
            .collect();
        if self.by != ReportBy::Day {
            // What has no key is last; names that are the same stay in the order of their ids.
            rows.sort_by_cached_key(|row| (row.key.is_none(), row.name.clone(), row.key.clone()));
        }
        Report {
            from: self.range.days[0].0.to_string(),
            to: self.range.last().to_string(),
            time_zone: self.range.time_zone,
            by: self.by,
            rows,
            total: self.total.row(None, None),
        }
    }

    fn row(&self, group: Group, gathered: Gathered) -> ReportRow {
        match group {
            Group::Day(day) => gathered.row(Some(self.range.days[day].0.to_string()), None),
            Group::Id(None) => gathered.row(None, None),
            Group::Id(Some(id)) => {
                let name = self.names.names.get(&id).cloned();
                gathered.row(Some(id.to_string()), name)
            }
        }
    }

    /// Adds up the room that was read.
    fn close_room(&mut self) {
        let Some(room) = self.room.take() else { return };
        let pk = room.line.pk;
        for (at, by_customer, agent) in &room.messages {
            if self.range.has(*at) {
                self.add(pk, *at, *agent, |row| match by_customer {
                    true => row.messages.customer += 1,
                    false => row.messages.agent += 1,
                });
            }
        }
        for (score, at, agent) in &room.scores {
            if self.range.has(*at) {
                let place = usize::from(*score).saturating_sub(1);
                self.add(pk, *at, *agent, |row| {
                    if let Some(count) = row.scores.get_mut(place) {
                        *count += 1;
                    }
                });
            }
        }
        let began = room.began.filter(|began| self.range.has(*began));
        if let Some(began) = began {
            self.add_conversation(&room, began);
        }
    }

    fn add_conversation(&mut self, room: &Room, began: Timestamp) {
        let answered_by = room.answer.and_then(|(_, agent)| agent);
        let answer = room.asked.zip(room.answer);
        let answer = answer.map(|(asked, (answered, _))| self.span(asked, answered));
        let whole = room.closed.map(|closed| self.span(began, closed));
        let is_unanswered = room.asked.is_some() && room.answer.is_none();
        self.add(room.line.pk, began, answered_by, |row| {
            row.conversations += 1;
            row.unanswered += u64::from(is_unanswered);
            if let Some(answer) = answer {
                row.first_answer.push(answer);
            }
            if let Some(whole) = whole {
                row.whole.push(whole);
            }
        });
    }

    /// How long it is between two moments, in all hours and in open ones. The clock may have been
    /// set back between them.
    fn span(&self, from: Timestamp, to: Timestamp) -> (i64, i64) {
        ((to.0 - from.0).max(0), self.range.hours.between(from, to))
    }

    /// Adds something to its rows, and to the total once.
    fn add(
        &mut self,
        pk: i64,
        at: Timestamp,
        agent: Option<AgentId>,
        mut change: impl FnMut(&mut Gathered),
    ) {
        change(&mut self.total);
        let mut row = |group| change(self.rows.entry(group).or_default());
        match self.by {
            ReportBy::Day => row(Group::Day(self.range.day(at))),
            ReportBy::Agent => row(Group::Id(agent)),
            ReportBy::Tag => match self.names.tags.get(&pk) {
                Some(tags) => tags.iter().for_each(|tag| row(Group::Id(Some(*tag)))),
                None => row(Group::Id(None)),
            },
        }
    }
}

impl Room {
    fn new(line: ReportRoom) -> Self {
        Self {
            line,
            began: None,
            asked: None,
            answer: None,
            agent: None,
            closed: None,
            messages: Vec::new(),
            scores: Vec::new(),
        }
    }

    fn take(&mut self, message: &ReportMessage) {
        let at = message.created_at;
        match message.sender_type {
            SenderType::System => return self.take_event(message),
            SenderType::Customer => {
                self.asked.get_or_insert(at);
            }
            SenderType::Admin => {
                self.agent = message.agent;
                if self.asked.is_some() {
                    self.answer.get_or_insert((at, message.agent));
                }
            }
        }
        self.began.get_or_insert(at);
        self.closed = None;
        let by_customer = message.sender_type == SenderType::Customer;
        self.messages.push((at, by_customer, message.agent));
    }

    fn take_event(&mut self, message: &ReportMessage) {
        let is_closing = message.event == Some(SystemEvent::Closed);
        self.closed = is_closing.then_some(message.created_at);
        let mut ratings = self.line.ratings.iter();
        if let Some((_, score)) = ratings.find(|(closing, _)| is_closing && *closing == message.seq)
        {
            self.scores.push((*score, message.created_at, self.agent));
        }
    }
}
