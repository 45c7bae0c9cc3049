use std::io;
use std::path::PathBuf;

/// Why a server did not start or did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{program} is missing; on Debian or Ubuntu: apt-get install {package}")]
    Missing {
        program: &'static str,
        package: &'static str,
    },
    #[error("{what}: {source}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed:\n{output}")]
    Failed { program: String, output: String },
    #[error("{program} was not ready within {seconds} s; see its log:\n{log}")]
    NotReady {
        program: &'static str,
        seconds: u64,
        log: String,
    },
    #[error(
        "this process is root, PostgreSQL must not be, and there is no user postgres or nobody in {}; add one, or run as another user",
        file.display()
    )]
    NoUser { file: PathBuf },
    #[error("no port between {from} and {to} of 127.0.0.1 is free; stop what holds them")]
    NoPort { from: u16, to: u16 },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
