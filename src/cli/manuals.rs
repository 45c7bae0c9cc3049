//! Completions for shells and man pages, generated from the definition of the command line.

use std::path::Path;

use clap::{CommandFactory, ValueEnum};

use super::{Cli, Failure, print_stdout};

/// Shells whose completions are generated.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    // Into memory first: the generator panics if it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(generator, &mut Cli::command(), "shoptalk", &mut text);
    Ok(print_stdout(&String::from_utf8(text)?)?)
}

/// Writes the man page, and one of each command, into a directory.
pub(super) fn man_pages(directory: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(Cli::command(), directory).map_err(|error| {
        Failure::Runtime(format!(
            "cannot write man pages to {}: {error}",
            directory.display()
        ))
    })
}
