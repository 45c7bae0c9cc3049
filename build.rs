//! Builds the front ends in `web/` and generates the list of their files, which the server embeds.
//!
//! Runs only with the feature `front-ends`. `--no-default-features --features server` builds the
//! server without pages, and needs no Node.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// The sources of the pages. A change in any of them, except for tests, triggers a new build.
const SOURCES: [&str; 9] = [
    "shared",
    "widget",
    "console",
    "storefront",
    "build.mjs",
    "gzip.mjs",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_FRONT_ENDS").is_none() {
        return;
    }
    if let Err(error) = build() {
        eprintln!("could not build the front ends in web/: {error}");
        eprintln!(
            "to build the server without them: cargo build --no-default-features --features server"
        );
        exit(1);
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    check_node(&web)?;
    {
        // Concurrent builds would overwrite each other's node_modules.
        let lock = File::create(web.join(".npm-lock"))?;
        lock.lock()?;
        install(&web)?;
    }
    let pages = out.join("web");
    let node = Command::new("node")
        .args(["build.mjs", "--out"])
        .arg(&pages)
        .current_dir(&web)
        .output()?;
    if !node.status.success() {
        return Err(failure("node build.mjs", &node).into());
    }
    fs::write(out.join("front_ends.rs"), list(&pages)?)?;
    // Printed last, so that an error is not preceded by these lines. Cargo runs a failed script
    // again in any case.
    for source in SOURCES {
        watch(&web.join(source))?;
    }
    Ok(())
}

/// Makes cargo rerun this script when a file, or any file below a folder, changes.
fn watch(path: &Path) -> Result<(), Box<dyn Error>> {
    let name = path.to_string_lossy();
    if path.is_dir() && !name.ends_with("testing") {
        for entry in fs::read_dir(path)? {
            watch(&entry?.path())?;
        }
    } else if !path.is_dir() && !name.ends_with(".test.ts") {
        println!("cargo:rerun-if-changed={name}");
    }
    Ok(())
}

fn check_node(web: &Path) -> Result<(), Box<dyn Error>> {
    let package = fs::read_to_string(web.join("package.json"))?;
    let (_, rest) = package.split_once("\"node\": \"").ok_or("no engines")?;
    let (range, _) = rest.split_once('"').ok_or("no engines")?;
    let needed = format!(
        "install Node {range} with npm: from https://nodejs.org, with your package manager, \
         or with `npm install -g node@22`"
    );
    let output = Command::new("node")
        .arg("--version")
        .output()
        .map_err(|error| format!("cannot run `node` ({error}); {needed}"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !is_in_range(&version, range) {
        return Err(format!("Node {version} is not supported; {needed}").into());
    }
    Ok(())
}

/// Whether a version is in an npm range made of `^` and `>=`.
fn is_in_range(version: &str, range: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let digits = text.trim_start_matches(|sign: char| !sign.is_ascii_digit());
        digits
            .split('.')
            .map_while(|number| number.parse().ok())
            .collect()
    };
    let found = numbers(version);
    range.split("||").map(str::trim).any(|part| {
        let oldest = numbers(part);
        found >= oldest && (part.starts_with(">=") || found.first() == oldest.first())
    })
}

/// Installs the packages of the lock file, unless this version of it is installed already.
fn install(web: &Path) -> Result<(), Box<dyn Error>> {
    let lock = fs::read(web.join("package-lock.json"))?;
    let stamp = web.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(web)
        .output()
        .map_err(|error| format!("cannot run `npm` ({error}); install it together with Node"))?;
    if !npm.status.success() {
        return Err(failure("npm ci", &npm).into());
    }
    fs::write(stamp, lock)?;
    Ok(())
}

/// The error of a command that failed, with its output.
fn failure(command: &str, output: &std::process::Output) -> String {
    format!(
        "`{command}` failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The source of a Rust slice with every file in its two compressed forms.
fn list(pages: &Path) -> Result<String, Box<dyn Error>> {
    let mut code = String::from("&[\n");
    for line in fs::read_to_string(pages.join("files.txt"))?.lines() {
        let (name, hash) = line.split_once(' ').ok_or("files.txt has no hash")?;
        let path = pages.join(name);
        let path = path.display();
        writeln!(
            code,
            "    File {{ path: {name:?}, hash: {hash:?}, \
             gzip: include_bytes!(\"{path}.gz\"), brotli: include_bytes!(\"{path}.br\") }},"
        )?;
    }
    code.push(']');
    Ok(code)
}
