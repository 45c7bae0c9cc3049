//! A backup: made inside the data directory, then moved out of it.
//!
//! The store makes the copy. The rest (what was erased, manifest, checksum, verification, encryption)
//! reads only the copy, on a thread of its own with the lowest priority.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use crate::encryption::{self, DecryptionError, Recipients};
use crate::jobs::output::why;
use crate::persistence::{
    BackupError, BackupManifest, CopyError, CopyProgress, Store, finish_erasures_in_copy,
    rewrite_copy, seal_backup, verify_backup,
};

/// How the names of unfinished backups begin and end.
const STAGED_PREFIX: &str = "backup-";
pub(super) const PARTIAL_SUFFIX: &str = ".partial";

/// Why no backup was made. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum BackupFailure {
    /// The database could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The copy could not be sealed or verified.
    #[error(transparent)]
    Seal(#[from] BackupError),
    /// A file in the data directory or the target cannot be written.
    #[error("cannot write {path}: {}; the backup was not made", why(cause))]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
}

/// A finished backup inside the data directory. It is removed when this is dropped, unless it was
/// moved away before.
#[derive(Debug)]
pub struct StagedBackup {
    path: PathBuf,
    manifest: BackupManifest,
    encrypted: bool,
    sha256: String,
}

/// What is done with a copy before it is a finished backup.
#[derive(Debug, Clone, Default)]
pub struct Finishing {
    /// Whether it is verified. One that gets encrypted always is, since the server cannot do so
    /// later.
    pub verify: bool,
    /// To whom it is encrypted.
    pub recipients: Recipients,
}

impl StagedBackup {
    /// Makes a backup of `store` in `data_dir`. Cancelled when nobody watches the progress any
    /// more.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be written, the database cannot be read, or the copy does
    /// not verify.
    pub async fn make(
        store: &Store,
        data_dir: &Path,
        finishing: Finishing,
        progress: watch::Sender<CopyProgress>,
    ) -> Result<Self, BackupFailure> {
        // Both files belong to this future: when it is dropped, they go at once, whatever the
        // thread that works on them is doing.
        let failed = |cause| BackupFailure::Io {
            path: data_dir.to_owned(),
            cause,
        };
        let plain = Staged::in_directory(data_dir).map_err(failed)?;
        let encrypted = match finishing.recipients.is_empty() {
            true => None,
            false => Some(Staged::in_directory(data_dir).map_err(failed)?),
        };
        store.copy_to(plain.path().to_owned(), progress).await?;
        let plain = without_erased(plain, data_dir).await?;
        let (manifest, sha256) = with_low_priority({
            let plain = plain.path().to_owned();
            let encrypted = encrypted.as_ref().map(|file| file.path().to_owned());
            move || finish(&plain, encrypted.as_deref(), &finishing)
        })
        .await
        .map_err(failed)??;
        Ok(Self {
            encrypted: encrypted.is_some(),
            path: encrypted.unwrap_or(plain).keep(),
            manifest,
            sha256,
        })
    }

    /// SHA-256 of the file as it is, in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether it takes an identity to read it.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    #[cfg(test)]
    pub(super) fn for_test(path: PathBuf, manifest: BackupManifest) -> Self {
        Self {
            path,
            manifest,
            encrypted: false,
            sha256: "00ff".into(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn manifest(&self) -> &BackupManifest {
        &self.manifest
    }
}

impl Drop for StagedBackup {
    fn drop(&mut self) {
        // It may have been moved away.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A file that is removed when this is dropped, unless it is kept.
#[derive(Debug)]
struct Staged {
    path: Option<PathBuf>,
}

impl Staged {
    fn in_directory(directory: &Path) -> io::Result<Self> {
        let name = format!("{STAGED_PREFIX}{}{PARTIAL_SUFFIX}", Uuid::new_v4());
        Self::create(directory.join(name))
    }

    fn create(path: PathBuf) -> io::Result<Self> {
        create_private(&path)?;
        Ok(Self { path: Some(path) })
    }

    fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    fn keep(mut self) -> PathBuf {
        self.path.take().unwrap_or_default()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
            // SQLite's, if it was interrupted.
            let _ = std::fs::remove_file(format!("{}-journal", path.display()));
        }
    }
}

/// Removes from a copy what was erased and is still in the file, as far as there is anything.
async fn without_erased(copy: Staged, data_dir: &Path) -> Result<Staged, BackupFailure> {
    let failed = |cause| BackupFailure::Io {
        path: data_dir.to_owned(),
        cause,
    };
    let path = copy.path().to_owned();
    let finished = with_low_priority(move || finish_erasures_in_copy(&path)).await;
    if !finished.map_err(failed)?? {
        return Ok(copy);
    }
    let rewritten = Staged::in_directory(data_dir).map_err(failed)?;
    let (from, to) = (copy.path().to_owned(), rewritten.path().to_owned());
    let written = with_low_priority(move || {
        let written = rewrite_copy(&from, &to);
        if !from.exists() {
            // It was cancelled, perhaps before SQLite opened the target, which makes it anew then.
            let _ = std::fs::remove_file(&to);
        }
        written
    })
    .await;
    written.map_err(failed)??;
    Ok(rewritten)
}

/// Makes a backup of a copy: seals, verifies and encrypts it. Both files are there already.
fn finish(
    plain: &Path,
    encrypted: Option<&Path>,
    finishing: &Finishing,
) -> Result<(BackupManifest, String), BackupFailure> {
    let manifest = seal_backup(plain)?;
    if finishing.verify || encrypted.is_some() {
        verify_backup(plain)?;
    }
    let io_failed = |path: &Path, cause| BackupFailure::Io {
        path: path.to_owned(),
        cause,
    };
    if let Some(encrypted) = encrypted {
        File::options()
            .write(true)
            .open(encrypted)
            .and_then(|target| encryption::encrypt(plain, &target, &finishing.recipients))
            .map_err(|cause| io_failed(encrypted, cause))?;
    }
    let finished = encrypted.unwrap_or(plain);
    let sha256 = sha256(finished).map_err(|cause| io_failed(finished, cause))?;
    Ok((manifest, sha256))
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            read => hash.update(&chunk[..read]),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Runs work on a thread of its own with the lowest priority.
async fn with_low_priority<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (reply, replied) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("shoptalk-backup".into())
        .spawn(move || {
            crate::priority::lower();
            // Nobody may wait any more; then the result is dropped, and its files with it.
            let _ = reply.send(work());
        })?;
    replied
        .await
        .map_err(|_| io::Error::other("the work on the copy panicked"))
}

/// A backup that can be read: the file itself, or a decrypted copy, which is removed on drop.
#[derive(Debug)]
pub struct ReadableBackup {
    path: PathBuf,
    decrypted: Option<Staged>,
}

impl ReadableBackup {
    /// Decrypts a backup into `scratch`, if it is encrypted. Blocking.
    ///
    /// # Errors
    ///
    /// When it is encrypted and `identity` does not open it, or a file cannot be read or written.
    pub fn open(
        path: &Path,
        identity: Option<&Path>,
        scratch: &Path,
    ) -> Result<Self, DecryptionError> {
        let io_failed = |path: &Path, cause| DecryptionError::Io {
            path: path.to_owned(),
            cause,
        };
        let path = path.to_owned();
        if !encryption::is_encrypted(&path).map_err(|cause| io_failed(&path, cause))? {
            return Ok(Self {
                path,
                decrypted: None,
            });
        }
        let Some(identity) = identity else {
            return Err(DecryptionError::NoIdentity(path));
        };
        let plain = Staged::in_directory(scratch).map_err(|cause| io_failed(scratch, cause))?;
        let mut target = File::options()
            .write(true)
            .open(plain.path())
            .map_err(|cause| io_failed(plain.path(), cause))?;
        encryption::decrypt(&path, identity, &mut target)?;
        Ok(Self {
            path,
            decrypted: Some(plain),
        })
    }

    /// The file to read.
    pub fn path(&self) -> &Path {
        self.decrypted.as_ref().map_or(&self.path, Staged::path)
    }
}

/// Removes what a killed backup has left. To be called while no backup is made.
pub fn remove_unfinished(data_dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(data_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // SQLite's own files of it as well.
        let is_staged = name.starts_with(STAGED_PREFIX) && name.contains(PARTIAL_SUFFIX);
        if is_staged {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Moves a staged backup to `out`, which must not exist. The file appears there whole, durable and
/// closed to other users, or not at all.
///
/// # Errors
///
/// `AlreadyExists` when there is something at `out`, and whatever the system refuses.
pub fn move_out(staged: &Path, out: &Path) -> io::Result<()> {
    match std::fs::hard_link(staged, out) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Another file system, or one without links.
        Err(_) => copy_out(staged, out)?,
    }
    fsync_parent(out)
        .and_then(|()| std::fs::remove_file(staged))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(out);
        })
}

fn copy_out(staged: &Path, out: &Path) -> io::Result<()> {
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".{}{PARTIAL_SUFFIX}", Uuid::new_v4()));
    let partial = Staged::create(PathBuf::from(name))?;
    let mut source = File::open(staged)?;
    let mut target = OpenOptions::new().write(true).open(partial.path())?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    // Unlike a link, a rename replaces what is there; between this look and the rename nobody but
    // the operator could put something there.
    if out.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(partial.path(), out)?;
    partial.keep();
    Ok(())
}

fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

pub(super) fn fsync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
