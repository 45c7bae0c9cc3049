//! A database with many conversations, some of them of people who are going to be erased: each of
//! these has a word that nobody else writes, in the name, the address and every message.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shoptalk::chat::{Details, PastMessage, SenderType, Timestamp};
use shoptalk::config::Config;
use shoptalk::persistence::{
    ImportedMessage, ImportedRoom, ImportedVisitor, Store, StoreOptions, Synchronous,
};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Letters of a word.
const WORD_LETTERS: usize = 20;
/// The text index stores a word without what it shares with the one before it, so only the rest of
/// each is looked for.
const SOUGHT_LETTERS: usize = 14;
/// Rooms that wait for their commit at the same time.
const ROOMS_AT_ONCE: usize = 32;
const OTHER_WORDS: [&str; 12] = [
    "parcel", "invoice", "kettle", "please", "tomorrow", "refund", "colour", "size", "voucher",
    "thanks", "street", "number",
];

/// How large the database is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) people: usize,
    /// Messages of each of them.
    pub(crate) of_each: usize,
    /// Messages of others.
    pub(crate) others: usize,
    /// Messages in each room of others.
    pub(crate) in_each_room: usize,
}

/// Somebody who is going to be erased.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) word: String,
    pub(crate) room: Uuid,
}

impl Person {
    /// How the command line names them.
    pub(crate) fn who(&self) -> String {
        format!("email:{}@example.com", self.word)
    }
}

/// Fills a new database, and closes it.
pub(crate) async fn fill(data_dir: &Path, size: Size, seed: u64) -> Result<Vec<Person>> {
    let options = StoreOptions {
        data_dir: data_dir.to_owned(),
        backup_dir: data_dir.join("backups"),
        synchronous: Synchronous::Normal,
        ..Config::default().store_options(true)
    };
    let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
    let mut random = StdRng::seed_from_u64(seed);
    let people: Vec<Person> = (0..size.people)
        .map(|_| Person {
            word: random_word(&mut random),
            room: Uuid::from_u128(random.random()),
        })
        .collect();
    let others = size.others / size.in_each_room;
    let mut importing = JoinSet::new();
    for number in 0..others.max(people.len()) {
        let mut rooms = Vec::new();
        if number < others {
            let text = |random: &mut StdRng| sentence(random, None);
            let id = Uuid::from_u128(random.random());
            rooms.push(room(&mut random, id, size.in_each_room, None, text));
        }
        // Spread among the others.
        let every = (others / people.len().max(1)).max(1);
        if number % every == 0
            && let Some(person) = people.get(number / every)
        {
            let text = |random: &mut StdRng| sentence(random, Some(&person.word));
            let name = Some(person.word.as_str());
            rooms.push(room(&mut random, person.room, size.of_each, name, text));
        }
        for room in rooms {
            if importing.len() >= ROOMS_AT_ONCE {
                importing.join_next().await.context("one")???;
            }
            let store = store.clone();
            importing.spawn(async move { store.import_room(room).await.map(|_| ()) });
        }
    }
    while let Some(imported) = importing.join_next().await {
        imported??;
    }
    store.flush_search_index().await?;
    store.close().await;
    Ok(people)
}

fn random_word(random: &mut StdRng) -> String {
    (0..WORD_LETTERS)
        .map(|_| char::from(random.random_range(b'a'..=b'z')))
        .collect()
}

fn sentence(random: &mut StdRng, word: Option<&str>) -> String {
    let mut words: Vec<&str> = (0..random.random_range(4..16))
        .map(|_| OTHER_WORDS[random.random_range(0..OTHER_WORDS.len())])
        .collect();
    let at = random.random_range(0..words.len());
    words.splice(at..at, word);
    words.join(" ")
}

fn room(
    random: &mut StdRng,
    id: Uuid,
    messages: usize,
    name: Option<&str>,
    text: impl Fn(&mut StdRng) -> String,
) -> ImportedRoom {
    let messages = (0..messages).map(|number| {
        let sender_type = match number % 3 {
            2 => SenderType::Admin,
            _ => SenderType::Customer,
        };
        ImportedMessage {
            message: PastMessage {
                id: Uuid::from_u128(random.random()),
                sender_type,
                sender_name: name.unwrap_or("Bob").to_owned(),
                content: text(random),
                via: None,
                event: None,
                agent_id: None,
                created_at: Timestamp(1_700_000_000_000 + i64::try_from(number).unwrap_or(0)),
            },
            also_known_as: Uuid::from_u128(random.random()),
            is_read: true,
        }
    });
    let messages = messages.collect();
    ImportedRoom {
        id,
        visitor: ImportedVisitor {
            id: Uuid::from_u128(random.random()),
            user: None,
            token: None,
        },
        details: Details {
            name: name.map(str::to_owned),
            email: name.map(|name| format!("{name}@example.com")),
            ..Details::default()
        },
        created_at: Timestamp(1_700_000_000_000),
        closed: false,
        messages,
    }
}

/// The words of these people that stand anywhere in a file of the directory or below it.
pub(crate) fn words_in(directory: &Path, people: &[Person]) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(words_in(&path, people)?);
            continue;
        }
        // SQLite removes its files when it likes.
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        found.extend(words_among(&bytes.to_ascii_lowercase(), people));
    }
    Ok(found)
}

fn words_among<'p>(bytes: &'p [u8], people: &'p [Person]) -> impl Iterator<Item = String> + 'p {
    let sought = |person: &Person| person.word[WORD_LETTERS - SOUGHT_LETTERS..].to_owned();
    let mut begins = vec![false; 1 << 16];
    let pair = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    let words: HashSet<String> = people.iter().map(sought).collect();
    for word in &words {
        begins[pair(word.as_bytes())] = true;
    }
    bytes.windows(SOUGHT_LETTERS).filter_map(move |window| {
        let word = begins[pair(window)].then(|| std::str::from_utf8(window).ok())??;
        words.get(word).cloned()
    })
}
