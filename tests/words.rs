//! Checks the wording of the repository: no retired word or character (the glossary is in
//! ARCHITECTURE.md), and no path, link or `make` target in the documentation that does not exist.
//!
//! Reads every file that git tracks and every new file that it does not ignore. If a retired word
//! is right in some place, add that place to `ALLOWED` with the reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// How a retired word is matched.
#[derive(Clone, Copy)]
enum Form {
    /// Any occurrence, for single characters and parts of paths.
    Text,
    /// Whole words in prose, in any case, also if wrapped at the end of a line.
    Phrase,
    /// A whole identifier, case-sensitive.
    Name,
    /// The name in the definition of a function.
    Function,
}

use Form::{Function, Name, Phrase, Text};

/// Retired words: form, word, path prefix of the files it is retired in (empty: all), replacement.
const RETIRED: &[(Form, &str, &str, &str)] = &[
    (Text, "\u{ab}", "", "a straight quote or a backtick"),
    (Text, "\u{bb}", "", "a straight quote or a backtick"),
    (Text, "\u{2039}", "", "a straight quote or a backtick"),
    (Text, "\u{203a}", "", "a straight quote or a backtick"),
    (Text, "\u{2018}", "", "a straight quote"),
    (Text, "\u{2019}", "", "a straight quote"),
    (Text, "\u{201a}", "", "a straight quote"),
    (Text, "\u{201c}", "", "a straight quote"),
    (Text, "\u{201d}", "", "a straight quote"),
    (Text, "\u{201e}", "", "a straight quote"),
    (Text, "/work/", "", "no path of a machine"),
    (Text, "registry.npmjs.org", "", "no host of a registry"),
    (Phrase, "for ever", "", "forever"),
    (Phrase, "in earnest", "", "Production, or in production"),
    (Phrase, "where to read on", "", "Further reading"),
    (Phrase, "fine print", "", "Details"),
    (Phrase, "a socket each", "", "per socket"),
    (Phrase, "doorbell", "", "push, or hint"),
    (Phrase, "lost, doubled", "", "lost, duplicated"),
    (Phrase, "0 doubled", "", "0 duplicated"),
    (Phrase, "a test says so", "", "injected by a test"),
    (Phrase, "e-mail", "", "email"),
    (Phrase, "e-mails", "", "emails"),
    (Name, "Trouble", "", "TxError"),
    (Name, "Obituary", "", "ExitGuard"),
    (Name, "Manners", "", "FrameLimiter"),
    (Name, "manners", "", "frame_limiter"),
    (Name, "keep_names", "", "fsync_directory"),
    (Name, "fly_on", "", "run"),
    (Name, "ailment", "", "HealthError, or what it is"),
    (Name, "came_or_went", "", "what changed"),
    (Name, "heard", "", "received"),
    (Name, "Standing", "src/", "a name for the state"),
    (Name, "Nothing::", "src/", "a name for the case"),
    (Name, "Bench", "src/persistence/", "TestStore"),
    (Name, "bench", "src/persistence/", "store, or test_store"),
    (Name, "PasswordGate", "src/", "PasswordHasher"),
    (Name, "blur_next_commit", "src/", "misreport_next_commit"),
    (Name, "block_beside", "src/", "block_from_outside"),
    (Name, "note_id", "src/persistence/rules/", "message_id"),
    (Name, "Shelf", "web/", "Storage, or what it stores"),
    (Name, "flying", "web/", "inFlight"),
    (Name, "converse", "web/", "what it does"),
    (Function, "ring", "", "notify, or push"),
    (Function, "tell", "", "notify, broadcast, push or reply"),
    (Function, "told", "", "what was received, or refused"),
    (Function, "say", "", "send, post or print"),
    (Function, "said", "", "what it returns"),
    (Function, "hear", "", "receive"),
    (Function, "heard", "", "receive"),
    (Function, "answer", "src/", "reply, or respond"),
    (Function, "word", "", "what it names"),
];

/// Exceptions: path prefix of the files, word (empty: all words), reason.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("tests/words.rs", "", "this list"),
    (
        "web/widget/locales/",
        "",
        "each language has its own quotes",
    ),
    (
        "web/console/language/texts/ar/",
        "",
        "each language has its own quotes",
    ),
    (
        "web/console/language/texts/de/",
        "",
        "each language has its own quotes",
    ),
    (
        "web/console/language/texts/es/",
        "",
        "each language has its own quotes",
    ),
    (
        "web/console/language/texts/fr/",
        "",
        "each language has its own quotes",
    ),
    (
        "src/translations.rs",
        "",
        "each language has its own quotes",
    ),
    ("web/e2e/mail.test.ts", "e-mail", "a name in German"),
    ("src/mail/compose/fr.eml", "e-mail", "it is in French"),
    (
        "src/persistence/postgres/migrations/",
        "e-mail",
        "migrations never change",
    ),
    (
        "src/persistence/sqlite/migrations/",
        "e-mail",
        "migrations never change",
    ),
    ("web/shared/text.ts", "", "characters that end a link"),
    (
        "web/shared/text.test.ts",
        "",
        "links in all kinds of quotes",
    ),
];

/// Suffixes of files that are binary, generated or not written here.
const SKIPPED: &[&str] = &[
    ".lock",
    "package-lock.json",
    ".png",
    ".svg",
    ".ico",
    ".woff2",
    ".gz",
    ".br",
    ".db",
    "LICENSE",
];

/// Top-level folders. A path that starts with one of them must exist.
const FOLDERS: &[&str] = &[
    "src/",
    "tests/",
    "web/",
    "docs/",
    "scripts/",
    "deploy/",
    "config/",
    "examples/",
    "load/",
    "local-servers/",
    "client/",
];

/// Suffixes by which a word counts as a file name.
const SUFFIXES: &[&str] = &[
    ".rs", ".ts", ".tsx", ".mjs", ".md", ".toml", ".sh", ".c", ".sql", ".css", ".html", ".service",
];

/// Parts of paths that ARCHITECTURE.md names for future features. Remove each when its file exists.
const PLANNED: &[&str] = &[
    "attachments.rs",
    "desk/notes.ts",
    "desk/replies.ts",
    "desk/shop-settings.ts",
    "notes.rs",
    "src/bus",
    "src/persistence/postgres",
    "webhooks.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the repository according to git. Empty in a source archive, which has no `.git`.
fn tracked() -> Vec<String> {
    if !root().join(".git").exists() {
        eprintln!("not a git repository: nothing is checked");
        return Vec::new();
    }
    let output = Command::new("git")
        // In a container the files may belong to another user.
        .args(["-c", "safe.directory=*"])
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git ls-files: {output:?}");
    let names = String::from_utf8(output.stdout).expect("names in UTF-8");
    let names = names.split_terminator('\0').map(str::to_owned);
    let mut names: Vec<String> = names.filter(|name| root().join(name).is_file()).collect();
    names.dedup();
    assert!(names.len() > 100, "the files were found");
    names
}

/// The text of a file, or `None` if the file is skipped or not UTF-8.
fn text_of(name: &str) -> Option<String> {
    if SKIPPED.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    String::from_utf8(std::fs::read(root().join(name)).expect("a readable file")).ok()
}

fn is_identifier_char(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether `line` contains `word` as a whole identifier.
fn has_name(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let after = &line[at + word.len()..];
        let starts = !line[..at].ends_with(is_identifier_char);
        let ends = !word.ends_with(is_identifier_char) || !after.starts_with(is_identifier_char);
        starts && ends
    })
}

fn has_phrase(line: &str, phrase: &str) -> bool {
    has_name(&line.to_lowercase(), phrase)
}

/// A line joined with the next one, without the comment marker of the latter.
fn unwrapped(line: &str, next: &str) -> String {
    let next = next.trim_start_matches(|letter: char| {
        letter.is_whitespace() || ['/', '*', '!', '#', '>', '-'].contains(&letter)
    });
    format!("{} {next}", line.trim_end())
}

fn matches(form: Form, word: &str, line: &str, next: &str) -> bool {
    match form {
        Text => line.contains(word),
        Phrase => {
            has_phrase(line, word)
                || (!has_phrase(next, word) && has_phrase(&unwrapped(line, next), word))
        }
        Name => has_name(line, word),
        Function => {
            has_name(line, &format!("fn {word}")) || has_name(line, &format!("function {word}"))
        }
    }
}

#[test]
fn retired_words_are_not_used() {
    let mut wrong = String::new();
    for name in tracked() {
        let Some(text) = text_of(&name) else { continue };
        let lines: Vec<&str> = text.lines().collect();
        for (form, word, below, instead) in RETIRED {
            let allowed = ALLOWED.iter().any(|(file, allowed, _)| {
                name.starts_with(file) && (allowed.is_empty() || allowed == word)
            });
            if allowed || !name.starts_with(below) {
                continue;
            }
            for (at, line) in lines.iter().enumerate() {
                let next = lines.get(at + 1).copied().unwrap_or_default();
                if matches(*form, word, line, next) {
                    let _ = writeln!(wrong, "{name}:{}: \"{word}\": use {instead}", at + 1);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "retired words:\n{wrong}");
}

/// Whether a path mentioned in `file` exists: relative to the root, relative to the file, or as the
/// end of a tracked path.
fn exists(path: &str, file: &str, tracked: &BTreeSet<String>) -> bool {
    let path = path.trim_end_matches('/');
    let beside = Path::new(file).parent().unwrap_or(Path::new("")).join(path);
    root().join(path).exists()
        || root().join(beside).exists()
        || tracked
            .iter()
            .any(|name| name.ends_with(&format!("/{path}")))
}

/// The parts of a line between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether the word looks like a path in the repository.
fn is_path(token: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "_-./".contains(letter);
    token.chars().all(letters)
        && !token.starts_with(['/', '.', '-'])
        && (SUFFIXES.iter().any(|end| token.ends_with(end))
            || FOLDERS.iter().any(|folder| token.starts_with(folder)))
}

/// The words of a line that look like a file in one of the folders.
fn named_files(line: &str) -> impl Iterator<Item = &str> {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "_-./".contains(letter);
    line.split(move |letter| !letters(letter))
        .map(|token| token.trim_end_matches('.'))
        .filter(|token| {
            FOLDERS.iter().any(|folder| token.starts_with(folder))
                && SUFFIXES.iter().any(|end| token.ends_with(end))
        })
}

#[test]
fn mentioned_paths_exist() {
    let files: BTreeSet<String> = tracked().into_iter().collect();
    let mut wrong = String::new();
    for name in files.iter().filter(|name| *name != "tests/words.rs") {
        let Some(text) = text_of(name) else { continue };
        let is_page = name.ends_with(".md");
        for (at, line) in text.lines().enumerate() {
            let mut paths: Vec<&str> = named_files(line).collect();
            if is_page {
                paths.extend(quoted(line).filter(|token| is_path(token)));
                paths.dedup();
            }
            for path in paths {
                let planned =
                    name == "ARCHITECTURE.md" && PLANNED.iter().any(|part| path.contains(part));
                if !planned && !exists(path, name, &files) {
                    let _ = writeln!(wrong, "{name}:{}: no file {path}", at + 1);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "paths that do not exist:\n{wrong}");
}

/// The anchor of a heading, as GitHub generates it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[test]
fn links_and_make_targets_in_the_documentation_exist() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("a Makefile");
    let mut wrong = String::new();
    for name in tracked() {
        if !name.ends_with(".md") {
            continue;
        }
        let text = text_of(&name).expect("text");
        // The text of a link may be wrapped, so lines are joined.
        let joined = text.replace('\n', " ");
        for link in joined.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                root().join(&name)
            } else {
                root().join(&name).parent().expect("a folder").join(path)
            };
            if !target.exists() {
                let _ = writeln!(wrong, "{name}: no {path}");
            } else if !heading.is_empty() {
                let page = std::fs::read_to_string(target).expect("a page");
                let mut headings = page.lines().filter(|line| line.starts_with('#'));
                if !headings.any(|line| anchor(line) == heading) {
                    let _ = writeln!(wrong, "{name}: no heading #{heading} in {link}");
                }
            }
        }
        for (at, line) in text.lines().enumerate() {
            for command in quoted(line).filter_map(|token| token.strip_prefix("make ")) {
                // Variables may follow.
                let target = command.split(' ').next().unwrap_or_default();
                if !makefile
                    .lines()
                    .any(|row| row.starts_with(&format!("{target}:")))
                {
                    let _ = writeln!(wrong, "{name}:{}: no target {target}", at + 1);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "broken links:\n{wrong}");
}

#[test]
fn the_checks_find_what_they_should() {
    assert!(matches(
        Phrase,
        "for ever",
        "It stays for",
        "/// ever there."
    ));
    assert!(matches(Phrase, "in earnest", "## In earnest", ""));
    assert!(!matches(Phrase, "for ever", "for every room", ""));
    assert!(matches(Name, "Bench", "let bench = Bench::new();", ""));
    assert!(!matches(Name, "Bench", "Benchmark", ""));
    assert!(matches(Function, "tell", "async fn tell(&self)", ""));
    assert!(!matches(Function, "tell", "fn tell_apart()", ""));
    assert_eq!(quoted("a `b` c `d`").collect::<Vec<_>>(), ["b", "d"]);
    assert!(is_path("src/http/mod.rs") && is_path("places.rs"));
    assert!(!is_path("/widget.js") && !is_path("limits.calls_*"));
    assert_eq!(
        named_files("see docs/x.md.").collect::<Vec<_>>(),
        ["docs/x.md"]
    );
    assert_eq!(anchor("## The identity token"), "the-identity-token");
}
