use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use shoptalk::bus::Bus;
use shoptalk::bus::memory::{MemoryBus, Unreliability};
use shoptalk::chat::{Role, Timestamp};
use shoptalk::config::{Config, Secret};
use shoptalk::credentials::{TokenKind, hash_token, new_token};
use shoptalk::passwords::hash_password;
use shoptalk::persistence::{AgentCredentials, NewAgent, NewSession, Principal, Store};
use shoptalk::{Faults, Server, StopReason};
use shoptalk_local_servers::{Database, Postgres, test_database, tested_nodes, unless_missing};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

use super::balancer::Balancer;
use super::{Agent, DEADLINE, IDENTITY_SECRET, PASSWORD, Rest, Value, eventually, json};

/// The hash of [`PASSWORD`], computed once. A server computes hashes at the lowest priority; on a
/// busy machine every test with an agent would wait for one. Only tests of signing in do.
static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| hash_password(PASSWORD).expect("a hash"));

/// The server of one test, on a free port, with a data directory that is removed with it.
pub struct TestServer {
    running: Option<(Server, Store)>,
    addr: SocketAddr,
    setup_code: Option<String>,
    admin: OnceCell<Agent>,
    pub config: Config,
    dir: tempfile::TempDir,
    /// `None` if SQLite is tested.
    database: Option<Database<'static>>,
    /// How many nodes there are behind the address.
    nodes: usize,
    /// The first node's own address.
    first_addr: SocketAddr,
    others: Vec<OtherNode>,
    /// What all of them share.
    all_faults: Faults,
    balancer: Option<Balancer>,
}

/// A node beside the first one.
struct OtherNode {
    server: Server,
    addr: SocketAddr,
    _dir: tempfile::TempDir,
}

impl TestServer {
    /// Starts a server without rate limits; tests of limits turn them on.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(test_database(), None, tested_nodes(), change).await
    }

    async fn start_on(
        database: Option<Database<'static>>,
        bus: Option<Bus>,
        nodes: usize,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory for the data");
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().expect("an address");
        config.storage.url = database.as_ref().map(Database::url);
        config.storage.data_dir = dir.path().to_owned();
        config.backup.directory = dir.path().join("backups");
        config.identity.secrets = vec![Secret::new(IDENTITY_SECRET)];
        config.limits.enabled = false;
        // Long enough for the slowest machine, and for sockets that a test does not read for a
        // while. Tests of these timeouts set their own.
        config.socket.hello_timeout_ms = 600_000;
        config.socket.pong_timeout_ms = 600_000;
        config.socket.post_timeout_ms = 600_000;
        change(&mut config);
        let mut server = Self {
            running: None,
            addr: config.server.listen,
            first_addr: config.server.listen,
            setup_code: None,
            admin: OnceCell::new(),
            config,
            dir,
            database,
            nodes,
            others: Vec::new(),
            all_faults: Faults::default(),
            balancer: None,
        };
        match bus {
            Some(bus) => Box::pin(server.run_on(Some(bus))).await,
            None => server.run().await,
        }
        server
    }

    /// Starts the stopped server again, on the same data and port.
    pub async fn run(&mut self) {
        if self.nodes == 1 {
            return Box::pin(self.run_on(None)).await;
        }
        let listener = TcpListener::bind(self.addr).await.expect("a port");
        let addr = listener.local_addr().expect("a bound listener");
        // Browsers know no other address.
        let scheme = if self.config.server.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let own_origin = format!("{scheme}://{addr}").parse().expect("a URL");
        self.config.server.public_url.get_or_insert(own_origin);
        let bus = MemoryBus::new(Unreliability::default(), 7);
        self.addr = "127.0.0.1:0".parse().expect("an address");
        Box::pin(self.run_on(Some(bus.connect()))).await;
        for _ in 1..self.nodes {
            let faults = self.all_faults.clone();
            let other = OtherNode::start(self.config.clone(), bus.connect(), faults);
            self.others.push(Box::pin(other).await);
        }
        self.addr = addr;
        self.balancer = Some(Balancer::start(listener, self.node_addrs().collect()));
    }

    async fn run_on(&mut self, bus: Option<Bus>) {
        let listener = TcpListener::bind(self.addr).await.expect("a port");
        self.addr = listener.local_addr().expect("a bound listener");
        self.first_addr = self.addr;
        self.config.server.listen = self.addr;
        let store = open_store(&self.config).await;
        let config = self.config.clone();
        let server = match bus {
            Some(bus) => {
                let faults = self.all_faults.clone();
                Server::start_on_bus(config, listener, store.clone(), bus, faults).await
            }
            None => Server::start(config, listener, store.clone()).await,
        };
        let server = server.expect("the server starts");
        self.setup_code = server
            .setup_link()
            .and_then(|link| link.split_once('#'))
            .map(|(_, code)| code.to_owned());
        self.running = Some((server, store));
    }

    /// Where each node listens.
    fn node_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        let others = self.others.iter().map(|node| node.addr);
        std::iter::once(self.first_addr).chain(others)
    }

    /// A metric as [`Rest::metric`] reads it, summed over all nodes.
    pub async fn metric(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for addr in self.node_addrs() {
            sum += Rest::new(addr).metric(name).await;
        }
        sum
    }

    /// Injects faults, into every node.
    pub fn faults(&self) -> &shoptalk::Faults {
        self.server().faults()
    }

    /// Waits until the server has failed.
    pub async fn stopped(&self) -> StopReason {
        tokio::time::timeout(DEADLINE, self.server().stopped())
            .await
            .expect("the server stops")
    }

    /// Drains and stops.
    pub async fn stop(&mut self) {
        let (server, _) = self.running.take().expect("the server runs");
        let others = std::mem::take(&mut self.others);
        let others = others.iter().map(|node| node.server.shutdown());
        tokio::join!(server.shutdown(), futures_util::future::join_all(others));
        if let Some(balancer) = self.balancer.take() {
            balancer.stop().await;
        }
    }

    /// Drains, stops and starts again on the same data and port.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The origin that the console is served from.
    pub fn own_origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Lets a node look so often at what others have committed, and waits until it has looked.
    pub async fn poll_every(&self, interval: Duration) {
        let (store, set) = (self.store(), Instant::now());
        store.poll(Some(interval));
        eventually("a look", async || store.poll_age() < set.elapsed()).await;
    }

    /// The directory with the data.
    pub fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The database in PostgreSQL.
    pub fn database(&self) -> Option<&Database<'static>> {
        self.database.as_ref()
    }

    /// A client without credentials.
    pub fn rest(&self) -> Rest {
        Rest::new(self.addr)
    }

    /// The part of the setup link after the `#`, while there is no agent.
    pub fn setup_code(&self) -> Option<&str> {
        self.setup_code.as_deref()
    }

    pub fn server(&self) -> &Server {
        let (server, _) = self.running.as_ref().expect("the server runs");
        server
    }

    fn store(&self) -> &Store {
        let (_, store) = self.running.as_ref().expect("the server runs");
        store
    }

    /// The first admin, "Ada Admin", created on the first call in the way that the setup link does.
    pub async fn admin(&self) -> &Agent {
        self.admin
            .get_or_init(|| async {
                let (token, session) = new_session();
                let made = self
                    .store()
                    .set_up(new_agent("ada", "Ada Admin", Role::Admin), session)
                    .await
                    .expect("there is no agent");
                Agent::signed_in(self, &json!({"token": token, "agent": {"id": made.id}}))
            })
            .await
    }

    /// Another agent with the role `agent` or `admin`, added by the admin and signed in.
    /// The display name is the user name with a capital and " Agent".
    pub async fn agent(&self, username: &str, role: &str) -> Agent {
        let (first, rest) = username.split_at(1);
        let display_name = format!("{}{rest} Agent", first.to_uppercase());
        let role = match role {
            "admin" => Role::Admin,
            "agent" => Role::Agent,
            other => panic!("no role: {other}"),
        };
        let by = Principal::Agent(self.admin().await.id.parse().expect("an id"));
        let made = self
            .store()
            .add_agent(new_agent(username, &display_name, role), by)
            .await
            .expect("the name is free");
        let (token, session) = new_session();
        let verified = AgentCredentials {
            agent: made,
            password_hash: PASSWORD_HASH.clone(),
        };
        let response = json!({"token": token, "agent": {"id": verified.agent.id}});
        self.store()
            .start_session(verified, session)
            .await
            .expect("an agent");
        Agent::signed_in(self, &response)
    }

    /// Signs in and returns `{token, agent}`.
    pub async fn sign_in(&self, username: &str, password: &str) -> Value {
        self.rest()
            .post(
                "/api/admin/login/",
                json!({"username": username, "password": password}),
            )
            .await
            .is(200)
    }
}

/// Several servers on one database.
pub struct Nodes(Vec<TestServer>);

impl Nodes {
    /// Starts as many nodes, on this bus or without one. `None` where PostgreSQL is not installed,
    /// which is printed.
    pub async fn start(count: usize, bus: Option<MemoryBus>) -> Option<Self> {
        Some(Self::start_each(Postgres::shared()?, count, bus, None, |_| {}).await)
    }

    /// Starts as many nodes without a bus, with other settings.
    pub async fn start_with(count: usize, change: impl Fn(&mut Config)) -> Option<Self> {
        Some(Self::start_each(Postgres::shared()?, count, None, None, change).await)
    }

    /// Starts as many nodes without a bus, on a server of PostgreSQL that the test may stop.
    pub async fn start_apart(count: usize) -> Option<(&'static Postgres, Self)> {
        // It ends with this process.
        let server: &Postgres = Box::leak(Box::new(unless_missing(Postgres::start())?));
        let nodes = Self::start_each(server, count, None, None, |_| {}).await;
        Some((server, nodes))
    }

    async fn start_each(
        server: &'static Postgres,
        count: usize,
        bus: Option<MemoryBus>,
        nats_url: Option<&str>,
        settings: impl Fn(&mut Config),
    ) -> Self {
        let database = server.create_database().expect("a database");
        let url = database.url();
        let mut database = Some(database);
        let mut nodes = Vec::new();
        for _ in 0..count {
            let bus = bus.as_ref().map(MemoryBus::connect);
            let url = url.clone();
            let change = |config: &mut Config| {
                config.storage.url = Some(url);
                config.cluster.nats_url = nats_url.map(str::to_owned);
                // Somebody who leaves is waited for.
                config.rooms.presence_grace_ms = 500;
                // Before a ping a socket reads what it has missed, which would hide that nodes do not
                // notify each other.
                config.socket.ping_interval_ms = 3_600_000;
                settings(config);
            };
            nodes.push(TestServer::start_on(database.take(), bus, 1, change).await);
        }
        Self(nodes)
    }

    /// Starts as many nodes that use the NATS server at `url`.
    pub async fn start_on_nats(count: usize, nats_url: &str) -> Option<Self> {
        Some(Self::start_each(Postgres::shared()?, count, None, Some(nats_url), |_| {}).await)
    }

    /// One of them.
    pub fn at(&self, index: usize) -> &TestServer {
        &self.0[index]
    }

    /// Drains and stops one of them.
    pub async fn stop(&mut self, index: usize) {
        self.0[index].stop().await;
    }
}

impl OtherNode {
    /// With the settings of the first one, and a port and a directory of its own.
    async fn start(mut config: Config, bus: Bus, faults: Faults) -> Self {
        let dir = tempfile::tempdir().expect("a directory for the data");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("a bound listener");
        config.server.listen = addr;
        config.storage.data_dir = dir.path().to_owned();
        config.backup.directory = dir.path().join("backups");
        let store = open_store(&config).await;
        let server = Server::start_on_bus(config, listener, store, bus, faults).await;
        Self {
            server: server.expect("the server starts"),
            addr,
            _dir: dir,
        }
    }
}

async fn open_store(config: &Config) -> Store {
    let options = config.storage.options(true);
    tokio::task::spawn_blocking(|| Store::open(options))
        .await
        .expect("opening does not panic")
        .expect("the store opens")
}

fn new_agent(username: &str, display_name: &str, role: Role) -> NewAgent {
    NewAgent {
        username: username.to_owned(),
        display_name: display_name.to_owned(),
        role,
        password_hash: PASSWORD_HASH.clone(),
    }
}

fn new_session() -> (String, NewSession) {
    let token = new_token(TokenKind::Agent);
    let session = NewSession {
        token: hash_token(&token),
        expires_at: Timestamp(Timestamp::now().as_millis() + 60 * 60 * 1_000),
    };
    (token, session)
}
