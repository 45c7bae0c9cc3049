//! Starts a proxy with a shipped configuration, in a directory of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Caddy,
    Apache,
    Haproxy,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Nginx, Self::Caddy, Self::Apache, Self::Haproxy];

    fn shipped(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../deploy/proxies/nginx.conf"),
            Self::Caddy => include_str!("../../deploy/proxies/Caddyfile"),
            Self::Apache => include_str!("../../deploy/proxies/apache.conf"),
            Self::Haproxy => include_str!("../../deploy/proxies/haproxy.cfg"),
        }
    }
}

/// A running proxy. It ends when this is dropped.
pub(crate) struct Proxy {
    child: Child,
    _dir: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        // A signal that lets it end its workers.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// A certificate authority and a certificate for localhost.
pub(crate) struct Tls {
    dir: TempDir,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let tls = Self {
            dir: tempfile::tempdir().expect("a directory"),
        };
        std::fs::write(tls.path("ext"), "subjectAltName=DNS:localhost\n").expect("written");
        let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Trial CA' -keyout ca.key -out ca.pem && \
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key.pem -out csr.pem && \
            openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out cert.pem && \
            cat cert.pem key.pem >both.pem";
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(tls.dir.path())
            .output()
            .expect("openssl");
        assert!(output.status.success(), "{output:?}");
        tls
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn ca(&self) -> &Path {
        // Leaked with the test.
        Box::leak(self.path("ca.pem").into_boxed_path())
    }
}

/// Starts the proxy on `port` in front of `server`, with changes to its shipped configuration.
pub(crate) async fn start(
    kind: Kind,
    server: SocketAddr,
    port: u16,
    tls: &Tls,
    changes: &[(&str, &str)],
) -> Proxy {
    let dir = tempfile::tempdir().expect("a directory");
    let mut text = kind.shipped().to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} is in the shipped file");
        text = text.replace(from, to);
    }
    let text = text.replace("127.0.0.1:8001", &server.to_string());
    let child = match kind {
        Kind::Nginx => nginx(&dir, &with_certificate(&text, tls), port),
        Kind::Caddy => caddy(&dir, &text, port, tls),
        Kind::Apache => apache(&dir, &with_certificate(&text, tls), port),
        Kind::Haproxy => haproxy(&dir, &text, port, tls),
    };
    let mut proxy = Proxy { child, _dir: dir };
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listens = async {
        while TcpStream::connect(address).is_err() {
            let ended = proxy.child.try_wait().expect("its state");
            assert!(ended.is_none(), "{kind:?} ended: {ended:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::common::DEADLINE, listens)
        .await
        .expect("the proxy listens");
    proxy
}

fn with_certificate(text: &str, tls: &Tls) -> String {
    let live = "/etc/letsencrypt/live/chat.example.com/";
    text.replace(
        &format!("{live}fullchain.pem"),
        &tls.path("cert.pem").display().to_string(),
    )
    .replace(
        &format!("{live}privkey.pem"),
        &tls.path("key.pem").display().to_string(),
    )
}

fn spawn(command: &mut Command, dir: &TempDir) -> Child {
    command
        .current_dir(dir.path())
        .env("HOME", dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the proxy is installed")
}

fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).expect("written");
    path
}

fn nginx(dir: &TempDir, text: &str, port: u16) -> Child {
    let place = dir.path().display();
    let site = write(
        dir,
        "site.conf",
        &text
            .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
            .replace(
                "proxy_cache_path cache",
                &format!("proxy_cache_path {place}/cache"),
            ),
    );
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/{name};\n"))
        .concat();
    // As root, workers would run as a user who cannot enter the directory.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let main = format!(
        "{user}\ndaemon off;\npid {place}/pid;\nerror_log {place}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {};\n}}\n",
        site.display()
    );
    let main = write(dir, "nginx.conf", &main);
    let mut command = Command::new("nginx");
    command
        .args(["-e", "error.log", "-p"])
        .arg(dir.path())
        .arg("-c")
        .arg(main);
    spawn(&mut command, dir)
}

fn caddy(dir: &TempDir, text: &str, port: u16, tls: &Tls) -> Child {
    let site = format!(
        "https://localhost:{port} {{\ntls {} {}\n",
        tls.path("cert.pem").display(),
        tls.path("key.pem").display()
    );
    assert!(text.contains("chat.example.com {"));
    let text = text.replace("chat.example.com {", &site);
    let global = "{\nadmin off\nauto_https disable_redirects\n}\n";
    let file = write(dir, "Caddyfile", &format!("{global}{text}"));
    let mut command = Command::new("caddy");
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(file)
        .stderr(Stdio::null());
    spawn(&mut command, dir)
}

fn apache(dir: &TempDir, text: &str, port: u16) -> Child {
    let place = dir.path().display();
    let modules: String = [
        "mpm_event",
        "authz_core",
        "ssl",
        "proxy",
        "proxy_http",
        "headers",
        "env",
        "socache_shmcb",
    ]
    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
    .concat();
    let text = text.replace("*:443", &format!("127.0.0.1:{port}"));
    let main = format!(
        "ServerRoot {place}\nDefaultRuntimeDir {place}\nPidFile {place}/pid\nServerName localhost\nErrorLog {place}/error.log\n{modules}Listen 127.0.0.1:{port}\n{text}"
    );
    let file = write(dir, "apache.conf", &main);
    let mut command = Command::new("apache2");
    command.args(["-D", "FOREGROUND", "-f"]).arg(file);
    spawn(&mut command, dir)
}

fn haproxy(dir: &TempDir, text: &str, port: u16, tls: &Tls) -> Child {
    let text = text.replace(
        "bind :443 ssl crt /etc/haproxy/chat.example.com.pem",
        &format!(
            "bind 127.0.0.1:{port} ssl crt {}",
            tls.path("both.pem").display()
        ),
    );
    let file = write(dir, "haproxy.cfg", &text);
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f"]).arg(file);
    spawn(&mut command, dir)
}
