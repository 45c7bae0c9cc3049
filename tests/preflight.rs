//! `scripts/preflight.sh` with fake tools on the PATH: what is missing or old is named in one
//! run, with one line that installs it.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// Held while a tool is written and while a process is made: one that is forked in between would
/// keep the tool open, and an open file cannot be executed.
static WRITES: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    WRITES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a fake tool prints, by its name. A tool that is not listed is missing.
const TOOLS: [(&str, &str); 11] = [
    ("id", "echo 1000"),
    ("make", ""),
    ("git", ""),
    ("cc", ""),
    ("rustc", "echo 'rustc 1.95.0 (59807616e 2026-04-14)'"),
    ("cargo", ""),
    ("node", "echo v20.19.0"),
    ("npm", ""),
    ("chromium", ""),
    ("initdb", ""),
    ("nats-server", ""),
];
const EVERYTHING: [&str; 10] = [
    "make", "git", "cc", "rustc", "cargo", "node", "npm", "rustfmt", "clippy", "chromium",
];

/// A machine on whose PATH only fake tools are.
struct Machine(TempDir);

impl Machine {
    fn whole() -> Self {
        let machine = Self(tempfile::tempdir().expect("a directory"));
        for (name, script) in TOOLS {
            machine.has(name, script);
        }
        machine
    }

    fn bare() -> Self {
        let machine = Self(tempfile::tempdir().expect("a directory"));
        machine.has("id", "echo 1000");
        machine
    }

    fn tool(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn has(&self, name: &str, script: &str) {
        let tool = self.tool(name);
        let _alone = alone();
        fs::write(&tool, format!("#!/bin/sh\n{script}\n")).expect("a tool");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    fn lacks(&self, name: &str) {
        fs::remove_file(self.tool(name)).expect("the tool was there");
    }

    /// Whether the preflight of a target passes, and its output.
    fn preflight(&self, target: &str) -> (bool, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/preflight.sh");
        let _alone = alone();
        let output = Command::new("/bin/sh")
            .arg(script)
            .arg(target)
            .env_clear()
            .env("PATH", self.0.path())
            .env("CHROMIUM", self.tool("chromium"))
            .env("SHOPTALK_POSTGRES_BIN", self.0.path())
            .env("SHOPTALK_NATS_SERVER", self.tool("nats-server"))
            .output()
            .expect("a shell");
        assert!(output.stdout.is_empty(), "{output:?}");
        (
            output.status.success(),
            String::from_utf8(output.stderr).expect("UTF-8"),
        )
    }

    /// What is missing, and the line that installs it.
    fn wants(&self, target: &str) -> (Vec<String>, String) {
        let (passed, output) = self.preflight(target);
        assert!(!passed, "{output}");
        assert!(output.lines().count() < 20, "{output}");
        let indented: Vec<&str> = output
            .lines()
            .filter_map(|l| l.strip_prefix("  "))
            .collect();
        let (line, missing) = indented.split_last().expect("a line");
        let names = missing.iter().map(|row| {
            let (name, why) = row.split_once(' ').expect("a name and a reason");
            assert!(why.trim().len() > 10, "{row}");
            name.to_owned()
        });
        (names.collect(), (*line).to_owned())
    }
}

#[test]
fn a_complete_machine_passes_silently() {
    for target in ["run", "check", "test"] {
        assert_eq!(Machine::whole().preflight(target), (true, String::new()));
    }
}

#[test]
fn an_optional_program_that_is_missing_is_named_but_not_demanded() {
    for (program, package) in [("initdb", "postgresql"), ("nats-server", "nats-server")] {
        let machine = Machine::whole();
        machine.lacks(program);
        let (passed, output) = machine.preflight("test");
        assert!(passed, "{output}");
        assert_eq!(output.lines().count(), 1, "{output}");
        assert!(output.contains(&format!("need {package} (")), "{output}");
        assert_eq!(machine.preflight("run"), (true, String::new()));
    }
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let machine = Machine::bare();
    let (missing, _) = machine.wants("test");
    assert_eq!(missing, EVERYTHING);
    let (missing, _) = machine.wants("run");
    assert_eq!(missing, EVERYTHING[..7], "no lint and no browser to run it");
    let (missing, _) = machine.wants("check");
    assert_eq!(missing, EVERYTHING[..9]);
}

#[test]
fn each_thing_that_is_missing_is_named() {
    for name in ["make", "git", "cc", "rustc", "npm", "node", "chromium"] {
        let machine = Machine::whole();
        machine.lacks(name);
        assert_eq!(machine.wants("test").0, [name]);
    }
    for (name, script, missing) in [
        ("cc", "exit 1", "headers"),
        ("rustc", "exit 1", "rustc"),
        ("rustc", "echo rustc 1.94.1", "rustc"),
        ("rustc", "echo rustc 0.99.0", "rustc"),
        ("cargo", "[ $1 != fmt ]", "rustfmt"),
        ("cargo", "[ $1 != clippy ]", "clippy"),
    ] {
        let machine = Machine::whole();
        machine.has(name, script);
        assert_eq!(machine.wants("test").0, [missing], "{name}: {script}");
    }
}

#[test]
fn node_versions_are_checked() {
    let machine = Machine::whole();
    for version in [
        "20.19.0", "20.20.2", "22.12.0", "22.99.1", "24.0.0", "26.1.0",
    ] {
        machine.has("node", &format!("echo v{version}"));
        assert_eq!(machine.preflight("run"), (true, String::new()), "{version}");
    }
    for version in [
        "9.20.0", "18.20.4", "20.9.0", "20.18.3", "21.7.3", "22.2.0", "22.11.0", "23.11.1",
    ] {
        machine.has("node", &format!("echo v{version}"));
        let (missing, line) = machine.wants("run");
        assert_eq!(missing, ["node"], "{version}");
        assert!(line.contains("node@22"), "{line}");
    }
}

#[test]
fn the_install_line_uses_the_system_packages() {
    for (system, first) in [
        ("apt-get", "sudo apt-get update && sudo apt-get install"),
        ("dnf", "sudo dnf install"),
        ("pacman", "sudo pacman"),
        ("apk", "sudo apk add"),
        ("brew", "xcode-select --install && brew install node"),
    ] {
        let machine = Machine::bare();
        machine.has("sudo", "");
        machine.has(system, "exit 1");
        let (_, line) = machine.wants("test");
        assert!(line.starts_with(first), "{line}");
        assert!(line.contains("sh.rustup.rs"), "{line}");
        assert!(line.contains("chromium"), "{line}");
        let (_, line) = machine.wants("run");
        assert!(!line.contains("chromium"), "{line}");
    }
    let machine = Machine::whole();
    machine.has("rustup", "");
    machine.has("cargo", "exit 1");
    let (missing, line) = machine.wants("test");
    assert_eq!(missing, ["rustfmt", "clippy"]);
    assert!(line.starts_with("rustup toolchain install 1."), "{line}");
    assert!(!line.contains("sudo"), "{line}");
}

#[test]
fn root_with_apt_gets_it_installed() {
    let machine = Machine::whole();
    machine.lacks("git");
    machine.has("id", "echo 0");
    let git = machine.tool("git");
    // This package manager has one package.
    machine.has(
        "apt-get",
        &format!(
            "case \"$*\" in update) ;; install*' git') echo '#!/bin/sh' >{0}; /bin/chmod 755 {0};; *) exit 1;; esac",
            git.display()
        ),
    );
    let (passed, output) = machine.preflight("test");
    assert!(passed, "{output}");
    assert!(git.exists(), "{output}");

    machine.lacks("git");
    machine.lacks("cc");
    let (passed, output) = machine.preflight("test");
    assert!(
        !passed,
        "what could not be installed is still missing: {output}"
    );
    assert_eq!(
        output.matches("  cc ").count(),
        2,
        "before and after: {output}"
    );
}
