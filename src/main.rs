//! The command line: arguments, tracing, signals and exit codes. Everything else
//! is the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
