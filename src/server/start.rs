//! Puts the parts of a server together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listeners::{Listeners, bind_http};
use super::nodes::Nodes;
use super::{Listening, Server, StartError};
use super::{background, ends, followers, opening};
use crate::actors::{ActorOptions, ActorStartError, Actors, Faults, Rooms};
use crate::bus::Bus;
use crate::canary::Canary;
use crate::chat::Timestamp;
use crate::config::Config;
use crate::credentials::SetupCode;
use crate::current_names::CurrentNames;
use crate::current_settings::CurrentSettings;
use crate::doctor::DoctorCode;
use crate::http::{self, AppParts, AppState, StartPage};
use crate::jobs::control;
use crate::jobs::erase::Eraser;
use crate::jobs::registry::Jobs;
use crate::jobs::schedule::{BackupMetrics, BackupSettings, Backups};
use crate::mail::Mail;
use crate::metrics::Metrics;
use crate::persistence::{Store, StoreError};
use crate::push::Push;
use crate::settings::FixedSettings;
use crate::tls::{Tls, TlsError};

impl Server {
    pub(super) async fn start_parts(
        config: Config,
        listeners: Listeners,
        store: Store,
        start_page: StartPage,
        bus: Option<Bus>,
        faults: Faults,
    ) -> Result<Self, StartError> {
        let Listeners { main, redirect } = listeners;
        let local_addr = main.socket.local_addr()?;
        let metrics = Metrics::new();
        store.use_metrics(metrics.store());
        let has_http = redirect.is_some() || config.server.http_listen.is_some();
        let tls = load_tls(&config, &metrics, has_http).await?;
        let redirect = match redirect {
            None => bind_http(config.server.http_listen).await?,
            passed => passed,
        };
        // Before anybody can see a room on this node.
        Eraser::new(store.clone(), None, BackupSettings::from(&config))
            .repeat_listed()
            .await;
        let actors = start_actors(&config, &store, &metrics, &faults).await?;
        let (setup_code, setup) = setup_code(&store).await?;
        let drain_timeout = Duration::from_millis(config.server.drain_timeout_ms);
        let listening = Listening {
            drain: CancellationToken::new(),
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
            limits: http::Connections::new(&config, metrics.clone()),
        };
        let sockets = TaskTracker::new();
        let canary = Canary::new(
            store.clone(),
            actors.rooms(),
            actors.lobby(),
            metrics.canary(),
            listening.drain.clone(),
        );
        let nodes = Nodes::start(&config, &store, &actors, bus, &metrics, &listening.drain).await?;
        let jobs = open_jobs(&config, &store, actors.rooms(), &metrics, &listening.drain).await?;
        let settings = open_settings(&config, &store, &listening.drain).await?;
        tokio::spawn(opening::follow(
            settings.watch(),
            actors.presence(),
            Timestamp::now,
            listening.drain.clone(),
        ));
        let mail = Mail::open(
            &config.mail,
            store.clone(),
            actors.rooms(),
            actors.presence(),
            settings.clone(),
            metrics.mail(),
        )
        .await?;
        let auth_version = background::watch_auth(&store, listening.drain.clone());
        let names = CurrentNames::load(store.clone(), actors.names()).await?;
        tokio::spawn(
            names
                .clone()
                .follow(auth_version.clone(), listening.drain.clone()),
        );
        let state = AppState::new(AppParts {
            mail,
            names,
            jobs: jobs.clone(),
            settings,
            auth_version,
            store: store.clone(),
            rooms: actors.rooms(),
            lobby: actors.lobby(),
            presence: actors.presence(),
            push: Push::new(&config, store.clone(), metrics.push()),
            metrics,
            connections: listening.limits.clone(),
            canary: canary.clone(),
            local_addr,
            setup,
            doctor_code: DoctorCode::default(),
            drain: listening.drain.clone(),
            socket_tasks: sockets.clone(),
            config: Arc::new(config),
        });
        let base_url = state.origins.base_url();
        let setup_link = setup_code.map(|code| format!("{base_url}/admin/setup#{code}"));
        tokio::spawn(jobs.backups().clone().run(listening.drain.clone()));
        tokio::spawn(jobs.clone().sweep());
        spawn_background(&state, canary, actors.rooms(), &listening.drain);
        spawn_control(&state);
        if let Some(cut_off) = nodes.cut_off.clone() {
            tokio::spawn(http::close_sockets_while(state.clone(), cut_off));
        }
        let base_url = base_url.to_owned();
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let mut http_addr = None;
        if let (Some(listener), Some(acceptor)) = (redirect, &acceptor) {
            http_addr = Some(listener.socket.local_addr()?);
            let service = http::redirect(base_url, acceptor.http_challenges());
            listening.serve(listener, None, service);
        }
        let reload_tls = tls.as_ref().map(Tls::reload);
        if let Some(tls) = tls {
            tokio::spawn(tls.run(listening.drain.clone()));
        }
        listening.serve(main, acceptor, http::router(state, start_page));
        let server = Self {
            local_addr,
            http_addr,
            reload_tls,
            setup_link,
            drain_timeout,
            actors,
            store,
            #[cfg(feature = "test-hooks")]
            faults,
            #[cfg(feature = "test-hooks")]
            jobs,
            #[cfg(feature = "test-hooks")]
            nodes,
            listening,
            sockets,
            stopped: Arc::new(watch::Sender::new(None)),
        };
        server.watch_failures();
        Ok(server)
    }
}

async fn load_tls(
    config: &Config,
    metrics: &Metrics,
    has_http_listener: bool,
) -> Result<Option<Tls>, TlsError> {
    let Some(tls) = config.server.tls.clone() else {
        return Ok(None);
    };
    let (data_dir, metrics) = (config.storage.data_dir.clone(), metrics.tls());
    let load = move || Tls::load(&tls, &data_dir, has_http_listener, metrics);
    tokio::task::spawn_blocking(load)
        .await
        .map_err(|error| TlsError::Library(error.to_string()))?
        .map(Some)
}

async fn start_actors(
    config: &Config,
    store: &Store,
    metrics: &Metrics,
    faults: &Faults,
) -> Result<Arc<Actors>, ActorStartError> {
    let options = ActorOptions {
        store: store.clone(),
        idle_timeout: Duration::from_millis(config.rooms.idle_timeout_ms),
        presence_grace: Duration::from_millis(config.rooms.presence_grace_ms),
        metrics: metrics.actors(),
        faults: faults.clone(),
    };
    Ok(Arc::new(Actors::start(options).await?))
}

/// The code of the setup link, as it is shown and as it is remembered, while there is no agent.
async fn setup_code(store: &Store) -> Result<(Option<String>, Option<SetupCode>), StoreError> {
    Ok(if store.agent_count().await? == 0 {
        let (code, remembered) = SetupCode::generate();
        let (hash, lifetime) = remembered.to_remember();
        store.remember_setup_code(hash, lifetime).await?;
        (Some(code), Some(remembered))
    } else {
        (None, None)
    })
}

/// What admins have set, kept up to date until `drain`.
async fn open_settings(
    config: &Config,
    store: &Store,
    drain: &CancellationToken,
) -> Result<CurrentSettings, StoreError> {
    let fixed = FixedSettings {
        alerts_escalate_ms: config.alerts.escalate_ms,
        alerts_mail_ms: config.alerts.mail_ms,
        mail_after_ms: config.mail.after_ms,
    };
    let settings = CurrentSettings::load(store.clone(), fixed).await?;
    tokio::spawn(settings.clone().follow(drain.clone()));
    Ok(settings)
}

/// What admins can start, with what an earlier server has left.
async fn open_jobs(
    config: &Config,
    store: &Store,
    rooms: Rooms,
    metrics: &Metrics,
    drain: &CancellationToken,
) -> Result<Jobs, StartError> {
    let settings = BackupSettings::from(config);
    let eraser = Eraser::new(store.clone(), Some(rooms), settings.clone());
    let (store, drain) = (store.clone(), drain.clone());
    let metrics = match settings.is_postgres {
        true => BackupMetrics::none(),
        false => metrics.backup(),
    };
    let opening = tokio::task::spawn_blocking(move || {
        let backups = Backups::open(store.clone(), settings, metrics);
        Jobs::open(store, backups, eraser, drain)
    });
    Ok(opening.await.map_err(std::io::Error::other)?)
}

/// Serves the control socket. The chat goes on without it.
fn spawn_control(state: &AppState) {
    let data_dir = state.config.storage.data_dir.clone();
    let recipients = state.config.backup.recipients.clone();
    let (store, drain) = (state.store.clone(), state.drain.clone());
    let doctor_code = state.doctor_code.clone();
    let backup_dir = state.config.backup.directory.clone();
    let eraser = state.jobs.eraser().clone();
    tokio::spawn(background::finish_erasures(
        store.clone(),
        eraser.clone(),
        drain.clone(),
    ));
    tokio::spawn(background::expire_rooms(
        eraser.clone(),
        state.presence.clone(),
        state.config.retention,
        drain.clone(),
    ));
    tokio::spawn(background::rewrite_when_quiet(
        eraser.clone(),
        state.presence.clone(),
        drain.clone(),
    ));
    tokio::spawn(async move {
        let serving = control::serve(
            store,
            eraser,
            data_dir,
            backup_dir,
            recipients,
            doctor_code,
            drain,
        );
        if let Err(error) = serving.await {
            tracing::warn!(%error, "cannot serve the control socket: until a restart, `shoptalk backup`, `erase`, `export`, `stats` and `doctor` need the server stopped");
        }
    });
}

fn spawn_background(state: &AppState, canary: Canary, rooms: Rooms, drain: &CancellationToken) {
    tokio::spawn(async move { canary.run().await });
    followers::start(state);
    let store = &state.store;
    tokio::spawn(background::remove_empty_rooms(
        store.clone(),
        rooms.clone(),
        drain.clone(),
    ));
    tokio::spawn(ends::end_snoozes_and_blocks(
        store.clone(),
        rooms.clone(),
        drain.clone(),
    ));
    tokio::spawn(http::take_off_deleted_tags(state.clone()));
    tokio::spawn(background::apply_visitor_changes(
        store.clone(),
        rooms,
        drain.clone(),
    ));
    if store.is_shared() {
        tokio::spawn(http::follow_ended_tokens(state.clone()));
    }
    tokio::spawn(http::housekeeping(state.clone()));
}
