//! Finds the programs, which Debian's packages `postgresql`, `nats-server` and `dovecot-imapd` have. A variable
//! names others: `SHOPTALK_POSTGRES_BIN` a folder, `SHOPTALK_NATS_SERVER` a file.

use std::path::{Path, PathBuf};

use crate::Error;

/// Where Debian keeps PostgreSQL's programs, one folder for each version, outside PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs of one version of PostgreSQL.
const POSTGRES: [&str; 6] = [
    "initdb",
    "postgres",
    "pg_basebackup",
    "pg_ctl",
    "pg_dump",
    "psql",
];

fn path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Not in the PATH of everybody.
    folders.push("/usr/sbin".into());
    folders
}

fn debian_versions() -> Vec<PathBuf> {
    let number = |folder: &Path| -> u32 {
        let name = folder.file_name().unwrap_or_default();
        name.to_string_lossy().parse().unwrap_or(0)
    };
    let mut versions: Vec<PathBuf> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    versions.sort_by_key(|folder| std::cmp::Reverse(number(folder)));
    versions
        .into_iter()
        .map(|folder| folder.join("bin"))
        .collect()
}

/// The folder with PostgreSQL's programs: the first one that has all of them.
pub(crate) fn postgres() -> Result<PathBuf, Error> {
    let folders = match std::env::var_os("SHOPTALK_POSTGRES_BIN") {
        Some(folder) => vec![folder.into()],
        None => [path(), debian_versions()].concat(),
    };
    folders
        .into_iter()
        .find(|folder| POSTGRES.iter().all(|name| folder.join(name).is_file()))
        .ok_or(Error::Missing {
            program: "PostgreSQL",
            package: "postgresql",
        })
}

pub(crate) fn nats() -> Result<PathBuf, Error> {
    match std::env::var_os("SHOPTALK_NATS_SERVER") {
        Some(file) => Ok(file.into()),
        None => on_path("nats-server", "nats-server"),
    }
}

pub(crate) fn dovecot() -> Result<PathBuf, Error> {
    on_path("dovecot", "dovecot-imapd")
}

/// Starts another program so that it ends with its parent.
pub(crate) fn setpriv() -> Result<PathBuf, Error> {
    on_path("setpriv", "util-linux")
}

fn on_path(program: &'static str, package: &'static str) -> Result<PathBuf, Error> {
    path()
        .into_iter()
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or(Error::Missing { program, package })
}
