//! Checks the layers: which modules may use which, and which modules may use a library.

use std::path::{Path, PathBuf};

/// The modules of `src`, with those of the crate that each may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("chat", &[]),
    ("protocol", &["chat"]),
    ("encryption", &[]),
    ("persistence", &["chat", "encryption"]),
    ("credentials", &["persistence"]),
    ("priority", &[]),
    ("csv", &[]),
    ("reports", &["chat", "csv", "persistence", "settings"]),
    ("passwords", &["priority"]),
    ("actors", &["chat", "protocol", "persistence"]),
    ("canary", &["actors", "chat", "persistence"]),
    ("settings", &["chat"]),
    ("current_settings", &["persistence", "settings"]),
    ("current_names", &["actors", "chat", "persistence"]),
    ("bus", &["https_client", "persistence"]),
    ("cluster", &["actors", "bus", "chat", "persistence"]),
    ("followers", &["chat", "persistence", "push"]),
    ("config", &["bus", "chat", "https_client", "persistence"]),
    ("https_client", &[]),
    ("translations", &["chat"]),
    (
        "mail",
        &[
            "actors",
            "chat",
            "config",
            "current_settings",
            "followers",
            "https_client",
            "persistence",
            "translations",
        ],
    ),
    ("tls", &["config", "https_client"]),
    (
        "push",
        &[
            "chat",
            "config",
            "https_client",
            "persistence",
            "translations",
        ],
    ),
    ("cards", &["chat", "config", "https_client"]),
    (
        "metrics",
        &[
            "actors",
            "canary",
            "cards",
            "chat",
            "cluster",
            "jobs",
            "mail",
            "persistence",
            "protocol",
            "push",
            "tls",
        ],
    ),
    (
        "http",
        &[
            "actors",
            "canary",
            "cards",
            "chat",
            "config",
            "credentials",
            "current_names",
            "current_settings",
            "doctor",
            "jobs",
            "mail",
            "metrics",
            "passwords",
            "persistence",
            "protocol",
            "push",
            "reports",
            "settings",
            "tls",
        ],
    ),
    (
        "doctor",
        &["cards", "chat", "config", "credentials", "mail", "protocol"],
    ),
    (
        "jobs",
        &[
            "actors",
            "chat",
            "config",
            "credentials",
            "csv",
            "passwords",
            "doctor",
            "encryption",
            "persistence",
            "priority",
        ],
    ),
    (
        "demo",
        &["cards", "chat", "credentials", "passwords", "persistence"],
    ),
    (
        "server",
        &[
            "bus",
            "cluster",
            "actors",
            "canary",
            "cards",
            "chat",
            "config",
            "credentials",
            "current_names",
            "current_settings",
            "doctor",
            "followers",
            "http",
            "followers",
            "jobs",
            "mail",
            "metrics",
            "persistence",
            "push",
            "settings",
            "tls",
        ],
    ),
];

/// Parts of a module from the bottom up: each may use itself and those before it. Paths
/// begin below `src`; a part is a file or a folder, and the longest path that fits a file counts.
const LAYERS_INSIDE: &[&[&str]] = &[
    &[
        "persistence/erasures",
        "persistence/operations",
        "persistence/imports",
        "persistence/error",
        "persistence/options",
        "persistence/json_size",
        "persistence/list_cursor",
        "persistence/search_words",
        "persistence/epoch",
        "persistence/sharing",
        "persistence/rules",
        "persistence/sqlite",
        "persistence/postgres",
        "persistence/store",
    ],
    &[
        "persistence/sqlite/codes",
        "persistence/sqlite/tx_error",
        "persistence/sqlite/damage",
        "persistence/sqlite/connection",
        "persistence/sqlite/data_directory",
        "persistence/sqlite/foreign_file",
        "persistence/sqlite/staging",
        "persistence/sqlite/schema",
        "persistence/sqlite/consistency",
        "persistence/sqlite/backup_file",
        "persistence/sqlite/state",
        "persistence/sqlite/commit_mark",
        "persistence/sqlite/transaction",
        "persistence/sqlite/tables",
        "persistence/sqlite/reader",
        "persistence/sqlite/writer",
        "persistence/sqlite/store",
        "persistence/sqlite/operations",
        "persistence/sqlite/restore",
        "persistence/sqlite/open",
    ],
    &[
        "persistence/postgres/tx_error",
        "persistence/postgres/codes",
        "persistence/postgres/session",
        "persistence/postgres/connect",
        "persistence/postgres/requirements",
        "persistence/postgres/schema",
        "persistence/postgres/inspect",
        "persistence/postgres/tx",
        "persistence/postgres/heads",
        "persistence/postgres/slot",
        "persistence/postgres/marks",
        "persistence/postgres/readers",
        "persistence/postgres/tables",
        "persistence/postgres/shared",
        "persistence/postgres/poll",
        "persistence/postgres/lane",
        "persistence/postgres/store",
        "persistence/postgres/operations",
        "persistence/postgres/open",
    ],
    &[
        "http/problem",
        "http/desk_ids",
        "http/client_addr",
        "http/origin",
        "http/limits",
        "http/auth",
        "http/stall_timer",
        "http/socket_gate",
        "http/connections",
        "http/redirect",
        "http/state",
        "http/pages",
        "http/middleware",
        "http/socket",
        "http/api",
    ],
    &[
        "http/connections/bounds",
        "http/connections/handshake",
        "http/connections/table",
        "http/connections/slot",
        "http/connections/stream",
        "http/connections/transport",
        "http/connections/admission",
        "http/connections/serve",
    ],
    &[
        "http/socket/wire",
        "http/socket/closing",
        "http/socket/feed",
        "http/socket/lobby_feed",
        "http/socket/frame_limiter",
        "http/socket/liveness",
        "http/socket/pending",
        "http/socket/task",
        "http/socket/hello",
    ],
];

/// Libraries, and the modules that may use them.
const STAYS_IN: &[(&str, &[&str])] = &[
    ("axum", &["http"]),
    ("axum_extra", &["http"]),
    (
        "hyper",
        &["cards", "doctor", "http", "https_client", "push", "tls"],
    ),
    ("hyper_util", &["doctor", "http", "https_client"]),
    ("tower", &["http"]),
    ("tower_http", &["http"]),
    ("rusqlite", &["persistence"]),
    ("rusqlite_migration", &["persistence"]),
    ("tokio_postgres", &["persistence"]),
    ("async_nats", &["bus"]),
    ("r2d2", &["persistence"]),
    ("r2d2_sqlite", &["persistence"]),
    ("ractor", &["actors"]),
    ("rustls", &["doctor", "https_client", "persistence", "tls"]),
    ("tokio_rustls", &["doctor", "https_client", "mail", "tls"]),
    ("instant_acme", &["tls"]),
    ("web_push_native", &["push"]),
    ("async_imap", &["mail"]),
    ("lettre", &["config", "mail"]),
    ("mail_parser", &["mail"]),
    ("x509_parser", &["doctor", "tls"]),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Code without its comments, since a comment about a library does not use it.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a readable file");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first path segment after each occurrence of `crate::`, also inside braces.
fn modules_used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // Not `crate::` at the end of a longer word, or in another crate's macro.
        if code[..at]
            .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$')
        {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => group
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .collect(),
            None => vec![rest],
        };
        for name in names {
            let name: String = name
                .trim()
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            used.push(name);
        }
    }
    used
}

fn uses_library(code: &str, library: &str) -> bool {
    let path = format!("{library}::");
    code.match_indices(&path).any(|(at, _)| {
        !code[..at]
            .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}

fn module_of(path: &Path) -> String {
    let first = path.components().next().expect("a path below src");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

#[test]
fn modules_use_only_what_is_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were found");
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("below src");
        let module = module_of(path);
        if ["lib", "main", "cli"].contains(&module.as_str()) {
            continue;
        }
        let code = code(&file);
        let allowed = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("src/{module} is new: say here what it may use"))
            .1;
        for used in modules_used(&code) {
            let is_module = MAY_USE.iter().any(|(name, _)| *name == used);
            if is_module && used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("src/{} uses {used}", path.display()));
            }
        }
        for (library, homes) in STAYS_IN {
            if !homes.contains(&module.as_str()) && uses_library(&code, library) {
                wrong.push(format!(
                    "src/{} uses {library}, which stays in {homes:?}",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The paths below `src` that the code of a file names by `crate::` or `super::`, as `a/b/c`.
fn paths_used(file: &str, code: &str) -> Vec<String> {
    let module = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut used = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            // A later `super::` of a chain belongs to its first one.
            if code[..at].ends_with(':') {
                continue;
            }
            let path: String = code[at..]
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || "_:".contains(*letter))
                .collect();
            let mut path = path.trim_end_matches(':');
            let mut parent = module;
            while let Some(rest) = path.strip_prefix("super::") {
                path = rest;
                parent = parent.rsplit_once('/').map_or("", |(parent, _)| parent);
            }
            used.push(match path.strip_prefix("crate::") {
                Some(path) => path.replace("::", "/"),
                None => format!("{parent}/{}", path.replace("::", "/")),
            });
        }
    }
    used
}

/// The place of a path in layers, if it is in one of them.
fn layer_of(path: &str, layers: &[&str]) -> Option<usize> {
    layers.iter().position(|layer| {
        path.strip_prefix(layer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    })
}

#[test]
fn parts_of_a_module_use_only_what_is_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for layers in LAYERS_INSIDE {
        let mut seen = vec![false; layers.len()];
        for file in &files {
            let path = file.strip_prefix(&root).expect("below src");
            let path = path.to_string_lossy();
            let Some(own) = layer_of(&path, layers) else {
                continue;
            };
            seen[own] = true;
            let code = code(file);
            // Unit tests may use anything.
            let code = code
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default();
            for used in paths_used(&path, code) {
                if layer_of(&used, layers).is_some_and(|layer| layer > own) {
                    wrong.push(format!("src/{path} uses {used}"));
                }
            }
        }
        for (layer, seen) in layers.iter().zip(seen) {
            assert!(seen, "there is no src/{layer}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_check_finds_uses() {
    let layers = ["a/low", "a/high"];
    assert_eq!(layer_of("a/low/file.rs", &layers), Some(0));
    assert_eq!(layer_of("a/high.rs", &layers), Some(1));
    assert_eq!(layer_of("a/lower.rs", &layers), None);
    let used = |code| paths_used("a/low/mod.rs", code);
    assert_eq!(used("use crate::a::high::X;"), ["a/high/X"]);
    assert_eq!(used("use super::high::X;"), ["a/high/X"]);
    assert_eq!(paths_used("a/b/c.rs", "super::super::x::Y"), ["a/x/Y"]);
    assert_eq!(
        modules_used("use crate::{chat, http::Problem};"),
        ["chat", "http"]
    );
    assert_eq!(modules_used("let x = crate::actors::Rooms;"), ["actors"]);
    assert!(uses_library("use axum::Router;", "axum"));
    assert!(!uses_library("use my_axum::Router;", "axum"));
    assert!(!uses_library("crate::axum::x", "axum"));
}
