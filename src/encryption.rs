//! Backups that only the holder of an age identity can read. The server knows only recipients, so
//! whoever takes its disk cannot read the backups on it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};

/// The recipients that backups are encrypted to. Without any, backups are not encrypted.
pub type Recipients = Vec<Recipient>;

/// How an encrypted file begins.
const MAGIC: &[u8] = b"age-encryption.org/";
/// How the variant in printable characters begins, which other tools can write.
const ARMOR_MAGIC: &[u8] = b"-----BEGIN AGE";

/// Why a backup could not be decrypted.
#[derive(Debug, thiserror::Error)]
pub enum DecryptionError {
    /// It is encrypted, and no identity was given.
    #[error(
        "{0} is encrypted; name the file with your age identity (AGE-SECRET-KEY-…) with --identity"
    )]
    NoIdentity(PathBuf),
    /// The file holds no identity.
    #[error(
        "{0} is not a file of age identities; it must have lines that begin with AGE-SECRET-KEY-, as age-keygen writes them"
    )]
    BadIdentity(PathBuf),
    /// The backup is encrypted to other recipients.
    #[error(
        "{path} is not encrypted to any identity in {identity}; use the identity of a recipient that was in backup.recipients when it was made"
    )]
    WrongIdentity {
        /// The backup.
        path: PathBuf,
        /// The file of identities.
        identity: PathBuf,
    },
    /// The file was changed or cut off.
    #[error(
        "{0} is damaged or incomplete: it cannot be decrypted to its end; use another copy of it"
    )]
    Damaged(PathBuf),
    /// A variant that is not supported.
    #[error(
        "{0} is encrypted in a form that shoptalk does not read; decrypt it with the age command first: age -d -i IDENTITY -o PLAIN {0}"
    )]
    Unsupported(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot use {path}: {cause}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
}

/// Whether a file is encrypted.
pub fn is_encrypted(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut begin)?;
    Ok(begin.starts_with(MAGIC) || begin.starts_with(ARMOR_MAGIC))
}

/// Encrypts a file to every recipient. The target is fsynced.
pub(crate) fn encrypt(source: &Path, target: &File, recipients: &[Recipient]) -> io::Result<()> {
    let recipients = recipients.iter().map(|recipient| recipient as _);
    let encryptor = Encryptor::with_recipients(recipients)
        .map_err(|_| io::Error::other("the recipients cannot be used together"))?;
    let mut writer = encryptor.wrap_output(BufWriter::new(target))?;
    io::copy(&mut File::open(source)?, &mut writer)?;
    writer.finish()?.flush()?;
    target.sync_all()
}

/// Decrypts a file into `target`.
pub(crate) fn decrypt(
    source: &Path,
    identity: &Path,
    target: &mut File,
) -> Result<(), DecryptionError> {
    let io_failed = |path: &Path, cause| DecryptionError::Io {
        path: path.to_owned(),
        cause,
    };
    let identities = read_identities(identity)?;
    let input = BufReader::new(File::open(source).map_err(|cause| io_failed(source, cause))?);
    let failed = |error| match error {
        DecryptError::NoMatchingKeys => DecryptionError::WrongIdentity {
            path: source.to_owned(),
            identity: identity.to_owned(),
        },
        DecryptError::UnknownFormat | DecryptError::ExcessiveWork { .. } => {
            DecryptionError::Unsupported(source.to_owned())
        }
        DecryptError::Io(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => {
            io_failed(source, cause)
        }
        _ => DecryptionError::Damaged(source.to_owned()),
    };
    let mut begin = Vec::new();
    let armored = File::open(source)
        .and_then(|file| file.take(64).read_to_end(&mut begin))
        .map(|_| begin.starts_with(ARMOR_MAGIC));
    if armored.map_err(|cause| io_failed(source, cause))? {
        return Err(DecryptionError::Unsupported(source.to_owned()));
    }
    let decryptor = Decryptor::new_buffered(input).map_err(failed)?;
    let mut plain = decryptor
        .decrypt(identities.iter().map(|identity| identity as _))
        .map_err(failed)?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        // The library reports a chunk that was changed as an error of reading.
        let read = plain
            .read(&mut chunk)
            .map_err(|_| DecryptionError::Damaged(source.to_owned()))?;
        if read == 0 {
            return Ok(());
        }
        target
            .write_all(&chunk[..read])
            .map_err(|cause| io_failed(Path::new("the decrypted copy"), cause))?;
    }
}

fn read_identities(path: &Path) -> Result<Vec<Identity>, DecryptionError> {
    let text = std::fs::read_to_string(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::InvalidData => DecryptionError::BadIdentity(path.to_owned()),
        _ => DecryptionError::Io {
            path: path.to_owned(),
            cause,
        },
    })?;
    let keys = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities: Result<Vec<Identity>, _> = keys.map(str::parse).collect();
    match identities {
        Ok(identities) if !identities.is_empty() => Ok(identities),
        _ => Err(DecryptionError::BadIdentity(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    struct Scene {
        directory: tempfile::TempDir,
        key: Identity,
    }

    impl Scene {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let key = Identity::generate();
            let scene = Self { directory, key };
            scene.write_identity("mine", &scene.key);
            std::fs::write(scene.at("plain"), "secret words ".repeat(20_000)).expect("written");
            let target = File::create(scene.at("locked")).expect("made");
            encrypt(&scene.at("plain"), &target, &[scene.key.to_public()]).expect("encrypted");
            scene
        }

        fn at(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn write_identity(&self, name: &str, key: &Identity) {
            let text = format!("# created: today\n{}\n", key.to_string().expose_secret());
            std::fs::write(self.at(name), text).expect("written");
        }

        fn decrypt(&self, identity: &str) -> Result<Vec<u8>, DecryptionError> {
            let mut target = File::create(self.at("opened")).expect("made");
            decrypt(&self.at("locked"), &self.at(identity), &mut target)?;
            Ok(std::fs::read(self.at("opened")).expect("read"))
        }
    }

    #[test]
    fn what_is_encrypted_is_read_with_its_identity_alone() {
        let scene = Scene::new();
        let locked = std::fs::read(scene.at("locked")).expect("read");
        assert!(!locked.windows(6).any(|part| part == b"secret"));
        assert!(is_encrypted(&scene.at("locked")).expect("read"));
        assert!(!is_encrypted(&scene.at("plain")).expect("read"));
        let opened = scene.decrypt("mine").expect("decrypted");
        assert_eq!(opened, std::fs::read(scene.at("plain")).expect("read"));
        scene.write_identity("another", &Identity::generate());
        let wrong = scene.decrypt("another");
        assert!(
            matches!(wrong, Err(DecryptionError::WrongIdentity { .. })),
            "{wrong:?}"
        );
        let none = scene.decrypt("plain");
        assert!(
            matches!(none, Err(DecryptionError::BadIdentity(_))),
            "{none:?}"
        );
        let missing = scene.decrypt("missing");
        assert!(
            matches!(missing, Err(DecryptionError::Io { .. })),
            "{missing:?}"
        );
    }

    #[test]
    fn a_changed_or_shortened_file_is_damaged() {
        let scene = Scene::new();
        let whole = std::fs::read(scene.at("locked")).expect("read");
        for length in [30, 150, 200, 70_000, whole.len() - 1] {
            std::fs::write(scene.at("locked"), &whole[..length]).expect("written");
            let cut = scene.decrypt("mine");
            assert!(
                matches!(cut, Err(DecryptionError::Damaged(_))),
                "{length}: {cut:?}"
            );
        }
        let mut changed = whole.clone();
        changed[100_000] ^= 1;
        std::fs::write(scene.at("locked"), changed).expect("written");
        assert!(matches!(
            scene.decrypt("mine"),
            Err(DecryptionError::Damaged(_))
        ));
        std::fs::write(scene.at("locked"), "-----BEGIN AGE ENCRYPTED FILE-----\n")
            .expect("written");
        assert!(matches!(
            scene.decrypt("mine"),
            Err(DecryptionError::Unsupported(_))
        ));
    }
}
