//! Commands that are printed for people to paste into a shell, perhaps another one, in another
//! directory.

use std::path::{Path, PathBuf};

use shoptalk::config::Config;

/// The variable of `storage.url`.
const URL_VARIABLE: &str = "SHOPTALK_STORAGE__URL";

/// How to add an agent to the database of this configuration, for the end of a sentence. Names it by
/// what another shell has, too: neither its environment nor its working directory.
pub(super) fn add_agent(config: &Config, file: Option<&Path>) -> String {
    let add = format!("{} agent add NAME", program());
    if config.storage.url.is_none() {
        return format!(
            "with: {add} --data-dir {}",
            quoted(&config.storage.data_dir)
        );
    }
    // The URL may have a password, so it is not printed.
    let variable = |name: &str| std::env::var_os(name);
    match (
        variable(&format!("{URL_VARIABLE}_FILE")),
        variable(URL_VARIABLE),
        file,
    ) {
        (Some(path), ..) => format!(
            "with: {URL_VARIABLE}_FILE={} {add}",
            quoted(Path::new(&path))
        ),
        // A pipe cannot be read again.
        (None, None, Some(file)) if file.is_file() => {
            format!("with: {add} --config {}", quoted(file))
        }
        _ => format!("where {URL_VARIABLE} is this server's storage.url, with: {add}"),
    }
}

/// This program, as it was called: by a path, or by a name that the shell has found.
fn program() -> String {
    match std::env::args_os().next().map(PathBuf::from) {
        Some(path) if path.components().count() > 1 => quoted(&path),
        _ => "shoptalk".to_owned(),
    }
}

/// A path as one word of a shell's command, absolute.
pub(super) fn quoted(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = path.to_string_lossy();
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+,:@%=".contains(char);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path.into_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_quoted_path_as_it_is() {
        let paths = [
            "/srv/shop",
            "/srv/my shop",
            "/srv/Mia's $HOME `x` \"y\" \\z;&|*?#~!(<",
            "/srv/größe",
        ];
        for path in paths {
            let line = format!("printf %s {}", quoted(Path::new(path)));
            let output = std::process::Command::new("/bin/sh")
                .args(["-c", &line])
                .output()
                .expect("it runs");
            assert_eq!(String::from_utf8_lossy(&output.stdout), path, "{line}");
        }
        assert_eq!(quoted(Path::new("/srv/shop-1.2")), "/srv/shop-1.2");
    }

    #[test]
    fn a_relative_path_becomes_absolute() {
        let here = std::env::current_dir().expect("a directory").join("data");
        assert_eq!(quoted(Path::new("./data")), quoted(&here));
    }
}
