//! Erasing people, and rooms past their time.

use std::path::PathBuf;

use super::Store;
use crate::chat::{RoomId, Timestamp, VisitorId, Who};
use crate::persistence::{
    BegunErasure, Erased, ErasedAgain, Erasure, ErasureId, ErasureStep, Expiry, Holdings, Mentions,
    Person, Principal, RewriteError, StoreError, Unrecorded, WriteError,
};

impl Store {
    /// The visitors that one person is.
    pub async fn find_person(&self, who: &Who) -> Result<Person, StoreError> {
        match self {
            Self::Sqlite(store) => store.find_person(who).await,
            Self::Postgres(store) => store.find_person(who).await,
        }
    }

    /// What there is of a person.
    pub async fn holdings(&self, person: &Person) -> Result<Holdings, StoreError> {
        match self {
            Self::Sqlite(store) => store.holdings(person).await,
            Self::Postgres(store) => store.holdings(person).await,
        }
    }

    /// Rooms of others in which one of the person's email addresses occurs. Messages of the last
    /// two seconds may be missing; see [`flush_search_index`](Self::flush_search_index).
    pub async fn mentions(&self, person: &Person) -> Result<Mentions, StoreError> {
        match self {
            Self::Sqlite(store) => store.mentions(person).await,
            Self::Postgres(store) => store.mentions(person).await,
        }
    }

    /// Decides that these visitors are erased: their tokens end at once, and
    /// [`erase_step`](Self::erase_step) does the rest. `None` when none of them exists any more.
    pub async fn begin_erasure(
        &self,
        visitors: Vec<VisitorId>,
        by: Principal,
    ) -> Result<Option<BegunErasure>, WriteError> {
        match self {
            Self::Sqlite(store) => store.begin_erasure(visitors, by).await,
            Self::Postgres(store) => store.begin_erasure(visitors, by).await,
        }
    }

    /// Erases what of this is here, because the database is a copy from before it was erased. Nobody
    /// may be able to see a room on this node yet. Its messages are deleted later, by
    /// [`erase_step`](Self::erase_step).
    pub async fn repeat_erasures(&self, erased: Erased) -> Result<ErasedAgain, WriteError> {
        match self {
            Self::Sqlite(store) => store.repeat_erasures(erased).await,
            Self::Postgres(store) => store.repeat_erasures(erased).await,
        }
    }

    /// Does the next bounded part of whatever erasures were decided. `None` when nothing is left.
    pub async fn erase_step(&self) -> Result<Option<ErasureStep>, WriteError> {
        match self {
            Self::Sqlite(store) => store.erase_step().await,
            Self::Postgres(store) => store.erase_step().await,
        }
    }

    /// Resolves when an erasure was decided and may have steps left.
    pub async fn wait_for_erasures(&self) {
        match self {
            Self::Sqlite(store) => store.wait_for_erasures().await,
            Self::Postgres(store) => store.wait_for_erasures().await,
        }
    }

    /// What the ledger beside the backups does not have yet.
    pub async fn unrecorded(&self) -> Result<Unrecorded, StoreError> {
        match self {
            Self::Sqlite(store) => store.unrecorded().await,
            Self::Postgres(store) => store.unrecorded().await,
        }
    }

    /// The ledger has this now.
    pub async fn mark_recorded(&self, recorded: Unrecorded) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.mark_recorded(recorded).await,
            Self::Postgres(store) => store.mark_recorded(recorded).await,
        }
    }

    /// Whether something was erased whose bytes may still be in the file.
    pub async fn is_rewrite_due(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.is_rewrite_due().await,
            Self::Postgres(store) => store.is_rewrite_due().await,
        }
    }

    /// How large the database is.
    pub async fn database_bytes(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.database_bytes().await,
            Self::Postgres(store) => store.database_bytes().await,
        }
    }

    /// Merges the text index, rewrites the file and empties its log: no byte of what was erased
    /// before is left in them. While the file is rewritten nothing is committed. Needs twice the
    /// database's size on the disk of `data_dir`.
    pub async fn rewrite(&self, data_dir: PathBuf) -> Result<Timestamp, RewriteError> {
        match self {
            Self::Sqlite(store) => store.rewrite(data_dir).await,
            Self::Postgres(store) => store.rewrite(data_dir).await,
        }
    }

    /// Rooms past their time, as many as one step deletes.
    pub async fn expired_rooms(&self, expiry: Expiry) -> Result<Vec<RoomId>, StoreError> {
        match self {
            Self::Sqlite(store) => store.expired_rooms(expiry).await,
            Self::Postgres(store) => store.expired_rooms(expiry).await,
        }
    }

    /// Deletes those of these rooms that are still past their time.
    /// Returns which; [`erase_step`](Self::erase_step) deletes their messages. `run` names all that
    /// one run deletes.
    pub async fn expire_rooms(
        &self,
        run: ErasureId,
        rooms: Vec<RoomId>,
        expiry: Expiry,
    ) -> Result<Vec<RoomId>, WriteError> {
        match self {
            Self::Sqlite(store) => store.expire_rooms(run, rooms, expiry).await,
            Self::Postgres(store) => store.expire_rooms(run, rooms, expiry).await,
        }
    }

    /// How far an erasure is.
    pub async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        match self {
            Self::Sqlite(store) => store.erasure(id).await,
            Self::Postgres(store) => store.erasure(id).await,
        }
    }
}
