//! Passwords, hashed with Argon2id because people choose them. A hash takes tens of milliseconds and
//! 19 MiB, so a few threads with the lowest priority compute them, and end when nothing is queued.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

mod django;
mod refusal;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::oneshot;

use self::django::DjangoHash;
pub use self::refusal::refusal_delay;

/// KiB of memory for one Argon2id hash; OWASP's first recommendation.
const ARGON_MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const ARGON_PASSES: u32 = 2;
/// Lanes, which Argon2 could compute in parallel.
const ARGON_LANES: u32 = 1;
/// KiB that are allocated for a hash, at least; what it does not need is never touched. The C library
/// maps allocations above 32 MiB separately and returns them to the system. Smaller ones it would
/// keep for each thread that ever hashed: half a gigabyte after a rush of sign-ins.
const ARGON_MAPPED_KIB: usize = 33 * 1_024;
/// Hashes computed at the same time, at most; also at most half of the processors.
const HASHES_AT_ONCE: usize = 4;
/// Hashes of all addresses that may be queued.
const HASHES_WAITING: usize = 256;
/// Hashes of one address that may be queued; further ones are refused.
const HASHES_WAITING_PER_ADDRESS: usize = 64;
/// A hash that no password has. Verifying against it takes as long as against a real one, so that the
/// response time does not reveal whether an account exists.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2hvcHRhbGstZHVtbXktMQ$\
    bm9ib2R5LWhhcy10aGlzLXBhc3N3b3JkLWF0LWFsbC4";

/// KiB of memory that comparing with a foreign hash may need, at most. Django's own setting is 100 MiB.
const FOREIGN_MEMORY_KIB_MAX: usize = 512 * 1_024;

/// Why a password could not be hashed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many are queued.
    #[error("too many sign-ins are waiting; try again")]
    Busy,
    /// What is stored is not a hash.
    #[error("the stored password is damaged; set a new one with: shoptalk agent passwd NAME")]
    Damaged,
    /// No memory, no thread, or a bug.
    #[error("cannot hash a password: {0}")]
    Failed(String),
}

/// Hashes a password into a PHC string. Blocks for tens of milliseconds.
///
/// # Errors
///
/// When the system has no memory for it.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    hash_in(&mut Memory::default(), password)
}

fn hash_in(memory: &mut Memory, password: &str) -> Result<String, HashError> {
    let params = Params::new(ARGON_MEMORY_KIB, ARGON_PASSES, ARGON_LANES, None)
        .expect("the parameters are within Argon2's bounds");
    let salt = rand::random::<[u8; Salt::RECOMMENDED_LENGTH]>();
    let salt = Salt::new(&salt).map_err(failed)?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params).map_err(failed)?,
        salt: Some(salt),
        hash: Some(memory.derive(
            &Argon2::new(algorithm, version, params),
            password,
            &salt,
            Params::DEFAULT_OUTPUT_LEN,
        )?),
    };
    Ok(hash.to_string())
}

fn verify_in(memory: &mut Memory, password: &str, hash: Option<&str>) -> Result<bool, HashError> {
    let stored = hash.unwrap_or(DUMMY_HASH);
    let matches = match django::parse(stored) {
        Some(DjangoHash::Pbkdf2(pbkdf2)) => pbkdf2.matches(password),
        Some(DjangoHash::Argon2(phc)) => verify_argon2(memory, password, phc)?,
        None => verify_argon2(memory, password, stored)?,
    };
    Ok(matches && hash.is_some())
}

fn verify_argon2(memory: &mut Memory, password: &str, phc: &str) -> Result<bool, HashError> {
    let (argon2, salt, stored) = parse(phc).ok_or(HashError::Damaged)?;
    // Outputs are compared in constant time.
    Ok(memory.derive(&argon2, password, &salt, stored.len())? == stored)
}

/// Whether a stored hash is one that another program made: it is replaced at the next sign-in, and
/// takes another time to compare than one of ours.
pub fn is_foreign(hash: &str) -> bool {
    django::parse(hash).is_some()
}

/// Whether passwords can be compared with a hash that Django made: PBKDF2 with SHA-256, or Argon2.
pub fn is_verifiable(hash: &str) -> bool {
    match django::parse(hash) {
        Some(DjangoHash::Pbkdf2(_)) => true,
        Some(DjangoHash::Argon2(phc)) => parse(phc)
            .is_some_and(|(argon2, ..)| argon2.params().block_count() <= FOREIGN_MEMORY_KIB_MAX),
        None => false,
    }
}

/// The algorithm, the salt and the output of a PHC string.
fn parse(hash: &str) -> Option<(Argon2<'static>, Salt, Output)> {
    let parsed = PasswordHash::new(hash).ok()?;
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).ok()?;
    let version = Version::try_from(parsed.version?).ok()?;
    let params = Params::try_from(&parsed).ok()?;
    Some((
        Argon2::new(algorithm, version, params),
        parsed.salt?,
        parsed.hash?,
    ))
}

/// The memory that Argon2 needs. It is returned to the system when it is dropped.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    /// Argon2's output for a password.
    fn derive(
        &mut self,
        argon2: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        length: usize,
    ) -> Result<Output, HashError> {
        let blocks = argon2.params().block_count();
        let missing = blocks.max(ARGON_MAPPED_KIB).saturating_sub(self.0.len());
        self.0.try_reserve_exact(missing).map_err(failed)?;
        self.0.resize(blocks, Block::new());
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..length];
        argon2
            .hash_password_into_with_memory(password.as_bytes(), salt, output, &mut self.0)
            .map_err(failed)?;
        Output::new(output).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

/// Hashes a few passwords at a time, outside the runtime. Clones share the queue.
///
/// Addresses take turns, one hash each, so that an address waits for at most one hash of each other
/// address, however many those have queued. When the queue is full, the address with the most loses
/// its newest.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Mutex<Hashing>>);

/// What the clones of a hasher share.
struct Hashing {
    queue: FairQueue,
    /// Threads that are running.
    threads: usize,
    max_threads: usize,
}

impl Default for PasswordHasher {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Mutex::new(Hashing {
            queue: FairQueue::default(),
            threads: 0,
            max_threads: (processors / 2).clamp(1, HASHES_AT_ONCE),
        })))
    }
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// What is queued, by address. Addresses take turns.
#[derive(Default)]
struct FairQueue {
    /// None of them is empty.
    queues: HashMap<IpAddr, VecDeque<Job>>,
    /// The addresses, in the order of their turns.
    turns: VecDeque<IpAddr>,
    count: usize,
}

impl FairQueue {
    fn push(&mut self, address: IpAddr, job: Job) -> Result<(), HashError> {
        let own = self.queues.get(&address).map_or(0, VecDeque::len);
        if own >= HASHES_WAITING_PER_ADDRESS {
            return Err(HashError::Busy);
        }
        if self.count >= HASHES_WAITING {
            self.drop_newest_of_longest(own)?;
        }
        let queue = self.queues.entry(address).or_default();
        if queue.is_empty() {
            self.turns.push_back(address);
        }
        queue.push_back(job);
        self.count += 1;
        Ok(())
    }

    /// Makes room for an address with `own` jobs, if another one has at least two more.
    fn drop_newest_of_longest(&mut self, own: usize) -> Result<(), HashError> {
        let longest = self.queues.values_mut().max_by_key(|queue| queue.len());
        let longest = longest.filter(|queue| queue.len() > own + 1);
        // Whoever waits for the dropped job gets `HashError::Busy`.
        longest.ok_or(HashError::Busy)?.pop_back();
        self.count -= 1;
        Ok(())
    }

    fn pop(&mut self) -> Option<Job> {
        let address = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&address)?;
        let job = queue.pop_front()?;
        self.count -= 1;
        if queue.is_empty() {
            self.queues.remove(&address);
        } else {
            self.turns.push_back(address);
        }
        Some(job)
    }
}

impl PasswordHasher {
    /// [`hash_password`], when it is this address's turn.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`] when too many are queued, or as for [`hash_password`].
    pub async fn hash(&self, address: IpAddr, password: String) -> Result<String, HashError> {
        self.run(address, move |memory| hash_in(memory, &password))
            .await
    }

    /// Whether `password` has the PHC string `hash`, when it is this address's turn. Without a hash
    /// the result is false, at the same cost.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`] when too many are queued; when `hash` is not a PHC string of Argon2, or the
    /// system has no memory for it.
    pub async fn verify(
        &self,
        address: IpAddr,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, HashError> {
        let work = move |memory: &mut Memory| verify_in(memory, &password, hash.as_deref());
        self.run(address, work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        address: IpAddr,
        work: impl FnOnce(&mut Memory) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, result) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Skipped when the client has hung up.
            if !reply.is_closed() {
                let worked = catch_unwind(AssertUnwindSafe(|| work(memory)));
                let _ = reply.send(worked.unwrap_or_else(|_| Err(failed("a bug; see the log"))));
            }
        });
        self.enqueue(address, job)?;
        // Dropped without having run: it made room for another address.
        result.await.unwrap_or(Err(HashError::Busy))
    }

    fn enqueue(&self, address: IpAddr, job: Job) -> Result<(), HashError> {
        let mut hashing = self.lock();
        hashing.queue.push(address, job)?;
        if hashing.threads < hashing.max_threads {
            let own = self.clone();
            let started = thread::Builder::new()
                .name("password".to_owned())
                .spawn(move || own.hash_queued());
            match started {
                Ok(_) => hashing.threads += 1,
                // The running threads will get to it.
                Err(_) if hashing.threads > 0 => {}
                Err(error) => {
                    hashing.queue = FairQueue::default();
                    return Err(failed(error));
                }
            }
        }
        Ok(())
    }

    /// What a thread does until nothing is queued. It reuses its memory.
    fn hash_queued(&self) {
        crate::priority::lower();
        let mut memory = Memory::default();
        loop {
            let mut hashing = self.lock();
            let Some(job) = hashing.queue.pop() else {
                hashing.threads -= 1;
                return;
            };
            drop(hashing);
            job(&mut memory);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hashing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
