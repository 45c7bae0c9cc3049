//! A file that appears whole or not at all.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::NamedTempFile;

use crate::persistence::StoreError;

/// A link for each open file of this process.
const OPEN_FILES: &str = "/proc/self/fd";

/// A file that is being written, which other users cannot read. Before [`finish`](Self::finish) it
/// has no name, or a hidden one, and dropping it removes it.
#[derive(Debug)]
pub struct OutputFile {
    target: PathBuf,
    partial: Partial,
}

#[derive(Debug)]
enum Partial {
    /// A file without a name, which the system removes if the process is killed.
    Unnamed(File),
    /// A hidden file, on file systems without unnamed files, and where /proc is not mounted.
    Named(NamedTempFile),
}

impl OutputFile {
    /// Begins a file, which must not exist.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, and whatever the system refuses.
    pub fn create(target: &Path) -> io::Result<Self> {
        if target.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let target = std::path::absolute(target)?;
        let directory = parent(&target);
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let partial = match rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) if Path::new(OPEN_FILES).is_dir() => Partial::Unnamed(file.into()),
            _ => Partial::Named(NamedTempFile::new_in(directory)?),
        };
        Ok(Self { target, partial })
    }

    /// What is written to.
    pub fn file(&mut self) -> &mut File {
        match &mut self.partial {
            Partial::Unnamed(file) => file,
            Partial::Named(file) => file.as_file_mut(),
        }
    }

    /// Makes the file durable and gives it its name.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when there is something of that name by now, and whatever the system
    /// refuses. Nothing is left then.
    pub fn finish(mut self) -> io::Result<()> {
        self.file().sync_all()?;
        let target = self.target;
        match self.partial {
            Partial::Unnamed(file) => {
                let open = format!("{OPEN_FILES}/{}", file.as_raw_fd());
                rustix::fs::linkat(CWD, open, CWD, &target, AtFlags::SYMLINK_FOLLOW)?;
            }
            Partial::Named(file) => {
                file.persist_noclobber(&target)?;
            }
        }
        let is_durable = File::open(parent(&target)).and_then(|directory| directory.sync_all());
        is_durable.inspect_err(|_| {
            let _ = std::fs::remove_file(&target);
        })
    }
}

/// Why a file cannot be written, in words for whoever can do something about it.
pub fn why(error: &io::Error) -> String {
    if is_full(error) {
        StoreError::Full.to_string()
    } else {
        error.to_string()
    }
}

/// Whether the disk, or what its user may have of it, is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_appears_whole_and_private_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("out.jsonl");
        let names = || std::fs::read_dir(directory.path()).expect("listed").count();
        let mut dropped = OutputFile::create(&target).expect("made");
        dropped.file().write_all(b"half").expect("written");
        assert!(!target.exists());
        drop(dropped);
        assert_eq!(names(), 0);

        let mut whole = OutputFile::create(&target).expect("made");
        let mut late = OutputFile::create(&target).expect("made");
        whole.file().write_all(b"all of it").expect("written");
        whole.finish().expect("finished");
        assert_eq!(std::fs::read(&target).expect("read"), b"all of it");
        let mode = target.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        late.file().write_all(b"other").expect("written");
        let refused = late.finish().expect_err("there is one");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&target).expect("read"), b"all of it");
        assert!(OutputFile::create(&target).is_err());
        assert_eq!(names(), 1);
    }
}
