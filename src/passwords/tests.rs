use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn address(number: usize) -> IpAddr {
    let number = u32::try_from(number).expect("a small number");
    IpAddr::V4((0xc612_0000 + number).into())
}

fn verify(password: &str, hash: Option<&str>) -> Result<bool, HashError> {
    verify_in(&mut Memory::default(), password, hash)
}

#[test]
fn a_password_matches_its_hash_alone() {
    let hash = hash_password("correct horse").expect("hashing works");
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    assert_eq!(verify("correct horse", Some(&hash)), Ok(true));
    assert_eq!(verify("battery staple", Some(&hash)), Ok(false));
    assert_eq!(
        verify("correct horse", None),
        Ok(false),
        "the dummy is a hash that can be compared"
    );
    assert!(verify("x", Some("not a hash")).is_err());
    // One that another implementation made.
    let stored = "$argon2id$v=19$m=19456,t=2,p=1$vbK3ZsQnWcuF+33qKDmrHA$\
        RggP8FtiSpuOiz4gvAItUbhlyzaL9ZgRP+eEp93nrPU";
    assert_eq!(verify("correct horse", Some(stored)), Ok(true));
    assert_eq!(verify("Correct horse", Some(stored)), Ok(false));
}

/// A hasher without threads.
fn stopped_hasher() -> PasswordHasher {
    let hasher = PasswordHasher::default();
    hasher.lock().max_threads = 0;
    hasher
}

fn no_op() -> Job {
    Box::new(|_| ())
}

#[tokio::test]
async fn the_hasher_refuses_instead_of_queueing_without_end() {
    let hasher = stopped_hasher();
    for _ in 0..HASHES_WAITING_PER_ADDRESS {
        hasher.enqueue(HERE, no_op()).expect("a place");
    }
    let refused = hasher.hash(HERE, "password".into()).await;
    assert_eq!(refused, Err(HashError::Busy));
    for other in HASHES_WAITING_PER_ADDRESS..HASHES_WAITING {
        hasher.enqueue(address(other), no_op()).expect("a place");
    }
    assert_eq!(hasher.lock().queue.count, HASHES_WAITING);
}

#[test]
fn an_address_waits_for_one_hash_of_each_other_address() {
    let hasher = stopped_hasher();
    for number in 0..120 {
        hasher
            .enqueue(address(number % 40), no_op())
            .expect("a place");
    }
    let (done, is_done) = std::sync::mpsc::channel();
    let own: Job = Box::new(move |_| done.send(()).expect("the test receives it"));
    hasher.enqueue(HERE, own).expect("a place");
    let mut before = 0;
    while is_done.try_recv().is_err() {
        let job = hasher.lock().queue.pop().expect("it waits");
        job(&mut Memory::default());
        before += 1;
    }
    assert_eq!(before, 41);
    while hasher.lock().queue.pop().is_some() {
        before += 1;
    }
    assert_eq!(before, 121, "nobody is forgotten");
    let hashing = hasher.lock();
    assert!(hashing.queue.queues.is_empty() && hashing.queue.turns.is_empty());
    assert_eq!(hashing.queue.count, 0);
}

#[tokio::test]
async fn in_a_full_queue_the_address_with_the_most_loses_its_newest() {
    let hasher = stopped_hasher();
    let mut calls = Vec::new();
    for place in 0..HASHES_WAITING {
        let own = hasher.clone();
        let from = address(place % 4);
        calls.push(tokio::spawn(async move {
            own.hash(from, "password".into()).await
        }));
        while hasher.lock().queue.count <= place {
            tokio::task::yield_now().await;
        }
    }
    hasher.enqueue(HERE, no_op()).expect("room was made");
    assert_eq!(hasher.lock().queue.count, HASHES_WAITING);
    while !calls.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    calls.retain(tokio::task::JoinHandle::is_finished);
    assert_eq!(calls.len(), 1);
    let refused = calls.remove(0).await.expect("no panic");
    assert_eq!(refused, Err(HashError::Busy));
}

#[tokio::test]
async fn an_address_with_one_queued_hash_does_not_lose_it() {
    let hasher = stopped_hasher();
    for other in 0..HASHES_WAITING {
        hasher.enqueue(address(other), no_op()).expect("a place");
    }
    let refused = hasher.hash(HERE, "password".into()).await;
    assert_eq!(refused, Err(HashError::Busy));
}

#[tokio::test]
async fn a_panic_or_a_damaged_hash_fails_only_its_own_caller() {
    let hasher = PasswordHasher::default();
    let hash = hasher
        .hash(HERE, "correct horse".into())
        .await
        .expect("a hash");
    let right = hasher.verify(HERE, "correct horse".into(), Some(hash.clone()));
    let wrong = hasher.verify(HERE, "battery staple".into(), Some(hash));
    let damaged = hasher.verify(HERE, "correct horse".into(), Some("no hash".into()));
    let panics = hasher.run::<()>(HERE, |_| panic!("injected by a test"));
    let unknown = hasher.verify(HERE, "correct horse".into(), None);
    let (right, wrong, damaged, panics, unknown) =
        tokio::join!(right, wrong, damaged, panics, unknown);
    assert_eq!(right, Ok(true));
    assert_eq!(wrong, Ok(false));
    assert_eq!(damaged, Err(HashError::Damaged));
    assert!(matches!(panics, Err(HashError::Failed(_))), "{panics:?}");
    assert_eq!(unknown, Ok(false));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hashing_threads_have_the_lowest_priority() {
    let hasher = PasswordHasher::default();
    let status = hasher.run(HERE, |_| {
        std::fs::read_to_string("/proc/thread-self/stat").map_err(failed)
    });
    let status = status.await.expect("the thread's stat file");
    // The name is in parentheses and may contain spaces; niceness and policy are the 19th and
    // the 41st field.
    let (_, fields) = status.rsplit_once(") ").expect("the name comes second");
    let field = |number: usize| fields.split(' ').nth(number - 3);
    assert_eq!(field(19), Some("19"), "the least share: {status}");
    assert_eq!(field(41), Some("3"), "SCHED_BATCH: {status}");
}
