//! Why one write failed inside its transaction, the same for every store but for how its database
//! fails.

use crate::chat::PastHead;
use crate::persistence::{Refusal, StoreError, WriteError};

/// Why one write or read failed, inside its transaction. `F` is how the database fails.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TxError<F> {
    /// A rule refuses it.
    Refused(Refusal),
    /// The database failed.
    Failed(F),
    /// A bug of this program.
    Bug(String),
}

impl<F> From<Refusal> for TxError<F> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<F> From<PastHead> for TxError<F> {
    fn from(error: PastHead) -> Self {
        Self::Refused(error.into())
    }
}

impl<F: Into<StoreError>> From<TxError<F>> for WriteError {
    fn from(error: TxError<F>) -> Self {
        match error {
            TxError::Refused(refusal) => Self::Refused(refusal),
            TxError::Failed(failure) => Self::Store(failure.into()),
            TxError::Bug(bug) => Self::Store(StoreError::Internal(bug)),
        }
    }
}
