//! The user that PostgreSQL and the processes of a mailbox run as: they refuse to run as root.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::Error;

const PASSWD: &str = "/etc/passwd";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// The other user to run as: `None` unless this process, which made `directory`, is root.
    pub(crate) fn instead_of_root(directory: &Path) -> Result<Option<Self>, Error> {
        let made =
            std::fs::metadata(directory).map_err(Error::io(directory.display().to_string()))?;
        if made.uid() != 0 {
            return Ok(None);
        }
        let users = std::fs::read_to_string(PASSWD).map_err(Error::io(PASSWD))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::named(name, &users))
            .map(Some)
            .ok_or(Error::NoUser {
                file: PASSWD.into(),
            })
    }

    /// To which user and group a file belongs.
    pub(crate) fn ids_of(file: &Path) -> Result<(u32, u32), Error> {
        let made = std::fs::metadata(file).map_err(Error::io(file.display().to_string()))?;
        Ok((made.uid(), made.gid()))
    }

    /// The name of a user.
    pub(crate) fn name_of(uid: u32) -> Result<String, Error> {
        let users = std::fs::read_to_string(PASSWD).map_err(Error::io(PASSWD))?;
        let uid = uid.to_string();
        let user = users
            .lines()
            .find(|line| line.split(':').nth(2) == Some(&uid));
        let name = user.and_then(|line| line.split(':').next());
        name.map(str::to_owned).ok_or(Error::NoUser {
            file: PASSWD.into(),
        })
    }

    fn named(name: &str, users: &str) -> Option<Self> {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self { uid, gid })
        })
    }

    pub(crate) fn give(self, directory: &Path) -> Result<(), Error> {
        std::os::unix::fs::chown(directory, Some(self.uid), Some(self.gid))
            .map_err(Error::io(format!("chown {}", directory.display())))
    }

    pub(crate) fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users = "postgres-old:x:3:4::/:/bin/sh\npostgres:x:105:106::/:/bin/sh\n";
        let found = User::named("postgres", users);
        assert_eq!(found, Some(User { uid: 105, gid: 106 }));
        assert_eq!(User::named("nobody", users), None);
    }
}
