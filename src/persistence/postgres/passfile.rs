//! The password file of PostgreSQL's own programs, named by PGPASSFILE: lines of
//! `host:port:database:user:password`, in which `*` stands for anything.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a password is looked up for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'l> {
    pub(crate) host: &'l str,
    pub(crate) port: u16,
    pub(crate) database: &'l str,
    pub(crate) user: &'l str,
}

/// The password of a login in this file, if it has one.
pub(crate) fn password(path: &Path, login: Login<'_>) -> Result<Option<String>, String> {
    let cannot = |cause: std::io::Error| {
        let path = path.display();
        format!("cannot read {path} (PGPASSFILE): {cause}")
    };
    let mode = path.metadata().map_err(cannot)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "other users can read {} (PGPASSFILE); close it with: chmod 600",
            path.display()
        ));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    Ok(text.lines().find_map(|line| matching(line, login)))
}

fn matching(line: &str, login: Login<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let [host, port, database, user, password] = <[String; 5]>::try_from(fields(line)).ok()?;
    let is = |field: &str, value: &str| field == "*" || field == value;
    let fits = is(&host, login.host)
        && is(&port, &login.port.to_string())
        && is(&database, login.database)
        && is(&user, login.user);
    fits.then_some(password)
}

/// The fields between colons; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            ':' if fields.len() < 5 => fields.push(String::new()),
            char => {
                let char = if char == '\\' {
                    chars.next()
                } else {
                    Some(char)
                };
                if let Some(last) = fields.last_mut() {
                    last.extend(char);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pgpass");
        let text = "# comment\nother:*:*:*:wrong\ndb:5432:shop:shop:se\\:cr\\\\et\n*:*:*:*:last\n";
        std::fs::write(&path, text).expect("written");
        let login = Login {
            host: "db",
            port: 5432,
            database: "shop",
            user: "shop",
        };
        let open = password(&path, login).expect_err("others can read it");
        assert!(open.contains("chmod 600"), "{open}");
        let closed = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, closed).expect("closed");
        assert_eq!(password(&path, login), Ok(Some("se:cr\\et".into())));
        let elsewhere = Login {
            port: 5433,
            ..login
        };
        assert_eq!(password(&path, elsewhere), Ok(Some("last".into())));
        std::fs::write(&path, "db:5432:shop:mia:x\n").expect("written");
        assert_eq!(password(&path, login), Ok(None));
    }
}
