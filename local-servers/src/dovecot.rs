use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::process::{Directory, ServerProcess};
use crate::user::User;
use crate::{Error, ports, programs};

/// How often another port is tried when somebody was quicker.
const TRIES: usize = 10;
/// How long the processes of a killed server may take to end, and how often they are looked for.
const END: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(5);
/// The password of every user.
const PASSWORD: &str = "secret";

/// How a mailbox is read by TLS alone, with access tokens instead of passwords.
pub struct Tokens {
    /// The server's certificate and key in PEM format.
    pub certificate: String,
    /// The key of the certificate.
    pub key: String,
    /// What knows the tokens: an address to which the token is appended, and which responds to `GET`
    /// with a JSON object whose `email` is the user, or with an error.
    pub known_at: String,
}

/// Dovecot, a server for IMAP, with one mailbox that any user reads. Dropping it ends it.
pub struct Dovecot {
    program: PathBuf,
    port: u16,
    tokens: Option<Tokens>,
    /// Whom the mailbox belongs to, if this process is root.
    owner: Option<User>,
    delivered: AtomicUsize,
    server: ServerProcess,
}

impl Dovecot {
    /// Starts a server with an empty mailbox, in plain text.
    pub fn start() -> Result<Self, Error> {
        Self::start_as(None)
    }

    /// Starts a server with an empty mailbox that is read with access tokens (XOAUTH2).
    pub fn start_with_tokens(tokens: Tokens) -> Result<Self, Error> {
        Self::start_as(Some(tokens))
    }

    fn start_as(tokens: Option<Tokens>) -> Result<Self, Error> {
        let program = programs::dovecot()?;
        programs::setpriv()?;
        let directory = Directory::new()?;
        let owner = User::instead_of_root(directory.path())?;
        let mut dovecot = Self {
            program,
            port: 0,
            tokens,
            owner,
            delivered: AtomicUsize::new(0),
            server: ServerProcess::new("dovecot", directory),
        };
        dovecot.make_mailbox()?;
        let mut tries = 0;
        loop {
            dovecot.port = ports::free_port()?;
            tries += 1;
            match dovecot.start_again() {
                Ok(()) => return Ok(dovecot),
                Err(Error::Failed { .. }) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the mailbox, with a user and a password.
    pub fn url(&self) -> String {
        format!("imap://chat:{PASSWORD}@127.0.0.1:{}/INBOX", self.port)
    }

    /// Puts a mail into the mailbox, as a mail server does.
    pub fn deliver(&self, raw: &[u8]) -> Result<(), Error> {
        let number = self.delivered.fetch_add(1, Ordering::Relaxed);
        let name = format!("{number}.{}.localhost", std::process::id());
        let written = self.mailbox().join("tmp").join(&name);
        let failed = || Error::io("a mail");
        std::fs::write(&written, raw).map_err(failed())?;
        self.give(&written)?;
        std::fs::rename(&written, self.mailbox().join("new").join(&name)).map_err(failed())
    }

    /// Sends it SIGKILL and waits for its end, and for that of its processes: they have its sockets
    /// until they notice, and it does not start while somebody listens on them.
    pub fn kill(&self) {
        self.server.kill();
        let socket = self.server.path().join("run/login/imap");
        let killed = Instant::now();
        while UnixStream::connect(&socket).is_ok() && killed.elapsed() < END {
            std::thread::sleep(POLL);
        }
    }

    /// Starts the killed server again on the same port, with the same mails.
    pub fn start_again(&self) -> Result<(), Error> {
        let settings = self.server.path().join("dovecot.conf");
        std::fs::write(&settings, self.settings()?).map_err(Error::io("the settings"))?;
        let mut command = Command::new(&self.program);
        command.arg("-F").arg("-c").arg(&settings);
        let is_tls = self.tokens.is_some();
        self.server
            .start(&command, "TERM", |_| (), || listens(self.port, is_tls))
    }

    /// Has the mailbox number its mails anew.
    pub fn renumber(&self) -> Result<(), Error> {
        self.kill();
        for entry in std::fs::read_dir(self.mailbox()).map_err(Error::io("the mailbox"))? {
            let path = entry.map_err(Error::io("the mailbox"))?.path();
            if path.is_file() {
                std::fs::remove_file(path).map_err(Error::io("the mailbox"))?;
            }
        }
        self.start_again()
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.server.log()
    }

    fn mailbox(&self) -> PathBuf {
        self.server.path().join("mail")
    }

    fn make_mailbox(&self) -> Result<(), Error> {
        // Its processes for mail run as another user than root.
        std::fs::set_permissions(self.server.path(), Permissions::from_mode(0o755))
            .map_err(Error::io("the server's directory"))?;
        for name in ["", "new", "cur", "tmp"] {
            let path = self.mailbox().join(name);
            std::fs::create_dir(&path).map_err(Error::io("the mailbox"))?;
            self.give(&path)?;
        }
        Ok(())
    }

    fn give(&self, path: &Path) -> Result<(), Error> {
        match self.owner {
            Some(owner) => owner.give(path),
            None => Ok(()),
        }
    }

    fn settings(&self) -> Result<String, Error> {
        let directory = self.server.path();
        let path = directory.display();
        let (uid, gid) = User::ids_of(&self.mailbox())?;
        let users = match self.owner {
            Some(_) => String::new(),
            // Without root, everything runs as one user.
            None => {
                let name = User::name_of(uid)?;
                format!("default_login_user = {name}\ndefault_internal_user = {name}\n")
            }
        };
        let (plain, encrypted) = match self.tokens {
            None => (self.port, 0),
            Some(_) => (0, self.port),
        };
        let sign_in = self.sign_in_settings()?;
        let settings = format!(
            "base_dir = {path}/run\nlog_path = /dev/stderr\nprotocols = imap\nlisten = 127.0.0.1\n\
             mail_location = maildir:{path}/mail\n\
             first_valid_uid = 1\nfirst_valid_gid = 1\n{users}{sign_in}\
             userdb {{\n driver = static\n args = uid={uid} gid={gid} home={path}\n}}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n  port = {plain}\n }}\n \
             inet_listener imaps {{\n  port = {encrypted}\n }}\n}}\n\
             service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n",
        );
        Ok(settings)
    }

    /// How users sign in, and whether the connection is encrypted.
    fn sign_in_settings(&self) -> Result<String, Error> {
        let Some(tokens) = &self.tokens else {
            return Ok(format!(
                "ssl = no\ndisable_plaintext_auth = no\n\
                 passdb {{\n driver = static\n args = password={PASSWORD}\n}}\n"
            ));
        };
        let known_at = &tokens.known_at;
        let of_tokens = format!("tokeninfo_url = {known_at}\nusername_attribute = email\n");
        let path = self.server.path();
        for (name, text) in [
            ("cert.pem", &tokens.certificate),
            ("key.pem", &tokens.key),
            ("tokens.conf", &of_tokens),
        ] {
            std::fs::write(path.join(name), text).map_err(Error::io("the settings"))?;
        }
        let path = path.display();
        Ok(format!(
            "ssl = required\nssl_cert = <{path}/cert.pem\nssl_key = <{path}/key.pem\n\
             auth_mechanisms = xoauth2\n\
             passdb {{\n driver = oauth2\n mechanisms = xoauth2\n args = {path}/tokens.conf\n}}\n"
        ))
    }
}

/// Whether the server lets users sign in: in plain text it begins with a line about itself.
fn listens(port: u16, is_tls: bool) -> bool {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    if is_tls {
        return true;
    }
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("* OK")
}
