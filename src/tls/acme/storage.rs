//! What ACME keeps in the data directory, in `tls/`: readable by the server's user alone, and never
//! in a backup, which is a copy of the database.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::tls::TlsError;

/// The directory `tls` of the data directory.
#[derive(Clone)]
pub(in crate::tls) struct Storage {
    directory: PathBuf,
}

/// An account with an authority.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredAccount {
    /// The authority that knows it.
    pub(super) directory: String,
    pub(super) contact: Option<String>,
    pub(super) credentials: AccountCredentials,
}

/// How an authority validates a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Method {
    /// It connects to port 443.
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
    /// It asks port 80.
    #[serde(rename = "http-01")]
    Http,
}

/// The record of attempts. A restart reads it, so that a server that keeps restarting
/// does not use up what the authority allows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Attempts {
    /// The authority and the names. What failed for others says nothing about these.
    pub(super) subject: String,
    /// Failures in a row.
    pub(super) failures: u32,
    /// In seconds since 1970.
    pub(super) next_at: i64,
    pub(super) last_error: String,
    /// What worked last, or is tried next.
    pub(super) method: Method,
    /// When the present certificate was got.
    pub(super) issued_at: i64,
}

/// Each kind of file has one name.
const ACCOUNT: &str = "account.json";
const ATTEMPTS: &str = "attempts.json";
/// The chain and its key in one file, so that they are replaced together.
const CERTIFICATE: &str = "certificate.pem";

impl Storage {
    /// Makes the directory if it is missing.
    pub(in crate::tls) fn open(data_dir: &Path) -> Result<Self, TlsError> {
        let directory = data_dir.join("tls");
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory);
        match made {
            Ok(()) => Ok(Self { directory }),
            Err(error) => Err(TlsError::Storage {
                path: directory.display().to_string(),
                error,
            }),
        }
    }

    /// Works on the files without blocking the caller's thread.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> io::Result<T> {
        let storage = self.clone();
        Ok(tokio::task::spawn_blocking(move || work(&storage)).await?)
    }

    pub(super) fn account(&self) -> Option<StoredAccount> {
        self.read_json(ACCOUNT)
    }

    pub(super) fn save_account(&self, account: &StoredAccount) -> io::Result<()> {
        self.write_json(ACCOUNT, account)
    }

    /// Forgets an account that the authority does not know any more.
    pub(super) fn remove_account(&self) -> io::Result<()> {
        std::fs::remove_file(self.directory.join(ACCOUNT))
    }

    pub(super) fn attempts(&self) -> Option<Attempts> {
        self.read_json(ATTEMPTS)
    }

    pub(super) fn save_attempts(&self, attempts: &Attempts) -> io::Result<()> {
        self.write_json(ATTEMPTS, attempts)
    }

    /// Chain and key in PEM format.
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        self.read(CERTIFICATE)
    }

    pub(super) fn save_certificate(&self, pem: &str) -> io::Result<()> {
        self.write(CERTIFICATE, pem.as_bytes())
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.directory.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::error!(%error, "cannot read {}; continuing without it", path.display());
                None
            }
        }
    }

    /// A damaged file counts as missing: all of them can be obtained again.
    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let bytes = self.read(name)?;
        serde_json::from_slice(&bytes)
            .inspect_err(|error| {
                let path = self.directory.join(name);
                tracing::error!(%error, "{} is damaged; continuing without it", path.display());
            })
            .ok()
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.write(name, &serde_json::to_vec_pretty(value)?)
    }

    /// Replaces a file as a whole: a kill leaves the old or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.directory.join(format!("{name}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, self.directory.join(name))?;
        File::open(&self.directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_private_and_damaged_ones_are_ignored() {
        let data = tempfile::tempdir().expect("a directory");
        let storage = Storage::open(data.path()).expect("opened");
        assert_eq!(storage.attempts(), None);
        let attempts = Attempts {
            subject: "https://ca.example a.example".to_owned(),
            failures: 3,
            next_at: 17,
            ..Attempts::default()
        };
        storage.save_attempts(&attempts).expect("saved");
        assert_eq!(
            Storage::open(data.path()).expect("again").attempts(),
            Some(attempts)
        );
        storage.save_certificate("words").expect("saved");
        let mode = |path: PathBuf| {
            let metadata = std::fs::metadata(path).expect("it exists");
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode(data.path().join("tls")), 0o700);
        for name in [ATTEMPTS, CERTIFICATE] {
            assert_eq!(mode(data.path().join("tls").join(name)), 0o600, "{name}");
        }
        std::fs::write(data.path().join("tls").join(ATTEMPTS), "{\"subj").expect("written");
        assert_eq!(storage.attempts(), None);
    }
}
